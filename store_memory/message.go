package storememory

import (
	"context"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// Publish implements [store.Messages].
func (n *node) Publish(ctx context.Context, p store.PublishRequest) (store.PublishResult, error) {
	if err := n.usable(ctx); err != nil {
		return store.PublishResult{}, err
	}
	c := n.store.lock(p.Channel)
	defer c.unlock()
	return c.publish(clock(), &p), nil
}

func (c *channel) publish(now time.Time, p *store.PublishRequest) store.PublishResult {
	if p.DedupID != "" {
		if id, ok := c.has().dedup.find(p.DedupID, now); ok {
			return store.PublishResult{ID: id, Duplicate: true}
		}
	}
	before := c.newest
	m := &store.Message{
		ID:      c.assign(now),
		Channel: c.name,
		Event:   p.Event,
		Data:    p.Data,
		Meta:    p.Meta,
		Trace:   p.Trace,
		Origin:  p.Origin,
		Stream:  p.Stream,
	}
	if p.DedupID != "" {
		c.hold().dedup.add(p.DedupID, m.ID, now.Add(p.DedupFor))
	}
	if p.Retention > 0 {
		m.Expires = now.Add(p.Retention)
	}
	if p.Retention != 0 {
		c.hold().kept.add(m, before)
	}
	o := c.store.options.Load()
	c.log().expire(now, o.ReplayWindow)
	if p.Retention != store.Forever && p.Retention <= o.ReplayWindow {
		c.record().add(m, now, o.ReplayLimit)
	}
	if len(c.watchers) > 0 {
		c.deliver(&store.Item{ID: m.ID, Channel: c.name, Exclude: p.Exclude, Message: m})
	}
	return store.PublishResult{ID: m.ID}
}

// History implements [store.Messages].
func (n *node) History(ctx context.Context, h store.HistoryRequest) (store.HistoryResult, error) {
	if err := n.usable(ctx); err != nil {
		return store.HistoryResult{}, err
	}
	c := n.store.lockIfAny(h.Channel)
	if c == nil {
		return store.HistoryResult{}, nil
	}
	defer c.mu.Unlock()
	return c.has().kept.page(h, clock()), nil
}

// Count implements [store.Messages].
func (n *node) Count(ctx context.Context, r store.CountRequest) (int, error) {
	if err := n.usable(ctx); err != nil {
		return 0, err
	}
	c := n.store.lockIfAny(r.Channel)
	if c == nil {
		return 0, nil
	}
	defer c.mu.Unlock()
	return c.has().kept.count(r, clock()), nil
}
