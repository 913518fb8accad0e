package hotsock

import (
	"context"
	"errors"
	"sync"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A resyncer makes subscriptions known to the store again after it lost track of
// them, or of a channel's items. The store's receiver cannot, because it must not
// call the store.
type resyncer struct {
	conns *connectionSet
	hub   *hub

	mu      sync.Mutex
	wanted  map[string]bool // channels; "" is all
	running bool
	stopped bool
	work    sync.WaitGroup
}

func newResyncer(conns *connectionSet, h *hub) *resyncer {
	return &resyncer{conns: conns, hub: h, wanted: make(map[string]bool)}
}

// start resyncs the subscriptions to a channel, or with "" to all channels, in the
// background.
func (r *resyncer) start(channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	r.wanted[channel] = true
	if !r.running {
		r.running = true
		r.work.Go(r.run)
	}
}

// stop starts no more; wait returns when what is under way has ended.
func (r *resyncer) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
}

func (r *resyncer) wait() { r.work.Wait() }

// run works until no resync is wanted any more.
func (r *resyncer) run() {
	for {
		r.mu.Lock()
		wanted := r.wanted
		if len(wanted) == 0 || r.stopped {
			r.running = false
			r.mu.Unlock()
			return
		}
		r.wanted = make(map[string]bool)
		r.mu.Unlock()

		if wanted[""] {
			eachConnection(r.conns.all(), (*connection).resyncAll)
			delete(wanted, "")
		}
		for channel := range wanted {
			t := r.hub.topic(channel)
			if t == nil {
				continue
			}
			var conns []*connection
			for _, s := range t.subscribers() {
				conns = append(conns, s.conn)
			}
			eachConnection(conns, func(c *connection) { c.resync(channel, true) })
		}
	}
}

// resyncAll adds the connection and all its subscriptions to the store again.
func (c *connection) resyncAll() {
	c.ops.Lock()
	if !c.hasEnded() { // else the store has been told of the end already
		if err := c.storeConnection(); err != nil && !errors.Is(err, store.ErrUnavailable) {
			c.logger().Error("hotsock: cannot add the connection to the store", "err", err)
		}
	}
	c.ops.Unlock()
	for _, s := range c.subscriptions() {
		c.resync(s.channel, false)
	}
}

// resync makes the store know a subscription that the client has, after the store
// lost it, or lost items of the channel. In the second case the client is sent a
// new snapshot, with "recovered":false.
func (c *connection) resync(channel string, lost bool) {
	c.untilStored(func(context.Context) error {
		// Not while the store is away: the client's commands wait for it.
		c.ops.Lock()
		defer c.ops.Unlock()
		s := c.subscription(channel)
		if s == nil || lost && !s.hasGap() {
			return nil
		}
		err := c.tryResync(s, lost)
		switch {
		case c.hasEnded():
			return nil // its end is under way
		case err == nil, errors.Is(err, store.ErrUnavailable):
			return err
		}
		// The channel is full by now, for instance.
		c.endSubscription(s)
		c.sock.Send(unsubscribedFrame(channel, s.perms().Alias, "", s.meta(), ""))
		c.fail(&wire.Command{Event: wire.EventSubscribe, Channel: channel}, err)
		return nil
	})
}

// tryResync is one try of that.
func (c *connection) tryResync(s *subscription, lost bool) error {
	ctx := c.storeContext()
	defer ctx.end()
	t := s.topic
	if lost {
		t.mu.Lock()
		s.gap = false
		t.mu.Unlock()
	}
	r, err := c.storeSubscribe(ctx, s)
	if err == nil && !lost {
		if s.isInformed() {
			c.h.infos.read(s.channel)
		}
		return nil
	}
	var entries []*store.Entry
	if err == nil {
		err = c.awaitMembers(s, &r)
	}
	if err == nil {
		entries, err = c.h.reads.observed(ctx, s, c.h.opts.MaxQueueSize)
	}
	if errors.Is(err, &Error{Code: CodePayloadTooLarge}) {
		c.tooSlow() // and is told why when it comes back
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		s.gap = s.gap || lost
		return err
	}
	s.goLive(snapshot{
		Subscribed: wire.Subscribed{
			CatchUp: true, LastID: r.Position, Recovered: wire.RecoveryFailed,
		},
		count:   r.Info.Count,
		entries: entries,
	})
	return nil
}
