package storeredis

import (
	"context"

	"github.com/hotsock-go/hotsock/store"
)

// Publish is one round trip: a script makes the id, appends the message and
// publishes it to every node.
func (n *node) Publish(ctx context.Context, p store.PublishRequest) (store.PublishResult, error) {
	if n.left.Load() {
		return store.PublishResult{}, errLeft
	}
	c := n.publishCall(&p)
	r, err := n.s.do(ctx, c)
	if err != nil {
		return store.PublishResult{}, err
	}
	res, err := publishResult(r)
	if err == nil {
		n.acked.note(c.part, p.Channel, res.ID)
	}
	return res, err
}

func (n *node) publishCall(p *store.PublishRequest) call {
	ck := n.s.keys.channel(p.Channel)
	if p.Keep != 0 || p.DedupID != "" {
		return n.channelCall(publishScript, p.Channel, ck, dedupKeys(ck, p), publishArgs(p)...)
	}
	return call{
		script: publishScript, part: ck.part,
		// All that a message needs that is not kept.
		keys: []string{ck.state(), ck.log()},
		args: append(n.channelArgs(p.Channel, ck, 3), "0", encodeMessage(p), "0"),
	}
}

// dedupKeys is the ninth key of publishing; it is there even if it is not used,
// for the keys that may follow.
func dedupKeys(ck channelKeys, p *store.PublishRequest) []string {
	return []string{ck.dedup(p.DedupID)}
}

func publishArgs(p *store.PublishRequest) []any {
	dedup := int64(0)
	if p.DedupID != "" {
		dedup = max(1, millis(p.DedupFor))
	}
	return []any{decimal(millis(p.Keep)), encodeMessage(p), decimal(dedup)}
}

func publishResult(r *reply) (store.PublishResult, error) {
	res := store.PublishResult{ID: r.record.id(), Duplicate: r.record.flag()}
	return res, r.record.err()
}
