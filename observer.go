package hotsock

import (
	"context"
	"runtime/debug"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// An Observer is told of the operations of a handler while they happen, for
// metrics and traces. Mere counts are in [Handler.Stats] and need no Observer.
//
// The goroutines that carry out the operations call the methods, concurrently,
// and wait for them: they must return at once, and must not call the handler. A
// panic is recovered and logged. End is called once for each operation for which
// Begin was called.
type Observer interface {
	// Begin is called when an operation begins. The operation goes on in the
	// context that it returns, which must be ctx or derived from it.
	Begin(ctx context.Context, o *Operation) context.Context
	// End is called when the operation has ended, with the context that Begin
	// returned. The Operation must not be used after End has returned.
	End(ctx context.Context, o *Operation)
}

// An OperationKind is what an [Observer] is told of.
type OperationKind uint8

// The kinds of operations.
const (
	// OperationPublish is a message, entry or reaction that was permitted and
	// is being accepted by this node, to be published or scheduled. Its Name is
	// "message", "entry" or "reaction".
	OperationPublish OperationKind = iota + 1
	// OperationStore is one call of the store. Its Name is that of the method,
	// such as "Publish" or "Subscribe".
	OperationStore
	// OperationDelivery is an item of a channel being handed to its subscribers
	// on this node. Its Name is "message", "presence" or "entry". Those of one
	// channel come one at a time.
	OperationDelivery
	// OperationConnection is the life of a connection. Begin is called
	// immediately before End. Its Name is why it ended, one of the keys of
	// [Stats.Disconnected].
	OperationConnection
)

// An Operation describes what an [Observer] is told of. Only Trace may be set, and
// only by Begin.
//
// Channel, Event, MessageID and ConnectionID have many different values. Use them
// for traces, but not for labels of metrics, where each value costs memory for
// ever.
type Operation struct {
	Kind OperationKind
	Name string
	// Trigger is who publishes: "client.websocket", "client.http",
	// "server.http" or "server.go".
	Trigger string
	// Scheduled is true for a publish that will happen later.
	Scheduled bool

	// Channel that it concerns, "" for none.
	Channel string
	// Event is that of a message, or the key of an entry.
	Event string
	// ConnectionID of the client, "" for the server.
	ConnectionID string
	// MessageID of a message: set from the beginning for a delivery, and at the
	// end for a publish.
	MessageID string
	// Trace travels with a published message: what Begin sets is the Trace of
	// the message's deliveries on all nodes. Clients never get it. If its texts
	// together are longer than 1 KiB, it is dropped. The map must not be
	// modified afterwards.
	Trace map[string]string

	// Start is when it began.
	Start time.Time
	// Duration is how long it took. It and the fields below are set before End.
	Duration time.Duration
	// Err is nil if it succeeded.
	Err error
	// Subscribers is how many subscribers an item was handed to.
	Subscribers int
	// Delay of a delivery is the time from when the store gave the item its id
	// until it was queued for the last subscriber, by the clocks of both.
	Delay time.Duration
}

// Observers combines several observers into one, for [Options.Observer]. All are
// told of everything, and of ends in reverse order. A nil among them is left out.
func Observers(all ...Observer) Observer {
	return observers(slices.DeleteFunc(slices.Clone(all), func(o Observer) bool { return o == nil }))
}

type observers []Observer

func (all observers) Begin(ctx context.Context, o *Operation) context.Context {
	for _, each := range all {
		ctx = each.Begin(ctx, o) //nolint:fatcontext // there are few
	}
	return ctx
}

// End gives all of them the context that the last one has made.
func (all observers) End(ctx context.Context, o *Operation) {
	for _, each := range slices.Backward(all) {
		each.End(ctx, o)
	}
}

// observing reports whether there is an observer, so that nothing is done for
// one in vain.
func (h *Handler) observing() bool { return h.opts.Observer != nil }

// begin tells the observer, which there is, of an operation.
func (h *Handler) begin(ctx context.Context, o *Operation) (out context.Context) {
	defer func() {
		if h.observerPanicked(recover()) || out == nil {
			out = ctx
		}
	}()
	if o.Start.IsZero() {
		o.Start = time.Now()
	}
	return h.opts.Observer.Begin(ctx, o)
}

// end is what must follow.
func (h *Handler) end(ctx context.Context, o *Operation, err error) {
	defer func() { h.observerPanicked(recover()) }()
	o.Duration, o.Err = time.Since(o.Start), err
	h.opts.Observer.End(ctx, o)
}

func (h *Handler) observerPanicked(p any) bool {
	if p != nil {
		h.logger.Error("hotsock: the observer panicked", "panic", p, "stack", string(debug.Stack()))
	}
	return p != nil
}

// beginPublish is begin for something that somebody wants accepted.
func (h *Handler) beginPublish(ctx context.Context, who *requester, o *Operation) context.Context {
	o.Kind, o.Trigger, o.ConnectionID = OperationPublish, who.Trigger, who.ConnectionID
	ctx = h.begin(ctx, o)
	size := 0
	for k, v := range o.Trace {
		size += len(k) + len(v)
	}
	if size > maxTrace {
		o.Trace = nil
	}
	return ctx
}

func (h *Handler) endPublish(ctx context.Context, o *Operation, out accepted, err error) {
	if !out.id.IsZero() {
		o.MessageID = out.id.String()
	}
	h.end(ctx, o, err)
}

// deliver hands an item to its subscribers here.
func (h *Handler) deliver(item *store.Item) {
	if !h.observing() {
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
	ctx := h.begin(h.ctx, o)
	o.Subscribers = h.hub.deliver(item)
	o.Delay = time.Since(ulid.Time(item.ID.Time()))
	h.end(ctx, o, nil)
}

// observeEnd reports a connection that has ended.
func (h *Handler) observeEnd(c *connection, reason endReason) {
	if !h.observing() {
		return
	}
	o := &Operation{Kind: OperationConnection, Name: reason.name(), ConnectionID: c.id, Start: c.connected}
	h.end(h.begin(h.ctx, o), o, nil)
}
