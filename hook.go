package hotsock

import (
	"context"
	"encoding/json"
	"time"
)

// Hooks are functions of the app that are asked before the handler does what a
// client wants. Those that are nil are not asked, and cost nothing. The handler
// asks them for what clients send over WebSockets and over the client's HTTP API,
// on the node that got it; never for what the app does itself, in Go or over the
// server's HTTP API. What is scheduled is asked for when it is accepted, and not
// once more when it is due.
//
// A hook that returns an error refuses. The client is told the code and the message
// of an [*Error], whose code may also be one of the app's own: 1 to 64 of the
// characters A to Z, 0 to 9 and "_". Over HTTP, such a code has the status 403. For
// any other error, and for a panic, the client is told INTERNAL; the log has the
// rest.
//
// Hooks are called concurrently, each in a goroutine of its own. The commands of one
// connection follow each other, so it waits for its hook, and no other does. The
// context ends after Timeout, when the connection ends or over HTTP the request, and
// when the handler stops. If a hook has not returned after Timeout, the client is told
// UNAVAILABLE, and whatever the hook returns later is dropped. If 1000 calls run that
// have exceeded it, clients are told UNAVAILABLE without the hook being asked.
//
// What a hook is given is its own: it may change it, but must not use it after it
// has returned. Hooks may call the handler.
type Hooks struct {
	// BeforeConnect is asked for a client that was authenticated, before its
	// connection is accepted, and for a fresh token before it takes the place of the
	// old one (hotsock.refresh). Over HTTP, an error has its status.
	BeforeConnect func(ctx context.Context, who Requester) error

	// BeforeSubscribe is asked for each subscribe with a valid name, also if the
	// client's tokens do not permit it, and for those that the connect token makes
	// (autoSubscribe). It is not asked when a subscribed client catches up, or when
	// subscriptions are made known to the store again.
	//
	// The claims that it returns count on the channel besides those of the tokens, and
	// end with the subscription. So it can permit what no token does, but not what a
	// token denies; its numbers and alias come before theirs. Broadcast has no effect,
	// as in subscribe tokens. With nil, the tokens decide.
	//
	// After UNAVAILABLE, the subscribe is tried again without the client, until the
	// hook decides or the client unsubscribes.
	BeforeSubscribe func(ctx context.Context, who Requester, s SubscribeRequest) (*ChannelClaims, error)

	// BeforePublish is asked for each message that is permitted. It may change the
	// message, or take it over.
	BeforePublish func(ctx context.Context, who Requester, p *PublishRequest) error

	// BeforeSetStorage is asked for each write of an entry that is permitted.
	BeforeSetStorage func(ctx context.Context, who Requester, s SetStorageRequest) error

	// BeforeReact is asked for each reaction that is permitted, and for its removal.
	BeforeReact func(ctx context.Context, who Requester, r ReactRequest) error

	// BeforeUpdate is asked for each update of a message that is permitted. It may
	// change the data. Data that BeforePublish would not let pass must not come in by
	// an update.
	BeforeUpdate func(ctx context.Context, who Requester, u *UpdateRequest) error

	// BeforeDelete is asked for each deletion of a message that is permitted.
	BeforeDelete func(ctx context.Context, who Requester, d DeleteRequest) error

	// Timeout is how long a client waits for a hook. Defaults to 5 s.
	Timeout time.Duration
}

// A SubscribeRequest is a client's wish to be subscribed to a channel.
type SubscribeRequest struct {
	// Channel is the real name, also if the client used an alias.
	Channel string
	// Permitted says whether the client's tokens permit it.
	Permitted bool
	// Auto says that the connect token asks for it, and not the client.
	Auto bool
}

// A PublishRequest is a message that a client wants to publish. Channel, Event and
// Due only inform the hook.
type PublishRequest struct {
	// Channel is the real name, also if the client used an alias.
	Channel string
	Event   string
	// Due is when a scheduled message is to be published, the zero time for now.
	Due time.Time

	// Data is JSON, nil for null. What a hook puts there must be valid, and at most
	// [Options.MaxDataSize].
	Data json.RawMessage
	// Store is how long the message is kept, as in [Message]. It is what the client's
	// claims say.
	Store time.Duration
	// Echo says whether the client gets the message, too, if it is subscribed. It is
	// what the client's claims say.
	Echo bool
	// DeduplicationID is the client's own, "" for none, and nobody else's: each user has
	// its own ids on each channel, and each connection without a user. A hook is asked
	// again when the client sends the message again. One that the hook sets instead is
	// as in [Message]: the app's own messages on the channel share these ids.
	DeduplicationID string
	// TakenOver, if a hook sets it, makes the handler publish nothing. The client is
	// told that the message was accepted, and gets no id.
	TakenOver bool
}

// A SetStorageRequest is a write of a storage entry that a client wants.
type SetStorageRequest struct {
	// Channel is the real name, also if the client used an alias.
	Channel string
	Key     string
	// Data is JSON, nil to clear the entry.
	Data json.RawMessage
	// Add says that Data is a number to be added to the entry, instead of its value.
	Add bool
	// Due is when a scheduled write is to happen, the zero time for now.
	Due time.Time
}

// A ReactRequest is a reaction that a client wants to add or remove.
type ReactRequest struct {
	// Channel is the real name, also if the client used an alias.
	Channel string
	// MessageID and Event are those of the message.
	MessageID string
	Event     string
	// Reaction is in its normal form, as in [Reaction].
	Reaction string
	Remove   bool
}

// An UpdateRequest is what a client wants to make of a stored message. All fields but
// Data only inform the hook.
type UpdateRequest struct {
	// Channel is the real name, also if the client used an alias.
	Channel string
	// MessageID, Event and By are those of the message, By nil if the server sent it.
	MessageID string
	Event     string
	By        *Member
	// Before is the data that the message has had when the hook is asked. Another
	// update may come first unless IfVersion, which is 0 for none, refuses this one.
	Before    json.RawMessage
	IfVersion int64

	// Data is the new data. What a hook puts there is as in [PublishRequest].
	Data json.RawMessage
}

// A DeleteRequest names a stored message that a client wants to delete.
type DeleteRequest struct {
	// Channel is the real name, also if the client used an alias.
	Channel string
	// MessageID, Event, Data and By are those of the message, By nil if the server
	// sent it.
	MessageID string
	Event     string
	Data      json.RawMessage
	By        *Member
}
