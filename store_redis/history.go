package storeredis

import (
	"context"
	"strconv"

	"github.com/hotsock-go/hotsock/store"
)

// History returns a page of kept messages.
func (n *node) History(ctx context.Context, h store.HistoryRequest) (store.HistoryResult, error) {
	if n.left.Load() {
		return store.HistoryResult{}, errLeft
	}
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	ck := n.s.keys.channel(h.Channel)
	low, high := "-", "+"
	if !h.After.IsZero() {
		low = "(" + boundID(h.After)
	}
	if !h.Before.IsZero() {
		high = "(" + boundID(h.Before)
	}
	size := min(h.MaxBytes, readBytes)
	kind, replySize := pageReply, size
	if h.Limit == 1 {
		kind, replySize = shortReply, oneReply
	}
	for {
		r, err := n.s.do(ctx, call{
			script: historyScript, part: ck.part, kind: kind, replySize: replySize,
			keys: []any{ck.order(), ck.bodies(), ck.state()},
			args: []any{low, high, flag(h.Reverse), strconv.Itoa(h.Limit), strconv.Itoa(size), besides(h.Channel)},
		})
		if err != nil {
			return store.HistoryResult{}, err
		}
		more, last := r.record.flag(), r.record.next()
		messages, err := r.messages(h.Channel)
		if err != nil || !more || len(messages) > 0 {
			return store.HistoryResult{Messages: messages, More: more}, err
		}
		// All that it read has expired.
		if h.Reverse {
			high = "(" + last
		} else {
			low = "(" + last
		}
	}
}

// Count counts kept messages.
func (n *node) Count(ctx context.Context, c store.CountRequest) (int, error) {
	if n.left.Load() {
		return 0, errLeft
	}
	ck := n.s.keys.channel(c.Channel)
	low := "-"
	if !c.After.IsZero() {
		low = "(" + boundID(c.After)
	}
	r, err := n.s.do(ctx, call{
		script: countScript, part: ck.part, keys: []any{ck.order(), ck.expiry(), ck.state()}, args: []any{low, strconv.Itoa(c.Limit)},
	})
	if err != nil {
		return 0, err
	}
	count := int(r.record.int())
	return count, r.record.err()
}
