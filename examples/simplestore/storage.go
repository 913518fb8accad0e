package simplestore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// An entry is the value of a key. What is handed out is a copy.
type entry struct {
	store.Entry

	digest string
}

func (e *entry) expired(now time.Time) bool { return !e.Expires.IsZero() && !now.Before(e.Expires) }

// entry returns the entry of a key, or nil if there is none.
func (c *channel) entry(now time.Time, key string) *store.Entry {
	e := c.entries[key]
	if e == nil || e.expired(now) {
		return nil
	}
	found := e.Entry
	return &found
}

// expire removes an entry, and has a node report it if that is asked for.
func (c *channel) expire(e *entry, by *node) {
	delete(c.entries, e.Key)
	if e.Emit {
		by.receiver.EntryExpired(e.Entry)
	}
}

// isEntry reports whether the entry has the ID, which is zero for none.
func isEntry(e *store.Entry, id ulid.ULID) bool {
	if e == nil {
		return id.IsZero()
	}
	return e.ID == id
}

// Set implements [store.Storage].
func (n *node) Set(ctx context.Context, q store.SetRequest) (store.SetResult, error) {
	if err := n.lock(ctx); err != nil {
		return store.SetResult{}, err
	}
	defer n.store.mu.Unlock()
	return n.store.channel(q.Channel).write(time.Now(), &q, n), nil
}

func (c *channel) write(now time.Time, q *store.SetRequest, by *node) store.SetResult {
	old := c.entries[q.Key]
	if old != nil && old.expired(now) { // No sweep has come by yet.
		c.expire(old, by)
		old = nil
	}
	res := store.SetResult{Previous: c.entry(now, q.Key)}
	if q.IfID != nil && !isEntry(res.Previous, *q.IfID) {
		there := cmp.Or(res.Previous, &store.Entry{Channel: c.name, Key: q.Key})
		return store.SetResult{Conflict: true, Entry: *there}
	}
	e := store.Entry{Channel: c.name, Key: q.Key, Value: q.Value, Meta: q.Meta, Emit: q.Emit, Origin: q.Origin}
	switch {
	case q.Value == nil:
		res.Changed = old != nil
		delete(c.entries, q.Key)
	case old != nil && old.digest == q.Digest:
		e.ID = old.ID
	default:
		res.Changed = true
	}
	if res.Changed {
		e.ID = c.nextID(now)
	}
	if q.Value != nil {
		if q.Retention != store.Forever {
			e.Expires = now.Add(q.Retention)
		}
		c.entries[q.Key] = &entry{e, q.Digest}
	}
	if res.Changed {
		announced := e
		c.announce(now, &store.Item{ID: e.ID, Storage: &announced})
	}
	res.Entry = e
	return res
}

// Entries implements [store.Storage].
func (n *node) Entries(ctx context.Context, q store.EntriesRequest) (store.EntriesResult, error) {
	var res store.EntriesResult
	if err := n.lock(ctx); err != nil {
		return res, err
	}
	defer n.store.mu.Unlock()
	now, c, size := time.Now(), n.store.channel(q.Channel), 0
	for i, key := range q.Keys {
		e := c.entry(now, key)
		if e == nil {
			continue
		}
		if size += e.Size(); len(res.Entries) > 0 && size > q.MaxBytes {
			res.Rest = q.Keys[i:]
			break
		}
		res.Entries = append(res.Entries, e)
	}
	return res, nil
}

// Keys implements [store.Storage].
func (n *node) Keys(ctx context.Context, q store.KeysRequest) (store.KeysResult, error) {
	var res store.KeysResult
	if err := n.lock(ctx); err != nil {
		return res, err
	}
	defer n.store.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(n.store.channel(q.Channel).entries)) {
		if key <= q.After || !strings.HasPrefix(key, q.Prefix) {
			continue
		}
		if len(res.Keys) == q.Limit {
			res.More = true
			break
		}
		res.Keys = append(res.Keys, key)
	}
	return res, nil
}
