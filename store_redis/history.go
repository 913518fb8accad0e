package storeredis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// Message returns a kept message.
func (n *node) Message(ctx context.Context, channel string, id ulid.ULID) (*store.Message, error) {
	if n.left.Load() {
		return nil, errLeft
	}
	at := formatID(id)
	if at == "" {
		return nil, store.ErrNotFound
	}
	ck := n.s.keys.channel(channel)
	r, err := n.s.do(ctx, call{
		script: readScript, part: ck.part, replySize: oneReply, keys: []any{ck.bodies()}, args: []any{at},
	})
	if err != nil {
		return nil, err
	}
	values, err := r.list(0)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 || values[0] == "" {
		return nil, store.ErrNotFound
	}
	m, expired, err := decodeBody(channel, at, values[0], r.now)
	if _, unknown := errors.AsType[unknownKind](err); unknown {
		return nil, store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if expired {
		return nil, store.ErrNotFound
	}
	return m, nil
}

// decodeBody reads a kept message, and reports whether it has expired at the
// server's time given.
func decodeBody(channel, id, body string, now int64) (m *store.Message, expired bool, err error) {
	expires, rest, ok := strings.Cut(body, " ")
	_, item, ok2 := strings.Cut(rest, " ")
	at, err := strconv.ParseInt(expires, 10, 64)
	if !ok || !ok2 || err != nil {
		return nil, false, fmt.Errorf("message %s: %w", id, errRecord)
	}
	it, _, err := decodeItem(channel, id, item)
	if err != nil {
		return nil, false, err
	}
	if it.Message == nil {
		return nil, false, fmt.Errorf("message %s: %w", id, errRecord)
	}
	return it.Message, at > 0 && at <= now, nil
}

// History returns a page of kept messages.
func (n *node) History(ctx context.Context, h store.HistoryRequest) (store.HistoryPage, error) {
	if n.left.Load() {
		return store.HistoryPage{}, errLeft
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
	for size := min(h.MaxBytes, readBytes); ; {
		r, err := n.s.do(ctx, call{
			script: historyScript, part: ck.part, kind: pageReply, replySize: size,
			keys: []any{ck.order(), ck.bodies()},
			args: []any{low, high, flag(h.Reverse), strconv.Itoa(h.Limit), strconv.Itoa(size), besides(h.Channel)},
		})
		if err != nil {
			return store.HistoryPage{}, err
		}
		more, last := r.record.flag(), r.record.next()
		messages, err := r.messages(h.Channel)
		if err != nil || !more || len(messages) > 0 {
			return store.HistoryPage{Messages: messages, More: more}, err
		}
		// All that it read has expired.
		if h.Reverse {
			high = "(" + last
		} else {
			low = "(" + last
		}
	}
}
