package storeredis

import (
	"context"
	"slices"
	"strconv"

	"github.com/hotsock-go/hotsock/store"
)

// Replay reads the log, where every message is that is not kept for longer
// than the window, and the kept messages. It is complete if the script proves
// that After is the channel's and that the log has lost nothing since.
func (n *node) Replay(ctx context.Context, q store.ReplayRequest) (store.Replay, error) {
	if n.left.Load() {
		return store.Replay{}, errLeft
	}
	after := formatID(q.After)
	if after == "" {
		return store.Replay{}, nil // No item of any channel.
	}
	ck := n.s.keys.channel(q.Channel)
	r, err := n.s.do(ctx, call{
		script: replayScript, part: ck.part,
		keys: []any{ck.state(), ck.log(), ck.changes(), ck.order(), ck.bodies()},
		args: []any{after, boundID(q.Until), strconv.Itoa(q.Limit + 1), n.window},
	})
	if err != nil {
		return store.Replay{}, err
	}
	if !r.record.flag() {
		return store.Replay{}, nil
	}
	log, err := r.list(0)
	if err != nil {
		return store.Replay{}, err
	}
	kept, err := r.list(1)
	if err != nil {
		return store.Replay{}, err
	}
	var messages []*store.Message
	for i := 0; i+1 < len(log); i += 2 {
		it, _, err := decodeItem(q.Channel, log[i], log[i+1])
		if err != nil {
			return store.Replay{}, err
		}
		messages = append(messages, it.Message)
	}
	for i := 0; i+1 < len(kept); i += 2 {
		if kept[i+1] == "" {
			continue
		}
		m, expired, err := decodeBody(q.Channel, kept[i], kept[i+1], r.now)
		if err != nil {
			return store.Replay{}, err
		}
		if !expired {
			messages = append(messages, m)
		}
	}
	// A message that is kept for less than the window is in both.
	slices.SortFunc(messages, func(a, b *store.Message) int { return a.ID.Compare(b.ID) })
	messages = slices.CompactFunc(messages, func(a, b *store.Message) bool { return a.ID == b.ID })
	if len(messages) > q.Limit {
		return store.Replay{}, nil
	}
	return store.Replay{Complete: true, Messages: messages}, nil
}
