package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
)

// Messages publishes to channels and reads what was published.
type Messages interface {
	// Publish appends a message to its channel and delivers it.
	Publish(ctx context.Context, p PublishRequest) (PublishResult, error)
	// History returns a page of a channel's kept messages: those that have a
	// retention and have not expired. A page that asks for what is between the
	// neighbors of an id reads a single message.
	History(ctx context.Context, h HistoryRequest) (HistoryResult, error)
	// Count returns how many of a channel's kept messages follow an id.
	Count(ctx context.Context, c CountRequest) (int, error)
	// Replay returns a page of what was published on a channel, kept or not,
	// since an item that a client has seen.
	Replay(ctx context.Context, r ReplayRequest) (ReplayResult, error)
	// Edit updates, appends to or deletes a kept message, and publishes the request's
	// notice in the same step. The error wraps ErrNotFound if there is no such kept
	// message, and ErrConflict if it is of another version than the request's.
	Edit(ctx context.Context, e EditRequest) (EditResult, error)
}

// An Item is one step of a channel. Exactly one of Message, Presence and Storage is
// set.
type Item struct {
	// ID places the item in the order of the channel.
	ID      ulid.ULID
	Channel string
	// Exclude is the id of a connection that must not be given the item, or "".
	Exclude string

	Message  *Message
	Presence *PresenceChange
	// Storage is the entry after the change. Its Value is nil if it was
	// cleared.
	Storage *Entry
}

// A Message is what subscribers of a channel receive.
type Message struct {
	// ID is that of the item.
	ID      ulid.ULID
	Channel string
	Event   string
	// Data is a JSON text, nil for none.
	Data []byte
	// Meta is the sender, nil for the server.
	Meta *Meta
	// Expires is when a kept message expires. It is zero if the message is kept
	// for ever, or not at all.
	Expires time.Time
	// Trace is that of the request, nil for none.
	Trace map[string]string
	// Updates is how often the message was updated or appended to, and Updated the id of the
	// notice of the last time, zero if it never was. Data is the newest.
	Updates int64
	Updated ulid.ULID
	// Stream is that of the request, or of the newest edit that has one; nil for none.
	Stream []byte
	// Origin is that of the request, nil for none.
	Origin []byte
}

// Version is 1 for a message as it was published, and 1 more with each update.
func (m *Message) Version() int64 { return 1 + m.Updates }

// Size is what a message counts for in a page's MaxBytes.
func (m *Message) Size() int {
	const overhead = 128 // So pages of empty messages end, too.
	size := overhead + len(m.Channel) + len(m.Event) + len(m.Data) + len(m.Origin) + len(m.Stream)
	if m.Meta != nil {
		size += len(m.Meta.UID) + len(m.Meta.UMD)
	}
	return size
}

// Meta is the user who did something.
type Meta struct {
	// UID is the user's id, "" for none.
	UID string
	// UMD is the user's metadata as a JSON text, nil for none.
	UMD []byte
}

// A PublishRequest is a message to be published.
type PublishRequest struct {
	Channel string
	Event   string
	Data    []byte
	Meta    *Meta
	// Retention is how long the message is in the history and can be reacted
	// to: 0 for not at all, or Forever. Replay has it for the replay window in
	// any case.
	Retention time.Duration
	// Exclude is the id of a connection that must not be given the message, or
	// "".
	Exclude string
	// DedupID, if not "", makes later requests to the channel with the same id
	// duplicates of this one, until DedupFor has passed. A duplicate publishes
	// nothing.
	DedupID  string
	DedupFor time.Duration
	// Trace is what the host's traces know the message by, nil for none. It
	// travels with the message, is opaque to the store, and at most 1 KiB long.
	Trace map[string]string
	// Origin describes to core who asked for a message that is kept. It is opaque
	// to the store, and at most 4 KiB long.
	Origin []byte
	// Stream tells those who read a message that is kept what becomes of it. It is
	// opaque to the store, and at most 1 KiB long.
	Stream []byte
}

// A PublishResult is the outcome of a publish.
type PublishResult struct {
	// ID is that of the message: of the first one if this is a duplicate.
	ID ulid.ULID
	// Duplicate means that the DedupID was known and nothing was published.
	Duplicate bool
}

// A HistoryRequest selects a page of a channel's history.
type HistoryRequest struct {
	Channel string
	// After and Before are exclusive bounds, zero for none. They need not be
	// ids of messages.
	After, Before ulid.ULID
	// Reverse lists the newest message first. A page then continues before its
	// last message, not after it.
	Reverse bool
	// Limit and MaxBytes bound the page. A store may count more than
	// [Message.Size] for a message, by a fixed amount.
	Limit, MaxBytes int
}

// A HistoryResult is a page of a channel's history.
type HistoryResult struct {
	Messages []*Message
	More     bool
}

// A CountRequest says which kept messages are to be counted.
type CountRequest struct {
	Channel string
	// After is an exclusive bound, zero for none. It need not be the id of a
	// message.
	After ulid.ULID
	// Limit is at least 1: if there are as many or more, the count is Limit.
	Limit int
}

// A ReplayRequest selects a page of what follows an item of a channel.
type ReplayRequest struct {
	Channel string
	// After is the id of any item of the channel, or the Position of a
	// subscription to it.
	After ulid.ULID
	// Until is the newest id wanted, inclusive.
	Until ulid.ULID
	// Limit and MaxBytes bound the page, as in a [HistoryRequest].
	Limit, MaxBytes int
}

// A ReplayResult is a page of what follows an item.
type ReplayResult struct {
	// Complete means that the store can prove that nothing is missing: After is
	// an item or a Position of the channel as it is now, not as it was before
	// the store lost data; and Messages are the first of all that followed it
	// up to Until, but for kept messages that have expired. A store that has
	// discarded nothing that the page needs proves it for at least a replay
	// window after a subscription at After has ended, and for as long as all that
	// followed After are kept messages that are still there. If Complete is false,
	// Messages is empty.
	Complete bool
	// Messages in the order of their ids.
	Messages []*Message
	// More is true if there may be further messages up to Until. The next
	// request proves again that nothing is missing.
	More bool
}
