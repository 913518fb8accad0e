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
	if p.Stream != nil { // It would stay open for as long as nothing can be appended.
		if err := n.mayAppend(); err != nil {
			return store.PublishResult{}, err
		}
	}
	c := n.publishCall(&p)
	r, err := n.s.do(ctx, c)
	if err != nil {
		return store.PublishResult{}, err
	}
	res, err := publishResult(r)
	if err == nil {
		n.losses.note(c.part, p.Channel, res.ID, r.server)
	}
	return res, err
}

func (n *node) publishCall(p *store.PublishRequest) call {
	names := n.s.names.of(&n.s.keys, p.Channel)
	keys, dedup := names.notKept(), int64(0)
	switch {
	case p.DedupID != "":
		keys, dedup = names.deduplicated(p.DedupID), max(1, millis(p.DedupFor))
	case p.Retention != 0:
		keys = names.kept()
	}
	return call{
		script: publishScript, part: names.part, keys: keys,
		args: n.channelArgs(names.topic, names.name, millis(p.Retention), encodeMessage(p), dedup),
	}
}

func publishResult(r *reply) (store.PublishResult, error) {
	res := store.PublishResult{ID: r.record.id(), Duplicate: r.record.flag()}
	return res, r.record.err()
}
