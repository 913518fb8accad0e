package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
)

// An Item is one step of a channel. Exactly one of Message, Presence and
// Storage is set.
type Item struct {
	// ID orders the items of a channel.
	ID      ulid.ULID
	Channel string
	// Exclude is the id of a connection that must not be given the item, or "".
	Exclude string

	Message  *Message
	Presence *PresenceChange
	// Storage is the entry as it is now; its Value is nil when it was cleared.
	Storage *Entry
}

// A Message is what subscribers of a channel receive.
type Message struct {
	// ID is assigned by the store.
	ID      ulid.ULID
	Channel string
	Event   string
	// Data is a JSON text, or nil for none.
	Data []byte
	// Meta is who sent it; nil if the server did.
	Meta *Meta
	// Expires is when a kept message stops being listed. It is zero for one
	// kept for ever, and in messages that were not kept.
	Expires time.Time
	// Trace is that of the request, nil if it had none.
	Trace map[string]string
}

// Size is what a message counts for where a request bounds a page in bytes.
func (m *Message) Size() int {
	size := messageSize + len(m.Channel) + len(m.Event) + len(m.Data)
	if m.Meta != nil {
		size += len(m.Meta.UID) + len(m.Meta.UMD)
	}
	return size
}

// messageSize is what a message counts for besides its texts. So messages
// without data have a bound, too.
const messageSize = 128

// Meta is who did something.
type Meta struct {
	// UID is the user id, "" for none.
	UID string
	// UMD is the user's metadata as a JSON text, nil for none.
	UMD []byte
}

// Messages publishes to channels and reads what was published.
type Messages interface {
	// Publish appends one message to its channel and delivers it.
	Publish(ctx context.Context, p PublishRequest) (PublishResult, error)
	// Message returns a kept message. The error wraps ErrNotFound if it was
	// not kept, has expired or never existed.
	Message(ctx context.Context, channel string, id ulid.ULID) (*Message, error)
	// History returns a page of a channel's kept and unexpired messages by id.
	// A channel that does not exist has none.
	History(ctx context.Context, h HistoryRequest) (HistoryPage, error)
	// Replay returns a page of the messages (kept or not) of a channel after one
	// that a client has seen.
	Replay(ctx context.Context, r ReplayRequest) (Replay, error)
}

// A PublishRequest is a message to be published.
type PublishRequest struct {
	Channel string
	Event   string
	Data    []byte
	Meta    *Meta
	// Keep is how long the message can be listed and reacted to: 0 not at all,
	// or Forever. In any case it can be replayed for the replay window.
	Keep time.Duration
	// Exclude is the id of a connection that must not be given the message.
	Exclude string
	// DedupID makes this request and every later one on the same channel with
	// the same id, for as long as DedupFor, one message. "" for none.
	DedupID  string
	DedupFor time.Duration
	// Trace is where the host's traces know the message, nil for none. It is
	// opaque to the store, at most 1 KiB long, and travels with the message
	// wherever that goes.
	Trace map[string]string
}

// A PublishResult says what became of a publish.
type PublishResult struct {
	// ID of the message; of the first one if this was a duplicate.
	ID ulid.ULID
	// Duplicate is true if DedupID was seen before: nothing was published.
	Duplicate bool
}

// A HistoryRequest selects a page of a channel's kept messages.
type HistoryRequest struct {
	Channel string
	// After and Before are exclusive bounds; zero is none. They need not be
	// ids of messages.
	After, Before ulid.ULID
	// Reverse lists from the newest to the oldest.
	Reverse bool
	// Limit is how many messages the page has at the most, at least 1.
	Limit int
	// MaxBytes bounds the messages of the page together, at least 1: the sum of
	// their [Message.Size], or what the store counts instead if that is somewhat
	// more. The first one is returned whatever its size.
	MaxBytes int
}

// A HistoryPage is an answer to a HistoryRequest.
type HistoryPage struct {
	Messages []*Message
	// More is true if there may be more messages, which a request after the last
	// of these (in reverse, before it) returns. A store may end a page before
	// any of its bounds, so that no read takes it long; such a page has at least
	// one message.
	More bool
}

// A ReplayRequest asks for what came after a message.
type ReplayRequest struct {
	Channel string
	// After is the id of any item of the channel, or the Position of a
	// subscription to it. Only what is newer returns.
	After ulid.ULID
	// Until is the newest id wanted, inclusive.
	Until ulid.ULID
	// Limit and MaxBytes bound the page as those of a HistoryRequest do.
	Limit    int
	MaxBytes int
}

// A Replay is an answer to a ReplayRequest.
type Replay struct {
	// Complete is true if the store can prove that After is an item of the
	// channel, or a Position, as it is now (not of a time before the store lost
	// data) and that Messages are the first of all that came after it and not
	// after Until, less those kept for longer than the replay window that have
	// expired. That holds for a replay window at least after a subscription at
	// After has ended, if no messages were discarded. If it is false, Messages is
	// empty.
	Complete bool
	// Messages by id.
	Messages []*Message
	// More is true if there are more messages up to Until, or may be: a request
	// after the last of these goes on, and proves again that nothing is missing.
	// A page with More has at least one message.
	More bool
}
