package hotsock

import (
	"context"
	"errors"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// enter makes the store know the subscription and the client know the state of
// the channel, from which on it gets every item.
func (c *connection) enter(ctx context.Context, s *subscription, j *joinRequest, ref string) error {
	r, err := c.h.enroll(ctx, s)
	if err != nil {
		return err
	}
	s.from = r.Position
	c.h.events.subscribed(s, &r)
	b, err := c.beginning(s, j, &r)
	if err != nil {
		return err
	}
	b.Ref = ref

	t := s.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	c.mu.Lock()
	delete(c.waiting, s.channel)
	c.subs.Set(s.channel, s)
	c.mu.Unlock()
	s.start(b)
	return nil
}

// enroll makes the store know the subscription.
func (h *Handler) enroll(ctx context.Context, s *subscription) (store.SubscribeResult, error) {
	r, err := h.node.Subscribe(ctx, s.request())
	if errors.Is(err, store.ErrCapacity) {
		err = refuse(CodePresenceCapacityReached)
	}
	return r, err
}

// resume begins a subscription that the client already has again, after an item
// that it has seen. So the client need not leave a channel to catch up if its
// token subscribes the channel, or if it has dropped something. What was sent
// since that item is sent again. ops is held.
func (c *connection) resume(s *subscription, j *joinRequest, ref string) error {
	t := s.topic
	t.mu.Lock()
	s.state = subJoining
	t.mu.Unlock()
	b, err := c.again(s, j)

	t.mu.Lock()
	defer t.mu.Unlock()
	c.mu.Lock()
	delete(c.waiting, s.channel)
	c.mu.Unlock()
	if err != nil {
		s.goLive(s.position) // as if it had not been asked for
		return err
	}
	b.Ref = ref
	s.start(b)
	return nil
}

// again reads the beginning of a subscription that the store knows.
func (c *connection) again(s *subscription, j *joinRequest) (beginning, error) {
	ctx, cancel := c.h.storeContext(c.h.ctx)
	defer cancel()
	r, err := c.h.enroll(ctx, s)
	if err != nil {
		return beginning{}, err
	}
	return c.beginning(s, j, &r)
}

// A beginning is what a client is told first of a channel.
type beginning struct {
	wire.Subscribed
	entries []*store.Entry
	missed  []*store.Message
}

// beginning reads what the client must know at the position of r.
func (c *connection) beginning(s *subscription, j *joinRequest, r *store.SubscribeResult) (beginning, error) {
	b := beginning{Subscribed: wire.Subscribed{
		AutoSubscribed: j.auto, Members: r.Info.Members, CatchUp: j.catchUp, LastID: r.Position,
	}}
	if !j.after.IsZero() {
		b.Recovered = wire.RecoveryFailed
		if s.mayReplay(j.after) {
			missed, complete, err := c.missed(s, j.after, r.Position)
			if err != nil {
				return b, err
			}
			if complete {
				b.Recovered, b.missed = wire.RecoveryDone, missed
			}
		}
	}
	ctx, cancel := c.h.storeContext(c.h.ctx)
	defer cancel()
	var err error
	b.entries, err = c.h.reads.observed(ctx, s, c.h.opts.MaxQueueSize)
	return b, err
}

// mayReplay reports whether what came after an item may be read: what history
// permits, and what the subscription gets anyway.
func (s *subscription) mayReplay(after ulid.ULID) bool {
	if after.Compare(s.from) >= 0 {
		return true
	}
	start, ok := s.grant.History()
	return ok && !ulid.Time(after.Time()).Before(start)
}

// start tells the client the beginning, and lets what follows it pass. The
// topic's lock must be held.
func (s *subscription) start(b beginning) {
	s.owed = noDebt // the list is in b
	if !s.begin(&b) {
		// The client can read the history instead, page by page.
		if b.missed = nil; b.Recovered == wire.RecoveryDone {
			b.Recovered = wire.RecoveryFailed
		}
		if !s.begin(&b) {
			s.conn.tooSlow()
			return
		}
	}
	s.goLive(b.LastID)
}

// begin sends the beginning; or nothing, and returns false, if that is too much.
func (s *subscription) begin(b *beginning) bool {
	frames := make([]socket.Frame, 0, 1+len(b.entries)+len(b.missed))
	frames = append(frames, subscribedFrame(s, b.Subscribed))
	for _, e := range b.entries {
		frames = append(frames, storageUpdatedFrame(e))
	}
	frames = s.conn.h.missed.appendFrames(frames, b.missed)
	if !s.conn.sock.SendAll(frames) {
		return false
	}
	for _, e := range b.entries {
		s.note(e)
	}
	return true
}
