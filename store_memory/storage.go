package storememory

import (
	"context"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/store"
)

// registers are the storage entries of one channel.
type registers struct {
	keys   table.Map[string, *register]
	order  keyOrder
	expiry queue[*register]
}

// A register holds one entry. The entry is handed out, and so replaced when
// something changes.
type register struct {
	deadline
	entry  *store.Entry
	digest string
}

func (r *register) before(other *register) bool { return r.at.Before(other.at) }

func (r *register) live(now time.Time) bool { return r != nil && !due(r.entry.Expires, now) }

// id returns that of the entry, zero for none.
func (r *register) id() ulid.ULID {
	if r == nil {
		return ulid.ULID{}
	}
	return r.entry.ID
}

// put stores an entry.
func (s *registers) put(e *store.Entry, digest string) {
	r := s.keys.Value(e.Key)
	if r == nil {
		r = new(register)
		s.keys.Set(e.Key, r)
		s.order.add(e.Key)
	}
	r.entry, r.digest = e, digest
	if e.Expires.IsZero() {
		s.expiry.remove(r)
	} else {
		s.expiry.put(r, e.Expires)
	}
}

func (s *registers) remove(r *register) {
	s.keys.Delete(r.entry.Key)
	s.expiry.remove(r)
	s.order.remove(r.entry.Key)
}

// named returns what a request asks for.
func (s *registers) named(q store.EntriesRequest, now time.Time) store.EntriesResult {
	var page store.EntriesResult
	size := 0
	for i, key := range q.Keys {
		r := s.keys.Value(key)
		if !r.live(now) {
			continue
		}
		if size += r.entry.Size(); len(page.Entries) > 0 && size > q.MaxBytes {
			page.Rest = q.Keys[i:]
			break
		}
		page.Entries = append(page.Entries, r.entry)
	}
	return page
}

// page returns what a request asks for.
func (s *registers) page(q store.KeysRequest) store.KeysResult {
	var page store.KeysResult
	for key := range s.order.from(max(q.Prefix, q.After)) {
		switch {
		case !strings.HasPrefix(key, q.Prefix):
			return page
		case len(page.Keys) == q.Limit:
			page.More = true
			return page
		case key != q.After:
			page.Keys = append(page.Keys, key)
		}
	}
	return page
}

// Set implements [store.Storage].
func (n *node) Set(ctx context.Context, r store.SetRequest) (store.SetResult, error) {
	if err := n.usable(ctx); err != nil {
		return store.SetResult{}, err
	}
	c := n.store.lock(r.Channel)
	defer c.unlock()
	if n.gone.Load() {
		return store.SetResult{}, errGone // It must not be told of an expiry any more.
	}
	return c.set(clock(), &r, n), nil
}

func (c *channel) set(now time.Time, r *store.SetRequest, by *node) store.SetResult {
	old := c.has().storage.keys.Value(r.Key)
	if old != nil && !old.live(now) {
		c.endEntry(old, by) // The sweep has not come by yet.
		old = nil
	}
	var result store.SetResult
	if r.IfID != nil && *r.IfID != old.id() {
		result.Conflict, result.Entry = true, store.Entry{Channel: c.name, Key: r.Key}
		if old != nil {
			result.Entry = *old.entry
		}
		return result
	}
	if old != nil {
		result.Previous = old.entry
	}
	e := &store.Entry{
		Channel: c.name, Key: r.Key, Value: r.Value, Meta: r.Meta, Emit: r.Emit, Origin: r.Origin,
	}
	switch {
	case r.Value == nil:
		result.Changed = old != nil
		if old != nil {
			c.hold().storage.remove(old)
		}
	case old != nil && old.digest == r.Digest:
		e.ID, e.Value = old.entry.ID, old.entry.Value
	default:
		result.Changed = true
	}
	if r.Value != nil && r.Retention != store.Forever {
		e.Expires = now.Add(r.Retention)
	}
	if result.Changed {
		e.ID = c.assign(now)
	}
	if r.Value != nil {
		c.hold().storage.put(e, r.Digest)
	}
	if result.Changed {
		c.announce(&store.Item{ID: e.ID, Channel: c.name, Storage: e})
	}
	result.Entry = *e
	return result
}

// expireEntries removes entries that have expired, so many at the most.
func (c *channel) expireEntries(now time.Time, limit int, by *node) {
	for range limit {
		r, ok := c.hold().storage.expiry.takeDue(now)
		if !ok {
			return
		}
		c.endEntry(r, by)
	}
}

// endEntry removes an entry that has expired, and reports that if it is to be
// reported.
func (c *channel) endEntry(r *register, by *node) {
	c.hold().storage.remove(r)
	if r.entry.Emit {
		by.receiver.EntryExpired(*r.entry)
	}
}

// Entries implements [store.Storage].
func (n *node) Entries(ctx context.Context, q store.EntriesRequest) (store.EntriesResult, error) {
	if err := n.usable(ctx); err != nil {
		return store.EntriesResult{}, err
	}
	c := n.store.lockIfAny(q.Channel)
	if c == nil {
		return store.EntriesResult{}, nil
	}
	defer c.mu.Unlock()
	return c.has().storage.named(q, clock()), nil
}

// Keys implements [store.Storage].
func (n *node) Keys(ctx context.Context, q store.KeysRequest) (store.KeysResult, error) {
	if err := n.usable(ctx); err != nil {
		return store.KeysResult{}, err
	}
	c := n.store.lockIfAny(q.Channel)
	if c == nil {
		return store.KeysResult{}, nil
	}
	defer c.mu.Unlock()
	return c.has().storage.page(q), nil
}
