package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
)

// Storage holds entries, each under a key of a channel. It is linearizable.
type Storage interface {
	// Set writes or clears an entry. If that changes its value, the entry is
	// announced to the channel.
	Set(ctx context.Context, s SetRequest) (SetResult, error)
	// Entries returns a page of the entries with the given keys. Keys that have
	// no entry are left out.
	Entries(ctx context.Context, e EntriesRequest) (EntriesResult, error)
	// Keys returns a page of keys in byte order. It reads no entries, so some
	// of them may have expired.
	Keys(ctx context.Context, k KeysRequest) (KeysResult, error)
}

// An Entry is a stored value.
type Entry struct {
	// ID is that of the item that announced the value. It grows with every
	// change.
	ID      ulid.ULID
	Channel string
	Key     string
	// Value is a JSON text, nil for an entry that was cleared.
	Value []byte
	// Meta is who wrote it.
	Meta Meta
	// Expires is zero for never.
	Expires time.Time
	// Emit and Origin are those of the latest request that wrote the entry.
	Emit   bool
	Origin []byte
}

// Size is what an entry counts for in a page's MaxBytes: about what it takes in a
// store and on the way to a client.
func (e *Entry) Size() int {
	const overhead = 256
	return overhead + len(e.Channel) + len(e.Key) + len(e.Value) + len(e.Meta.UID) + len(e.Meta.UMD) + len(e.Origin)
}

// A SetRequest writes or clears one entry.
type SetRequest struct {
	Channel string
	Key     string
	// Value is a JSON text, nil to clear the entry.
	Value []byte
	// Digest stands for the value: those with equal digests are equal. Writing
	// an equal value announces nothing and keeps the entry's ID, but replaces
	// all else; whether it replaces the equal value is up to the store.
	Digest string
	Meta   Meta
	// Retention is positive, or Forever.
	Retention time.Duration
	// IfID, unless nil, is a condition: the write is done only if the entry has this ID,
	// or for the zero ID only if there is no entry. A schedule has none.
	IfID *ulid.ULID
	// Emit asks for the expiry to be reported with [Receiver.EntryExpired].
	Emit bool
	// Origin describes the request to core. It is opaque to the store.
	Origin []byte
}

// A SetResult is the outcome of a write.
type SetResult struct {
	// Changed means that the value changed and was announced.
	Changed bool
	// Conflict means that the condition of the request was not met, and nothing was done.
	Conflict bool
	// Entry is the entry as it is now. Its Value is nil if it was cleared; after a
	// conflict, if there is none.
	Entry Entry
	// Previous is the entry as it was, nil if there was none. There is none after a
	// conflict.
	Previous *Entry
}

// An EntriesRequest asks for entries by their keys.
type EntriesRequest struct {
	Channel string
	// Keys that are wanted; there need not be any.
	Keys []string
	// MaxBytes bounds the page. A store may count more or less than
	// [Entry.Size], but about that.
	MaxBytes int
}

// An EntriesResult is a page of entries.
type EntriesResult struct {
	// Entries in the order of the request's keys.
	Entries []*Entry
	// Rest are the keys for the next request: those that were not looked at,
	// fewer than were asked for.
	Rest []string
}

// A KeysRequest selects a page of a channel's keys.
type KeysRequest struct {
	Channel string
	// Prefix is what the keys begin with, "" for all.
	Prefix string
	// After is an exclusive bound, "" for none.
	After string
	// Limit bounds the page.
	Limit int
}

// A KeysResult is a page of a channel's keys.
type KeysResult struct {
	Keys []string
	More bool
}
