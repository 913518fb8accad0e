package hotsock

import (
	"time"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// This file bounds what changes of a presence channel's members cost its
// subscribers. Each of them is told of every change, but is sent the list of
// members no more often than it may and can receive it. A change whose list has
// to wait is pending; if another one follows first, it is sent without the list
// (docs/protocol.md#6-presence).

// A pendingChange says which change of members a subscriber has yet to be sent, with
// the list of the moment in which it is sent.
type pendingChange uint8

const (
	pendingNone pendingChange = iota
	// pendingUpdate is the newest change, which is of a member's metadata.
	pendingUpdate
	// pendingMembership is the newest change by which a member came or went.
	// Updates that follow do not replace it: hotsock-js keeps the list of members
	// that came or went, and ignores that of updates.
	pendingMembership
)

func pendingOf(kind store.PresenceKind) pendingChange {
	if kind == store.MemberUpdated {
		return pendingUpdate
	}
	return pendingMembership
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

// latestChanges are those of a channel's members. They are guarded by
// the topic's mu.
type latestChanges struct {
	newest     *memberChange // nil before the first
	membership *memberChange // the newest by which a member came or went, or nil
	frames     [pendingMembership + 1]socket.Frame
}

// after returns the latest changes when one has followed.
func (l *latestChanges) after(item *store.Item) latestChanges {
	next := latestChanges{
		newest:     &memberChange{channel: item.Channel, PresenceChange: item.Presence},
		membership: l.membership,
	}
	switch m := l.membership; {
	case pendingOf(item.Presence.Kind) == pendingMembership:
		next.membership = next.newest
	case m != nil && m.Kind == store.MemberAdded && m.Member.UID == item.Presence.Member.UID:
		// Who is still to be told of the member is told of it as it is now.
		added := *m.PresenceChange
		added.Member = item.Presence.Member
		next.membership = &memberChange{channel: item.Channel, PresenceChange: &added}
	}
	return next
}

// covers reports whether a change needs no frame of its own where a membership is
// pending, because that frame will tell of it.
func (l *latestChanges) covers(change *store.PresenceChange) bool {
	return change.Kind == store.MemberUpdated && l.membership.Member.UID == change.Member.UID
}

func (l *latestChanges) change(pending pendingChange) *memberChange {
	if pending == pendingMembership {
		return l.membership
	}
	return l.newest
}

// withList returns the frame of a pending change. The topic's lock must be held.
func (t *topic) withList(pending pendingChange) socket.Frame {
	latest := &t.latest
	if latest.frames[pending].IsZero() {
		m := latest.change(pending)
		latest.frames[pending] = presenceFrame(m.channel, m.PresenceChange, t.members.appendAll)
	}
	return latest.frames[pending]
}

// deliverChange hands a change of members to the topic's subscribers, and
// returns how many took it. The topic's lock must be held.
func (t *topic) deliverChange(item *store.Item) (taken int) {
	older := t.latest
	t.latest = older.after(item)
	pending := pendingOf(item.Presence.Kind)
	for _, s := range t.subs {
		if s.pending != pendingNone && s.pending <= pending {
			s.sock.Send(older.change(s.pending).withoutList())
			s.pending = pendingNone
		}
		switch {
		case s.state == subBuffering:
			if s.bufferItem(item, t.latest.newest.withoutList().Len()) {
				taken++
			}
		case s.state == subLive && s.isNew(item):
			taken++
			switch {
			case s.follows:
			case s.pending == pendingNone:
				s.sendList(pending)
			case !t.latest.covers(item.Presence):
				s.sock.Send(t.latest.newest.withoutList())
			}
		}
	}
	return taken
}

// sendList sends a change with the list, now or when the client may be sent a list
// again; or without, while those who follow changes have made the list too long. The
// topic's lock must be held.
func (s *subscription) sendList(pending pendingChange) {
	if s.topic.members.size > wire.MaxMemberSizes(s.conn.h.opts.MaxMembersSize) {
		s.pending = pendingNone
		s.sock.Send(s.topic.latest.change(pending).withoutList())
		return
	}
	if !s.conn.takesList() {
		s.pending = pending
		s.topic.startListTimer()
		return
	}
	s.pending = pendingNone
	frame := s.topic.withList(pending)
	s.conn.chargeList(frame.Len())
	s.sock.Send(frame)
}

// sendBuffered sends the buffered changes: all but the one that is pending now without
// the list. The topic's lock must be held.
func (s *subscription) sendBuffered(changes []*store.Item) {
	pending := s.pending
	last := -1 // the change that will be pending, if it is one of these
	for i, item := range changes {
		if of := pendingOf(item.Presence.Kind); of >= pending {
			pending, last = of, i
		}
	}
	for i, item := range changes {
		if i != last && (i < last || pending != pendingMembership || !s.topic.latest.covers(item.Presence)) {
			s.sock.Send(memberChangedFrame(item.Channel, item.Presence))
		}
	}
	if pending != pendingNone {
		s.sendList(pending)
	}
}

// startListTimer has the topic's subscribers sent their pending changes soon. The
// topic's lock must be held.
func (t *topic) startListTimer() {
	if t.listTimerOn {
		return
	}
	t.listTimerOn = true
	if t.listTimer == nil {
		t.listTimer = time.AfterFunc(memberListPause, t.sendPending)
	} else {
		t.listTimer.Reset(memberListPause)
	}
}

// sendPending sends subscribers their pending change, if they may be sent a list.
func (t *topic) sendPending() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listTimerOn = false
	for _, s := range t.subs {
		if s.pending != pendingNone && s.state == subLive {
			s.sendList(s.pending)
		}
	}
	if !t.listTimerOn {
		clear(t.latest.frames[:]) // which are long
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
