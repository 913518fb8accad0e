package hotsock

import (
	"context"
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

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
	if item.Channel[0] == reservedMark {
		h.reserved[item.Channel].deliver(item)
		return
	}
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
	if channel[0] == reservedMark {
		r.h.reserved[channel].readAgain()
		return
	}
	r.h.counts.lost.Add(1)
	r.h.hub.startGap(channel)
	r.h.resyncs.start(channel)
}

// CountChanged is part of store.Receiver.
func (r *receiver) CountChanged(channel string) { r.h.infos.read(channel) }

// Rejoin is part of store.Receiver.
func (r *receiver) Rejoin() {
	r.h.counts.rejoined.Add(1)
	r.h.resyncs.start("")
	for _, channel := range r.h.reserved {
		channel.readAgain()
	}
}

// SubscriptionEnded is part of store.Receiver.
func (r *receiver) SubscriptionEnded(e store.SubscriptionEnd) { r.h.events.unsubscribed(&e) }

// MemberRemoved is part of store.Receiver.
func (r *receiver) MemberRemoved(channel string, c store.PresenceChange) {
	r.h.events.memberChanged(channel, &c)
}

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

var _ store.Receiver = (*receiver)(nil)
