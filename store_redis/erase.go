package storeredis

import (
	"context"
	"strconv"

	"github.com/hotsock-go/hotsock/store"
)

// maxFreed is how many messages one script frees: Redis answers nobody else for about
// a millisecond.
const maxFreed = 250

// Erase makes what was published unreadable in one script, whatever there is of it, and
// frees it in as many as it takes.
func (n *node) Erase(ctx context.Context, e store.EraseRequest) (store.EraseResult, error) {
	if n.left.Load() {
		return store.EraseResult{}, errLeft
	}
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	ck := n.s.keys.channel(e.Channel)
	if !e.Until.IsZero() {
		return n.freeErased(ctx, ck, &e)
	}
	keep, notice := "0", ""
	if e.Notice != nil {
		keep, notice = decimal(millis(e.Notice.Retention)), string(encodeMessage(e.Notice))
	}
	r, err := n.s.do(ctx, n.channelCall(eraseScript, e.Channel, ck, nil, flag(!e.ReplayOnly), keep, notice))
	if err != nil {
		return store.EraseResult{}, err
	}
	res := store.EraseResult{Until: r.record.id()}
	id := r.record.id()
	res.More = r.record.flag()
	if e.Notice != nil {
		n.losses.note(ck.part, e.Channel, id, r.server)
	}
	return res, r.record.err()
}

// freeErased frees the oldest messages.
func (n *node) freeErased(ctx context.Context, ck channelKeys, e *store.EraseRequest) (store.EraseResult, error) {
	res := store.EraseResult{Until: e.Until}
	if e.ReplayOnly {
		return res, nil
	}
	until := boundID(e.Until)
	r, err := n.s.do(ctx, readCall(ck.part, command{
		"ZRANGEBYLEX", ck.order(), "-", "[" + until, "LIMIT", "0", strconv.Itoa(min(e.Limit, maxFreed)),
	}))
	if err != nil {
		return res, err
	}
	ids, err := r.list(0)
	if err != nil || len(ids) == 0 {
		return res, err
	}
	var keys []any
	args := []any{until}
	for _, id := range ids {
		keys, args = append(keys, reactionKeys(&ck, id)...), append(args, id)
	}
	r, err = n.s.do(ctx, n.channelCall(eraseFreeScript, e.Channel, ck, keys, args...))
	if err != nil {
		return res, err
	}
	res.Freed, res.More = int(r.record.int()), r.record.flag()
	return res, r.record.err()
}
