package simplestore

import (
	"context"
	"slices"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// Erase implements [store.Erasing]. One call frees everything.
func (n *node) Erase(ctx context.Context, q store.EraseRequest) (store.EraseResult, error) {
	if err := n.lock(ctx); err != nil {
		return store.EraseResult{}, err
	}
	defer n.store.mu.Unlock()
	if !q.Until.IsZero() {
		return store.EraseResult{Until: q.Until}, nil
	}
	now, c := time.Now(), n.store.channel(q.Channel)
	res := store.EraseResult{Until: c.position(now)}
	c.log = slices.DeleteFunc(c.log, func(r *record) bool {
		if !r.kept || !q.ReplayOnly {
			res.Freed += map[bool]int{true: 1}[r.kept]
			return true
		}
		r.brief, r.until = false, r.message.Expires // It stays for the history.
		return false
	})
	c.dropped, c.lost = res.Until, res.Until
	if q.Notice != nil {
		c.publish(now, q.Notice)
	}
	return res, nil
}
