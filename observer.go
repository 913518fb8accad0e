package hotsock

import (
	"context"
	"slices"
	"time"
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
	// OperationPublish is a message, entry, reaction or edit that was permitted and
	// is being accepted by this node, to be published or scheduled. Its Name is
	// "message", "entry", "reaction" or "edit".
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
	// OperationCall is a method that a client calls. Its Name is that of the
	// method, which the app has registered.
	OperationCall
	// OperationHook is a hook that is asked, or would be if not too many were late.
	// Its Name is that of the field of [Hooks]. Err is what the client is told.
	OperationHook
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
	// Trigger is who publishes, calls or makes a hook be asked: "client.websocket", "client.http",
	// "server.http" or "server.go".
	Trigger string
	// Scheduled is true for a publish that will happen later.
	Scheduled bool

	// Channel that it concerns, "" for none.
	Channel string
	// Event is that of a message, or the key of an entry. Of a hook that is asked
	// about a reaction, it is that of the message.
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
