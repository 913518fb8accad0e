package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A receiver is what the store calls. It is not the Handler itself, so that
// hosts do not see these methods.
type receiver struct {
	h      *Handler
	joined chan struct{} // closed when h.node and h.peers are set
}

// Deliver is part of store.Receiver. It hands an item to its subscribers here.
func (r *receiver) Deliver(item *store.Item) {
	h := r.h
	if !h.observer.on() {
		h.hub.deliver(item)
		return
	}
	o := &Operation{Kind: OperationDelivery, Name: "entry", Channel: item.Channel}
	switch {
	case item.Message != nil:
		o.Name, o.Event, o.MessageID, o.Trace = "message", item.Message.Event, item.ID.String(), item.Message.Trace
	case item.Presence != nil:
		o.Name = "presence"
	default:
		o.Event = item.Storage.Key
	}
	ctx := h.observer.begin(h.ctx, o)
	o.Subscribers = h.hub.deliver(item)
	o.Delay = time.Since(ulid.Time(item.ID.Time()))
	h.observer.end(ctx, o, nil)
}

// Lost is part of store.Receiver. What follows the gap may be delivered at once,
// and before the subscribers can be told.
func (r *receiver) Lost(channel string) {
	r.h.counts.lost.Add(1)
	r.h.hub.suspend(channel)
	r.h.resyncLater(channel)
}

// Rejoin is part of store.Receiver.
func (r *receiver) Rejoin() {
	r.h.counts.rejoined.Add(1)
	r.h.resyncLater("")
}

// SubscriptionEnded is part of store.Receiver.
func (r *receiver) SubscriptionEnded(e store.SubscriptionEnd) { r.h.events.unsubscribed(&e) }

// EntryExpired is part of store.Receiver.
func (r *receiver) EntryExpired(e store.Entry) { r.h.events.entryExpired(&e) }

// ConnectionEnded is part of store.Receiver.
func (r *receiver) ConnectionEnded(c store.Connection) {
	h := r.h
	if !h.events.on() {
		return
	}
	var d EventConnectionData
	if err := json.Unmarshal(c.Info, &d); err != nil {
		h.logger.Error("hotsock: a dead node's connection cannot be read", "connection", c.ID, "err", err)
		return
	}
	now := time.Now().UTC()
	d.DisconnectedAt = &now
	h.events.emit(EventDisconnected, eventDataConnection, EventMetadata{}, d)
}

// Call is part of store.Receiver.
func (r *receiver) Call(ctx context.Context, request []byte) ([]byte, error) {
	select {
	case <-r.joined:
		return r.h.peers.answer(request)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// resyncLater subscribes the subscribers of a channel, or with "" of all
// channels, at the store again.
func (h *Handler) resyncLater(channel string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopping {
		return
	}
	h.resync[channel] = true
	if h.resyncing {
		return
	}
	h.resyncing = true
	h.work.Add(1)
	go h.runResync()
}

// runResync works until no resync is wanted any more.
func (h *Handler) runResync() {
	defer h.work.Done()
	for {
		h.mu.Lock()
		wanted := h.resync
		if len(wanted) == 0 || h.stopping {
			h.resyncing = false
			h.mu.Unlock()
			return
		}
		h.resync = make(map[string]bool)
		h.mu.Unlock()

		if wanted[""] {
			forConnections(h.conns.all(), (*connection).rejoin)
			delete(wanted, "")
		}
		for channel := range wanted {
			t := h.hub.topic(channel)
			if t == nil {
				continue
			}
			var conns []*connection
			for _, s := range t.subscribers() {
				conns = append(conns, s.conn)
			}
			forConnections(conns, func(c *connection) { c.resubscribe(channel, true) })
		}
	}
}

// rejoin adds the connection and its subscriptions to the store again.
func (c *connection) rejoin() {
	c.ops.Lock()
	if !c.hasEnded() { // else the store has been told of the end already
		if err := c.record(); err != nil && !errors.Is(err, store.ErrUnavailable) {
			c.logger().Error("hotsock: cannot record the connection", "err", err)
		}
	}
	c.ops.Unlock()
	for _, s := range c.subscriptions() {
		c.resubscribe(s.channel, false)
	}
}

// record makes the store know the connection, so that its end is reported.
func (c *connection) record() error {
	if !c.h.events.on() {
		return nil
	}
	info, err := json.Marshal(c.info())
	if err != nil {
		return err
	}
	ctx, cancel := c.h.storeContext(c.h.ctx)
	defer cancel()
	return c.h.node.AddConnection(ctx, store.Connection{ID: c.id, Info: info})
}

// resubscribe makes the store know a subscription that the client has, after
// the store lost it, or lost items of the channel. In the second case the
// client is told by another hotsock.subscribed with "recovered":false, and is
// given the channel's state again.
func (c *connection) resubscribe(channel string, lost bool) {
	c.h.untilStored(func(context.Context) error {
		// Not while the store is away: the client's commands wait for it.
		c.ops.Lock()
		defer c.ops.Unlock()
		s := c.subscription(channel)
		if s == nil || lost && !s.suspended() {
			return nil
		}
		err := c.beginAnew(s, lost)
		switch {
		case c.hasEnded():
			return nil // its end is under way
		case err == nil, errors.Is(err, store.ErrUnavailable):
			return err
		}
		// It cannot be again, because the channel is full say.
		c.leave(s)
		c.sock.Send(unsubscribedFrame(channel, s.grant.Alias, s.meta(), ""))
		c.fail(&wire.Command{Event: wire.EventSubscribe, Channel: channel}, err)
		return nil
	})
}

// beginAnew is one try of that.
func (c *connection) beginAnew(s *subscription, lost bool) error {
	ctx, cancel := c.h.storeContext(c.h.ctx)
	defer cancel()
	t := s.topic
	if lost {
		t.mu.Lock()
		s.gap = false
		t.mu.Unlock()
	}
	r, err := c.h.enroll(ctx, s)
	if err == nil && !lost {
		return nil
	}
	var entries []*store.Entry
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
	s.start(beginning{
		Subscribed: wire.Subscribed{
			Members: r.Info.Members, CatchUp: true, LastID: r.Position, Recovered: wire.RecoveryFailed,
		},
		entries: entries,
	})
	return nil
}
