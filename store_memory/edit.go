package storememory

import (
	"context"
	"slices"
	"strconv"

	"github.com/hotsock-go/hotsock/store"
)

// Edit implements [store.Messages].
func (n *node) Edit(ctx context.Context, e store.EditRequest) (store.EditResult, error) {
	if err := n.usable(ctx); err != nil {
		return store.EditResult{}, err
	}
	c := n.store.lockIfAny(e.Channel)
	if c == nil {
		return store.EditResult{}, store.ErrNotFound
	}
	defer c.unlock()
	now := clock()
	kept := c.has().kept.find(e.Message, now)
	switch {
	case kept == nil:
		return store.EditResult{}, store.ErrNotFound
	case e.IfVersion != 0 && e.IfVersion != kept.message.Version():
		return store.EditResult{}, store.ErrConflict
	}
	was := kept.message
	edited := *was // Nodes and readers may have the other one.
	edited.Data, edited.Updates = e.Data, was.Updates+1
	var res store.EditResult
	if !e.Delete {
		res.Version = edited.Version()
		e.Notice.Data = slices.Concat(e.Notice.Data, strconv.AppendInt(nil, res.Version, 10), e.NoticeEnd)
	}
	res.Notice = c.publish(now, &e.Notice).ID
	limit := c.store.options.Load().ReplayLimit
	if was.Updates > 0 {
		c.log().erase(was.Updated, limit)
	}
	if e.Delete {
		c.has().kept.remove(kept)
		c.log().erase(was.ID, limit)
		return res, nil
	}
	edited.Updated = res.Notice
	kept.message = &edited
	return res, nil
}
