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
	// List returns entries that have not expired, by key in byte order.
	List(ctx context.Context, l ListRequest) ([]*Entry, error)
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

// A ListRequest selects entries of a channel.
type ListRequest struct {
	Channel string
	// Keys, if not empty, are the only ones wanted.
	Keys []string
	// After is an exclusive lower bound; "" is none.
	After string
	// Limit is the length of the page, at least 1. Fewer entries mean that
	// there are no more.
	Limit int
}
