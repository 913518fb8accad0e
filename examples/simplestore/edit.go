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
	case e.IfVersion != 0 && e.IfVersion != r.message.Version(), e.Append && e.Tail > len(r.message.Data):
		return store.EditResult{}, store.ErrConflict
	}
	res := store.EditResult{Subscriptions: c.info().Count}
	if e.Append {
		c.appendTo(now, r, &e, &res)
		return res, nil
	}
	c.erase(now, r.replacedBy) // The notice of the update before.
	edited := *r.message       // Nodes may have the other one.
	edited.Updates++
	if !e.Delete {
		edited.Data = e.Data
		res.Version = edited.Version()
		e.Notice.Data = fmt.Appendf(slices.Clip(e.Notice.Data), "%d%s", res.Version, e.NoticeEnd)
	}
	res.Notice = c.publish(now, &e.Notice).ID
	if e.Delete {
		c.erase(now, e.Message)
		return res, nil
	}
	r.set(edited, &e, res.Notice)
	r.replaced, r.replacedBy = edited.Updates, res.Notice
	return res, nil
}

// appendTo inserts what the request has. Of the notice, the log has what surrounds it,
// and where in the message it is: so an update or a deletion takes it from the log, too.
func (c *channel) appendTo(now time.Time, r *record, e *store.EditRequest, res *store.EditResult) {
	edited := *r.message
	edited.Updates++
	from := len(edited.Data) - e.Tail
	to := from + len(e.Data)
	edited.Data = slices.Concat(edited.Data[:from], e.Data, edited.Data[from:])
	res.Version = edited.Version()
	before := e.Notice.Data
	e.Notice.Data = slices.Concat(before, e.Data, e.NoticeEnd)
	res.Notice = c.publish(now, &e.Notice).ID
	r.set(edited, e, res.Notice)

	i := slices.IndexFunc(c.log, func(r *record) bool { return r.id == res.Notice })
	if i < 0 {
		return // There is no room for it.
	}
	logged := *c.log[i].message // Nodes have the other one.
	logged.Data = nil
	c.log[i].message, c.log[i].appended = &logged, func(now time.Time) []byte {
		if !slices.Contains(c.log, r) || !r.listed(now) || edited.Updates <= r.replaced {
			return nil
		}
		return slices.Concat(before, r.message.Data[from:to], e.NoticeEnd)
	}
}

// set makes a message what an edit has made of it.
func (r *record) set(edited store.Message, e *store.EditRequest, notice ulid.ULID) {
	edited.Updated = notice
	if e.Stream != nil {
		edited.Stream = e.Stream
	}
	r.message = &edited
}

// erase leaves of a message only that it was an item, for a replay window.
func (c *channel) erase(now time.Time, id ulid.ULID) {
	i := slices.IndexFunc(c.log, func(r *record) bool { return r.id == id })
	if i >= 0 {
		c.log[i] = &record{id: id, brief: true, until: now.Add(c.store.options.ReplayWindow)}
	}
}
