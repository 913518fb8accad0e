package storeredis

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

func (n *node) entryKeys(ck channelKeys) []any {
	return []any{ck.entries(), ck.entryOrder(), ck.entryExpiry(), n.s.keys.expired(ck.part)}
}

func setArgs(s *store.SetRequest) []any {
	return []any{s.Key, s.Digest, decimal(millis(s.Keep)), flag(s.Emit), flag(s.Value == nil), encodeEntry(s)}
}

// Set writes or clears an entry.
func (n *node) Set(ctx context.Context, q store.SetRequest) (store.SetResult, error) {
	if n.left.Load() {
		return store.SetResult{}, errLeft
	}
	ck := n.s.keys.channel(q.Channel)
	r, err := n.s.do(ctx, n.channelCall(setScript, q.Channel, ck, n.entryKeys(ck), setArgs(&q)...))
	if err != nil {
		return store.SetResult{}, err
	}
	res, err := setResult(&q, r)
	if err == nil && res.Changed {
		n.acked.note(ck.part, q.Channel, res.Entry.ID)
	}
	return res, err
}

func setResult(q *store.SetRequest, r *reply) (store.SetResult, error) {
	res := store.SetResult{Changed: r.record.flag()}
	entry, previous := r.record.next(), r.record.next()
	if err := r.record.err(); err != nil {
		return res, err
	}
	if entry == "" { // Cleared, and there was nothing.
		res.Entry = store.Entry{Channel: q.Channel, Key: q.Key, Meta: q.Meta, Emit: q.Emit, Origin: q.Origin}
		return res, nil
	}
	e, err := decodeEntry(q.Channel, entry)
	if err != nil {
		return res, err
	}
	res.Entry = *e
	if previous != "" {
		res.Previous, err = decodeEntry(q.Channel, previous)
	}
	return res, err
}

// Get returns an entry.
func (n *node) Get(ctx context.Context, channel, key string) (*store.Entry, error) {
	list, err := n.readEntries(ctx, channel, []string{key})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, store.ErrNotFound
	}
	return list[0], nil
}

// readEntries returns those of the keys that are there, in the order given.
func (n *node) readEntries(ctx context.Context, channel string, keys []string) ([]*store.Entry, error) {
	if n.left.Load() {
		return nil, errLeft
	}
	ck := n.s.keys.channel(channel)
	args := make([]any, len(keys))
	for i, k := range keys {
		args[i] = k
	}
	r, err := n.s.do(ctx, call{script: readScript, part: ck.part, keys: []any{ck.entries()}, args: args})
	if err != nil {
		return nil, err
	}
	values, err := r.list(0)
	if err != nil {
		return nil, err
	}
	var list []*store.Entry
	for _, v := range values {
		if list, err = appendEntry(list, channel, v, r.now); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// appendEntry appends a stored entry, unless it is missing or has expired.
func appendEntry(list []*store.Entry, channel, text string, now int64) ([]*store.Entry, error) {
	if text == "" {
		return list, nil
	}
	e, err := decodeEntry(channel, text)
	if err != nil || (!e.Expires.IsZero() && !e.Expires.After(time.UnixMilli(now))) {
		return list, err
	}
	return append(list, e), nil
}

// List returns a page of entries by key.
func (n *node) List(ctx context.Context, l store.ListRequest) ([]*store.Entry, error) {
	if len(l.Keys) > 0 {
		keys := slices.Sorted(slices.Values(l.Keys))
		keys = slices.DeleteFunc(slices.Compact(keys), func(k string) bool { return k <= l.After })
		if len(keys) == 0 {
			return nil, nil
		}
		list, err := n.readEntries(ctx, l.Channel, keys)
		return list[:min(len(list), l.Limit)], err
	}
	if n.left.Load() {
		return nil, errLeft
	}
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	ck := n.s.keys.channel(l.Channel)
	low := "-"
	if l.After != "" {
		low = "(" + l.After
	}
	var page []*store.Entry
	for {
		want := min(l.Limit-len(page), entriesPage)
		r, err := n.s.do(ctx, call{
			script: entriesScript, part: ck.part, keys: []any{ck.entries(), ck.entryOrder()},
			args: []any{low, strconv.Itoa(want)},
		})
		if err != nil {
			return nil, err
		}
		flat, err := r.list(0)
		if err != nil {
			return nil, err
		}
		for i := 0; i+1 < len(flat); i += 2 {
			if page, err = appendEntry(page, l.Channel, flat[i+1], r.now); err != nil {
				return nil, err
			}
		}
		if len(flat) < 2*want || len(page) == l.Limit {
			return page, nil
		}
		low = "(" + flat[len(flat)-2]
	}
}

// entriesPage bounds what one read returns, and so how long Redis is busy.
const entriesPage = 200
