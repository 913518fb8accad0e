package storeredis

import (
	"cmp"
	"context"
	"strconv"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

func (n *node) entryKeys(ck channelKeys) []any {
	return []any{ck.entries(), ck.entryOrder(), ck.entryExpiry(), n.s.keys.expired(ck.part)}
}

func setArgs(s *store.SetRequest) []any {
	return []any{s.Key, s.Digest, decimal(millis(s.Retention)), flag(s.Emit), flag(s.Value == nil), encodeEntry(s), condition(s)}
}

// condition is that of a write, for the script.
func condition(s *store.SetRequest) string {
	switch {
	case s.IfID == nil:
		return ""
	case s.IfID.IsZero():
		return "0"
	}
	return cmp.Or(formatID(*s.IfID), "of another store") // which no entry has
}

// Set writes or clears an entry.
func (n *node) Set(ctx context.Context, q store.SetRequest) (store.SetResult, error) {
	if n.left.Load() {
		return store.SetResult{}, errLeft
	}
	ck := n.s.keys.channel(q.Channel)
	c := n.channelCall(setScript, q.Channel, ck, n.entryKeys(ck), setArgs(&q)...)
	c.replySize = oneReply // the entry that was there before, and this one
	r, err := n.s.do(ctx, c)
	if err != nil {
		return store.SetResult{}, err
	}
	res, err := setResult(&q, r)
	if err == nil && res.Changed {
		n.losses.note(ck.part, q.Channel, res.Entry.ID, r.server)
	}
	return res, err
}

func setResult(q *store.SetRequest, r *reply) (store.SetResult, error) {
	res := store.SetResult{Changed: r.record.flag()}
	entry, previous := r.record.next(), r.record.next()
	res.Conflict = r.record.flag()
	if err := r.record.err(); err != nil {
		return res, err
	}
	if res.Conflict && entry == "" {
		res.Entry = store.Entry{Channel: q.Channel, Key: q.Key}
		return res, nil
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

// entriesAtOnce bounds how many entries one script looks for.
const entriesAtOnce = 500

// Entries returns entries by their keys.
func (n *node) Entries(ctx context.Context, q store.EntriesRequest) (store.EntriesResult, error) {
	var page store.EntriesResult
	if n.left.Load() {
		return page, errLeft
	}
	ck := n.s.keys.channel(q.Channel)
	args := []any{strconv.Itoa(q.MaxBytes)}
	for _, key := range q.Keys[:min(len(q.Keys), entriesAtOnce)] {
		args = append(args, key)
	}
	if len(args) == 1 {
		return page, nil
	}
	c := call{script: entriesScript, part: ck.part, keys: []any{ck.entries()}, args: args, replySize: oneReply}
	if len(q.Keys) > 1 {
		c.kind, c.replySize = pageReply, q.MaxBytes
	}
	r, err := n.s.do(ctx, c)
	if err != nil {
		return page, err
	}
	values, err := r.list(0)
	if err != nil {
		return page, err
	}
	done := int(r.record.int())
	if r.record.bad || done < 1 || done >= len(args) {
		return page, errRecord
	}
	page.Rest = q.Keys[done:]
	for _, v := range values {
		if page.Entries, err = appendEntry(page.Entries, q.Channel, v, r.now); err != nil {
			return page, err
		}
	}
	return page, nil
}

// maxKeySize is how many bytes a key is taken to have at the most.
const maxKeySize = 512

// Keys returns a page of keys.
func (n *node) Keys(ctx context.Context, q store.KeysRequest) (store.KeysResult, error) {
	if n.left.Load() {
		return store.KeysResult{}, errLeft
	}
	ck := n.s.keys.channel(q.Channel)
	low, high := "["+q.Prefix, "+"
	if q.After >= q.Prefix {
		low = "(" + q.After
	}
	if q.Prefix != "" {
		high = "(" + q.Prefix + "\xff" // which is in no key
	}
	c := readCall(ck.part, command{"ZRANGEBYLEX", ck.entryOrder(), low, high, "LIMIT", "0", strconv.Itoa(q.Limit)})
	c.kind, c.replySize = pageReply, q.Limit*maxKeySize
	r, err := n.s.do(ctx, c)
	if err != nil {
		return store.KeysResult{}, err
	}
	keys, err := r.list(0)
	return store.KeysResult{Keys: keys, More: len(keys) == q.Limit}, err
}
