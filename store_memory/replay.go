package storememory

import (
	"context"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// Replay implements [store.Messages].
func (n *node) Replay(ctx context.Context, r store.ReplayRequest) (store.ReplayResult, error) {
	if err := n.usable(ctx); err != nil {
		return store.ReplayResult{}, err
	}
	c := n.store.lockIfAny(r.Channel)
	if c == nil {
		return store.ReplayResult{}, nil
	}
	defer c.unlock()
	now := clock()
	c.log().expire(now, c.store.options.Load().ReplayWindow)
	if !c.knows(r.After) || c.log().discarded.Compare(r.After) > 0 {
		return store.ReplayResult{}, nil
	}
	p := c.replay(r, now)
	return store.ReplayResult{Complete: true, Messages: p.messages, More: p.more}, nil
}

// knows says whether the channel can prove that id is one of its items.
func (c *channel) knows(id ulid.ULID) bool {
	if id.IsZero() {
		return false
	}
	if id == c.newest || id == c.origin || id == c.has().kept.expired || c.log().has(id) {
		return true
	}
	kept := c.has().kept.list
	i, j := c.has().kept.from(id), c.has().kept.after(id)
	return i < j || j < len(kept) && kept[j].before == id
}

// replay merges the replay log and the kept messages.
func (c *channel) replay(r store.ReplayRequest, now time.Time) page {
	p := page{limit: r.Limit, maxBytes: r.MaxBytes}
	i, j := c.log().after(r.After), c.has().kept.after(r.After)
	for {
		for j < len(c.has().kept.list) && !c.has().kept.list[j].live(now) {
			j++
		}
		var next, kept *store.Message
		if i < c.log().messages.len {
			next = c.log().messages.at(i)
		}
		if j < len(c.has().kept.list) {
			kept = c.has().kept.list[j].message.message
		}
		switch {
		case kept == nil && next == nil:
			return p
		case kept != nil && next != nil && kept.ID == next.ID: // The log has it as it was published.
			next, i, j = kept, i+1, j+1
		case next == nil, kept != nil && kept.ID.Compare(next.ID) < 0:
			next, j = kept, j+1
		default:
			i++
			if a := c.log().appends[next.ID]; a != nil {
				notice := c.appendNotice(next, a)
				if notice == nil {
					continue
				}
				next = notice
			}
		}
		if next.ID.Compare(r.Until) > 0 || !p.add(next) {
			return p
		}
	}
}
