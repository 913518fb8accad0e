package hotsock

import (
	"context"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A memberList is who the members of a topic's channel are: what the store said
// once, and each change since, up to topic.at. It is guarded by the topic's mu.
type memberList struct {
	// known is false until the store has said it, and again after items were lost.
	// Until it is said once more, the list may lack what was lost.
	known bool
	// encoded are the members by uid, as they stand in frames.
	encoded table.Ordered[string, []byte]
	// size is that of all as wire.MemberSize says it.
	size   int
	awaits []memberAwait
}

// A memberAwait is somebody who waits until the list is known at a position.
type memberAwait struct {
	position ulid.ULID
	reached  chan struct{}
}

// appendAll appends the members in the order of joining, with commas between them.
func (l *memberList) appendAll(b []byte) []byte {
	start := len(b)
	for _, m := range l.encoded.All() {
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(b, m...)
	}
	return b
}

// apply takes the next change of members.
func (l *memberList) apply(change *store.PresenceChange) {
	if change.Kind != store.MemberRemoved {
		l.set(change.Member)
		return
	}
	if old, ok := l.encoded.Get(change.Member.UID); ok {
		l.size -= len(old) + len(",")
		l.encoded.Delete(change.Member.UID)
	}
}

// set adds a member, or replaces its metadata.
func (l *memberList) set(m store.Member) {
	if old, ok := l.encoded.Get(m.UID); ok {
		l.size -= len(old) + len(",")
	}
	size := wire.MemberSize(store.Meta(m))
	l.size += size
	l.encoded.Set(m.UID, wire.AppendMember(make([]byte, 0, size), m))
}

// membersReach reports whether the list is known at a position, or a later one. The
// topic's lock must be held.
func (t *topic) membersReach(position ulid.ULID) bool {
	return t.members.known && t.at.Compare(position) >= 0
}

// wakeAwaits tells those for whom the list has come far enough. The topic's lock must
// be held.
func (t *topic) wakeAwaits() {
	t.members.awaits = slices.DeleteFunc(t.members.awaits, func(w memberAwait) bool {
		if t.membersReach(w.position) {
			close(w.reached)
			return true
		}
		return false
	})
}

// knowsMembers reports whether the topic knows the list.
func (t *topic) knowsMembers() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.members != nil && t.members.known
}

// learnMembers takes the list that the store gave a subscription, unless the topic
// has a newer one.
func (t *topic) learnMembers(s *subscription, r *store.SubscribeResult) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.members
	// What was delivered since is in the subscription's buffer, unless that has a gap,
	// or was of no use to it.
	complete := s.state == subBuffering && !s.gap && !s.buffer.overflowed()
	if t.membersReach(r.Position) || !l.known && !complete {
		return
	}
	old, known := l.encoded, l.known
	l.encoded, l.size = table.Ordered[string, []byte]{}, 0
	for _, m := range r.Info.Members {
		l.set(m)
	}
	if known {
		t.batchDifference(&old)
	}
	for _, change := range s.buffer.changesSince(r.Position) {
		l.apply(change)
	}
	l.known = true
	if r.Position.Compare(t.at) > 0 {
		t.at = r.Position
	}
	t.wakeAwaits()
}

// awaitMembers makes sure that the topic knows the members at the position of r. If
// it does not come to know them soon, it asks the store for them, and r is what the
// channel is then.
func (c *connection) awaitMembers(s *subscription, r *store.SubscribeResult) error {
	if !protocol.IsPresence(s.channel) {
		return nil
	}
	ctx := c.storeContext()
	defer ctx.end()
	if s.topic.awaitMembers(ctx, r.Position) {
		return nil
	}
	again, err := c.storeSubscribeKnowing(ctx, s, false)
	if err == nil {
		*r = again
	}
	return err
}

// awaitMembers waits for a short time until the list is known at a position, and
// returns whether it is. Nodes are told of the items of a channel in no certain time.
func (t *topic) awaitMembers(ctx context.Context, position ulid.ULID) bool {
	t.mu.Lock()
	l := t.members
	if t.membersReach(position) || !l.known {
		defer t.mu.Unlock()
		return l.known
	}
	w := memberAwait{position, make(chan struct{})}
	l.awaits = append(l.awaits, w)
	t.mu.Unlock()

	timeout := time.NewTimer(memberListWait)
	defer timeout.Stop()
	select {
	case <-w.reached:
		return true
	case <-timeout.C:
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l.awaits = slices.DeleteFunc(l.awaits, func(other memberAwait) bool { return other == w })
	return t.membersReach(position)
}
