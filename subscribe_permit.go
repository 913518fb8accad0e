package hotsock

import (
	"errors"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/store"
)

// permit changes what a subscription may do, from now on. The client is sent the entries
// that it may observe in addition. Whether the subscription is counted stays as it
// began. ops is held.
func (c *connection) permit(s *subscription, perms *permission.Channel) {
	before := s.perms()
	t := s.topic
	t.mu.Lock()
	live := s.state == subLive
	if live {
		s.state = subBuffering // until the entries are sent
	}
	s.permitted.Store(perms)
	s.buffer.dropUnobserved(perms)
	if !perms.GetInfo {
		t.setInformed(s, false)
	}
	t.mu.Unlock()
	c.perms.Subscribed(s.channel, perms)
	if !live {
		return // A snapshot is on its way, with all that may be observed.
	}
	ctx := c.storeContext()
	defer ctx.end()
	entries, err := c.h.reads.observedSince(ctx, s, before, c.h.opts.MaxQueueSize)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case errors.Is(err, &Error{Code: CodePayloadTooLarge}):
		c.tooSlow() // and is told why when it comes back
	case err != nil:
		// The client gets a snapshot when the store is back.
		s.startGap()
		c.h.resyncs.start(s.channel)
	case s.sendEntries(entries):
		s.passItems(s.position)
	default:
		c.tooSlow()
	}
}

// sendEntries sends entries that the client has not observed until now, and returns false
// if they are too much. The topic's lock must be held.
func (s *subscription) sendEntries(entries []*store.Entry) bool {
	if len(entries) == 0 {
		return true
	}
	frames := make([]socket.Frame, 0, len(entries))
	for _, e := range entries {
		if s.reads != nil && e.ID.Compare(s.reads.sent[e.Key]) <= 0 {
			continue // The client has asked for it meanwhile.
		}
		frames = append(frames, storageUpdatedFrame(e))
		s.noteEntry(e)
	}
	return s.conn.sock.SendAll(frames)
}

// dropUnobserved forgets the changes of entries that are not observed any more.
func (b *itemBuffer) dropUnobserved(perms *permission.Channel) {
	b.drop(func(item *store.Item) bool { return item.Storage != nil && !perms.Entry(item.Storage.Key).Observe })
}
