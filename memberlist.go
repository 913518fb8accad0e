package hotsock

import (
	"time"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/store"
)

// This file bounds what changes of a presence channel's members cost its
// subscribers. Each of them is told of every change, but is sent the list of
// members no more often than it may and can receive it. A change whose list has
// to wait is owed; if another one follows first, it is sent without the list
// (docs/protocol.md#6-presence).

// A debt says which change of members a subscriber has yet to be sent, with the
// list of the moment in which it is.
type debt uint8

const (
	noDebt debt = iota
	// owesUpdate is for the newest change, which is of a member's metadata.
	owesUpdate
	// owesMembership is for the newest change by which a member came or went.
	// Updates that follow do not settle it: hotsock-js keeps the list of members
	// that came or went, and ignores that of updates.
	owesMembership
)

func debtOf(kind store.PresenceKind) debt {
	if kind == store.MemberUpdated {
		return owesUpdate
	}
	return owesMembership
}

// A memberChange is a change of a channel's members, and its frame without the
// list, made when it is needed.
type memberChange struct {
	channel string
	*store.PresenceChange
	brief socket.Frame
}

func (m *memberChange) withoutList() socket.Frame {
	if m.brief.IsZero() {
		m.brief = memberChangedFrame(m.channel, m.PresenceChange)
	}
	return m.brief
}

// memberNews are the newest changes of a channel's members. They are guarded by
// the topic's mu.
type memberNews struct {
	newest     *memberChange // nil before the first
	membership *memberChange // the newest by which a member came or went, or nil
	frames     [owesMembership + 1]socket.Frame
}

// after returns the news when a change has followed.
func (n *memberNews) after(item *store.Item) memberNews {
	next := memberNews{
		newest:     &memberChange{channel: item.Channel, PresenceChange: item.Presence},
		membership: n.membership,
	}
	switch m := n.membership; {
	case debtOf(item.Presence.Kind) == owesMembership:
		next.membership = next.newest
	case m != nil && m.Kind == store.MemberAdded && m.Member.UID == item.Presence.Member.UID:
		// Who is still to be told of the member is told of it as it is now.
		added := *m.PresenceChange
		added.Member = item.Presence.Member
		next.membership = &memberChange{channel: item.Channel, PresenceChange: &added}
	}
	return next
}

// tells reports whether a change needs no frame of its own where a membership is
// owed, because that frame will tell of it.
func (n *memberNews) tells(change *store.PresenceChange) bool {
	return change.Kind == store.MemberUpdated && n.membership.Member.UID == change.Member.UID
}

func (n *memberNews) change(d debt) *memberChange {
	if d == owesMembership {
		return n.membership
	}
	return n.newest
}

// withList returns the frame that settles a debt.
func (n *memberNews) withList(d debt) socket.Frame {
	if n.frames[d].IsZero() {
		m := n.change(d)
		change := *m.PresenceChange
		change.Members = n.newest.Members
		n.frames[d] = presenceFrame(m.channel, &change)
	}
	return n.frames[d]
}

// deliverChange hands a change of members to the topic's subscribers, and
// returns how many took it. The topic's lock must be held.
func (t *topic) deliverChange(item *store.Item) (taken int) {
	older := t.members
	t.members = older.after(item)
	d := debtOf(item.Presence.Kind)
	for _, s := range t.subs {
		if s.owed != noDebt && s.owed <= d {
			s.conn.sock.Send(older.change(s.owed).withoutList())
			s.owed = noDebt
		}
		switch {
		case s.state == subBuffering:
			if s.bufferItem(item, t.members.newest.withoutList().Len()) {
				taken++
			}
		case s.state == subLive && s.isNew(item):
			taken++
			switch {
			case s.owed == noDebt:
				s.offer(d)
			case !t.members.tells(item.Presence):
				s.conn.sock.Send(t.members.newest.withoutList())
			}
		}
	}
	return taken
}

// offer sends the change of a debt with the list, now or when the client may be
// sent a list again. The topic's lock must be held.
func (s *subscription) offer(d debt) {
	if !s.conn.takesList() {
		s.owed = d
		s.topic.payLater()
		return
	}
	s.owed = noDebt
	frame := s.topic.members.withList(d)
	s.conn.chargeList(frame.Len())
	s.conn.sock.Send(frame)
}

// sendBuffered sends the buffered changes: all but the one that is owed now without
// the list. The topic's lock must be held.
func (s *subscription) sendBuffered(changes []*store.Item) {
	d := s.owed
	last := -1 // the change that will be owed, if it is one of these
	for i, item := range changes {
		if of := debtOf(item.Presence.Kind); of >= d {
			d, last = of, i
		}
	}
	for i, item := range changes {
		if i != last && (i < last || d != owesMembership || !s.topic.members.tells(item.Presence)) {
			s.conn.sock.Send(memberChangedFrame(item.Channel, item.Presence))
		}
	}
	if d != noDebt {
		s.offer(d)
	}
}

// payLater has the topic's subscribers sent what they are owed. The topic's lock
// must be held.
func (t *topic) payLater() {
	if t.paying {
		return
	}
	t.paying = true
	if t.payday == nil {
		t.payday = time.AfterFunc(memberListPause, t.pay)
	} else {
		t.payday.Reset(memberListPause)
	}
}

// pay offers subscribers the change that they are owed.
func (t *topic) pay() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paying = false
	for _, s := range t.subs {
		if s.owed != noDebt && s.state == subLive {
			s.offer(s.owed)
		}
	}
	if !t.paying {
		clear(t.members.frames[:]) // which are long
	}
}

// takesList reports whether a list of members may be sent now. Nothing else is
// delayed by more than one list, and superseded lists do not pile up.
func (c *connection) takesList() bool {
	if c.sock.Queued() > memberListRoom {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lists-time.Since(c.connected) <= listTime(memberListBurst)
}

// chargeList counts a list that is sent.
func (c *connection) chargeList(size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists = max(c.lists, time.Since(c.connected)) + listTime(size)
}

// listTime is in how long that many bytes of lists may be sent.
func listTime(size int) time.Duration {
	return time.Duration(size) * time.Second / memberListRate
}
