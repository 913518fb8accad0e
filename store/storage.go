package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
)

// Storage is a set of registers in each channel, one a key. It is
// linearizable.
type Storage interface {
	// Set writes or clears an entry. If that changes its value, the new entry
	// is announced to the channel.
	Set(ctx context.Context, s SetRequest) (SetResult, error)
	// Get returns an entry. The error wraps ErrNotFound if there is none, or it
	// has expired.
	Get(ctx context.Context, channel, key string) (*Entry, error)
	// Entries returns those of the named entries that are there and have not
	// expired, in the order named. The store may stop after any of them, and
	// does before one that would exceed the request's MaxBytes; the first is
	// always there.
	Entries(ctx context.Context, e EntriesRequest) (EntryPage, error)
	// Keys returns a page of keys in byte order, without reading their entries.
	// Some of those may have expired.
	Keys(ctx context.Context, k KeysRequest) ([]string, error)
}

// An Entry is a stored value.
type Entry struct {
	// ID of the item that announced the value. It grows with every change.
	ID      ulid.ULID
	Channel string
	Key     string
	// Value is a JSON text. It is nil in an item that announces a clear.
	Value []byte
	// Meta is who wrote it.
	Meta Meta
	// Expires is zero for never.
	Expires time.Time
	// Emit and Origin are as in the request that wrote it last.
	Emit   bool
	Origin []byte
}

// Size is about how many bytes the entry takes, in a store and on the way to a
// client.
func (e *Entry) Size() int {
	const rest = 256 // what it takes besides its texts
	return rest + len(e.Channel) + len(e.Key) + len(e.Value) + len(e.Meta.UID) + len(e.Meta.UMD) + len(e.Origin)
}

// A SetRequest writes one entry.
type SetRequest struct {
	Channel string
	Key     string
	// Value is a JSON text; nil clears the entry.
	Value []byte
	// Digest stands for the value: entries with equal digests are equal. A
	// write of an equal value is not announced and keeps the entry's ID, but
	// replaces Meta, Emit, Origin and the expiry.
	Digest string
	Meta   Meta
	// Keep is positive, or Forever.
	Keep time.Duration
	// Emit asks that the expiry be reported with [Receiver.EntryExpired].
	Emit bool
	// Origin is core's description of the request, opaque to the store.
	Origin []byte
}

// A SetResult says what became of a write.
type SetResult struct {
	// Changed is true if the value changed, and so was announced.
	Changed bool
	// Entry as it is now; its Value is nil if it was cleared.
	Entry Entry
	// Previous entry, or nil if there was none or it had expired.
	Previous *Entry
}

// An EntriesRequest names entries of a channel.
type EntriesRequest struct {
	Channel string
	Keys    []string
	// MaxBytes bounds the answer: the sum of the entries' Size, roughly.
	MaxBytes int
}

// An EntryPage is a part of the entries that were named.
type EntryPage struct {
	Entries []*Entry
	// Rest are the keys that follow the last entry looked at.
	Rest []string
}

// A KeysRequest selects keys of a channel.
type KeysRequest struct {
	Channel string
	// Prefix is what they begin with.
	Prefix string
	// After is an exclusive lower bound; "" is none.
	After string
	// Limit is the length of the page, at least 1. Fewer keys mean that there
	// are no more.
	Limit int
}
