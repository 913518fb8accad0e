package hotsock

import (
	"time"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/store"
)

// This file bounds what changes of a presence channel's members cost its
// subscribers. Each of them is told of every change, but is sent the list of
// members no more often than it may and can receive it. A change whose list has
// to wait is owed: the next change sends it without the list, and the last one
// is sent with it as soon as possible (docs/protocol.md#6-presence).

// A memberChange is the newest change of a channel's members. It is guarded by
// the topic's mu.
type memberChange struct {
	item *store.Item
	// Frames of it, made when they are needed.
	list, brief socket.Frame
}

func (m *memberChange) withList() socket.Frame {
	if m.list.IsZero() {
		m.list = presenceFrame(m.item, true)
	}
	return m.list
}

func (m *memberChange) withoutList() socket.Frame {
	if m.brief.IsZero() {
		m.brief = presenceFrame(m.item, false)
	}
	return m.brief
}

// deliverChange hands a change of members to the topic's subscribers, and
// returns how many took it. The topic's lock must be held.
func (t *topic) deliverChange(item *store.Item) (taken int) {
	older := t.change
	t.change = &memberChange{item: item}
	for _, s := range t.subs {
		if s.owed {
			s.owed = false
			s.conn.sock.Send(older.withoutList())
		}
		switch {
		case s.state == subJoining:
			if s.hold(item, t.change.withoutList().Len()) {
				taken++
			}
		case s.state == subLive && s.lacks(item):
			s.offer(t.change)
			taken++
		}
	}
	return taken
}

// offer sends a change with the list, now or when the client may be sent a list
// again. The topic's lock must be held.
func (s *subscription) offer(m *memberChange) {
	if s.owed = !s.conn.takesList(); s.owed {
		s.topic.payLater()
		return
	}
	frame := m.withList()
	s.conn.chargeList(frame.Len())
	s.conn.sock.Send(frame)
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
		if s.owed && s.state == subLive {
			s.offer(t.change)
		}
	}
	if !t.paying {
		t.change.list = socket.Frame{} // which is long
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
