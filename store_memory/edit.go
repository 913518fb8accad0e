package storememory

import (
	"context"
	"slices"
	"strconv"

	"github.com/oklog/ulid/v2"

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
	case e.IfVersion != 0 && e.IfVersion != kept.message.Version(), e.Append && e.Tail > len(kept.message.Data):
		return store.EditResult{}, store.ErrConflict
	}
	was := kept.message
	edited := *was // Nodes and readers may have the other one.
	edited.Updates++
	res := store.EditResult{Subscriptions: c.presence.counted}
	prefix := e.Notice.Data
	var at int // where something is appended
	switch {
	case e.Delete:
	case e.Append:
		at = len(was.Data) - e.Tail
		edited.Data = slices.Concat(was.Data[:at], e.Data, was.Data[at:])
		e.Notice.Data = slices.Concat(prefix, e.Data, e.NoticeEnd)
	default:
		edited.Data = e.Data
		e.Notice.Data = slices.Concat(prefix, strconv.AppendInt(nil, edited.Version(), 10), e.NoticeEnd)
	}
	res.Notice = c.publish(now, &e.Notice).ID
	limit := c.store.options.Load().ReplayLimit
	if !e.Append && !kept.replacedBy.IsZero() {
		c.log().erase(kept.replacedBy, limit)
	}
	if e.Delete {
		c.has().kept.remove(kept)
		c.log().erase(was.ID, limit)
		return res, nil
	}
	res.Version = edited.Version()
	edited.Updated = res.Notice
	if e.Stream != nil {
		edited.Stream = e.Stream
	}
	kept.message = &edited
	if e.Append {
		c.log().noteAppend(res.Notice, &appended{
			message: was.ID, updates: edited.Updates, from: at, to: at + len(e.Data), before: prefix, after: e.NoticeEnd,
		})
	} else {
		kept.replaced, kept.replacedBy = edited.Updates, res.Notice
	}
	return res, nil
}

// An appended is what the log has of an append: where in the message's data it is, and
// what surrounds that in the notice. So what is taken from the message is in no log.
type appended struct {
	message       ulid.ULID
	updates       int64 // that the message had then
	from, to      int
	before, after []byte
}

// appendNotice returns the notice of an append as it was published, nil if that is not
// in its message any more.
func (c *channel) appendNotice(notice *store.Message, a *appended) *store.Message {
	slots := &c.has().kept
	i := slots.from(a.message)
	if i == len(slots.list) || slots.list[i].id != a.message || !slots.list[i].live(clock()) {
		return nil
	}
	kept := slots.list[i].message
	if a.updates <= kept.replaced {
		return nil
	}
	whole := *notice
	whole.Data = slices.Concat(a.before, kept.message.Data[a.from:a.to], a.after)
	return &whole
}
