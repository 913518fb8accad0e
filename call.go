package hotsock

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// A Call is a client's call of a method. It is the method's own: it may be changed
// and kept.
type Call struct {
	// Requester is who calls. On a channel, its user is that of the subscription.
	Requester
	// Method is the name that was registered with [Handler.Handle].
	Method string
	// Channel is the real name of the channel on which the method is called, and to
	// which the client is subscribed. It is "" for none.
	Channel string
	// Params are JSON, nil if the client gave none. They are at most
	// [Options.MaxDataSize] long.
	Params json.RawMessage
}

// A CallFunc carries out a call, and returns its result. The result becomes JSON as
// the data of [Handler.Publish] does, of at most 256 KiB; nil is null.
//
// The context ends when the connection ends, or over HTTP the request, and when the
// handler is shut down. It has no deadline: a method that can take long should set
// one.
//
// An [*Error] is what the client is told. Its code may be one of the app's own: 1 to
// 64 of the characters A to Z, 0 to 9 and "_". Over HTTP, such a code has the status
// 403. For any other error, for a panic, and for a result that is too long or not
// JSON, the client is told INTERNAL; the log has the rest.
type CallFunc func(ctx context.Context, c Call) (any, error)

// Handle registers a method that clients may call, if the calls claim of their
// tokens permits it ([Claims], [ChannelClaims]). The name has 1 to 128 characters,
// and no "*", "#", ",", white space or control character. Methods should be
// registered before the handler serves, but may be at any time. Handle panics if
// there is a method of that name already, or if the name is not valid.
//
// Clients send a call over their WebSocket or over the client's HTTP API. The
// method runs on the node that got it, in a goroutine of its own or that of the
// request, so the client's other commands go on meanwhile, and its calls may end in
// another order than they began in. At most [Options.MaxCalls] of a connection run
// at once. A method may call the handler.
//
// [Typed] makes a CallFunc of a function that takes its parameters as a struct.
func (h *Handler) Handle(method string, f CallFunc) {
	switch {
	case !protocol.ValidMethod(method):
		panic("hotsock: " + strconv.Quote(method) + " cannot be the name of a method")
	case f == nil:
		panic("hotsock: the method " + strconv.Quote(method) + " is nil")
	case !h.calls.add(method, f):
		panic("hotsock: there is a method " + strconv.Quote(method) + " already")
	}
}
