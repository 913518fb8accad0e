package simplestore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// Edit implements [store.Messages].
func (n *node) Edit(ctx context.Context, e store.EditRequest) (store.EditResult, error) {
	if err := n.lock(ctx); err != nil {
		return store.EditResult{}, err
	}
	defer n.store.mu.Unlock()
	now, c := time.Now(), n.store.channel(e.Channel)
	r := c.listed(now, e.Message)
	switch {
	case r == nil:
		return store.EditResult{}, store.ErrNotFound
	case e.IfVersion != 0 && e.IfVersion != r.message.Version():
		return store.EditResult{}, store.ErrConflict
	}
	c.erase(now, r.message.Updated) // The notice of the update before.
	var res store.EditResult
	edited := *r.message // Nodes may have the other one.
	if !e.Delete {
		edited.Data, edited.Updates = e.Data, edited.Updates+1
		res.Version = edited.Version()
		e.Notice.Data = fmt.Appendf(slices.Clip(e.Notice.Data), "%d%s", res.Version, e.NoticeEnd)
	}
	res.Notice = c.publish(now, &e.Notice).ID
	if e.Delete {
		c.erase(now, e.Message)
		return res, nil
	}
	edited.Updated = res.Notice
	r.message = &edited
	return res, nil
}

// erase leaves of a message only that it was an item, for a replay window.
func (c *channel) erase(now time.Time, id ulid.ULID) {
	i := slices.IndexFunc(c.log, func(r *record) bool { return r.id == id })
	if i >= 0 {
		c.log[i] = &record{id: id, brief: true, until: now.Add(c.store.options.ReplayWindow)}
	}
}
