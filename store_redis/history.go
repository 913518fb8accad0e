package storeredis

import (
	"context"
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
	r, err := n.s.do(ctx, call{script: readScript, part: ck.part, keys: []any{ck.bodies()}, args: []any{at}})
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

// History returns a page of kept messages. Expired ones that are not yet
// removed are skipped, so it may take more than one read.
func (n *node) History(ctx context.Context, h store.HistoryRequest) ([]*store.Message, error) {
	if n.left.Load() {
		return nil, errLeft
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
	var page []*store.Message
	for {
		want := min(h.Limit-len(page), historyPage)
		r, err := n.s.do(ctx, call{
			script: historyScript, part: ck.part, keys: []any{ck.order(), ck.bodies()},
			args: []any{low, high, flag(h.Reverse), strconv.Itoa(want)},
		})
		if err != nil {
			return nil, err
		}
		flat, err := r.list(0)
		if err != nil {
			return nil, err
		}
		for i := 0; i+1 < len(flat); i += 2 {
			if flat[i+1] == "" {
				continue
			}
			m, expired, err := decodeBody(h.Channel, flat[i], flat[i+1], r.now)
			if err != nil {
				return nil, err
			}
			if !expired {
				page = append(page, m)
			}
		}
		if len(flat) < 2*want || len(page) == h.Limit {
			return page, nil
		}
		if last := flat[len(flat)-2]; h.Reverse {
			high = "(" + last
		} else {
			low = "(" + last
		}
	}
}

// historyPage bounds what one read returns, and so how long Redis is busy.
const historyPage = 200
