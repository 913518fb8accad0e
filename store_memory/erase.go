package storememory

import (
	"context"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// Erase implements [store.Erasing]. The first call frees everything.
func (n *node) Erase(ctx context.Context, e store.EraseRequest) (store.EraseResult, error) {
	if err := n.usable(ctx); err != nil {
		return store.EraseResult{}, err
	}
	if !e.Until.IsZero() {
		return store.EraseResult{Until: e.Until}, nil
	}
	c := n.store.lock(e.Channel)
	defer c.unlock()
	now := clock()
	result := store.EraseResult{Until: c.position(now)}
	c.forgetRecent(result.Until)
	if !e.ReplayOnly {
		kept := &c.hold().kept
		result.Freed = len(kept.list) - kept.holes
		*kept = keptMessages{}
	}
	if e.Notice != nil {
		c.publish(now, e.Notice)
	}
	return result, nil
}

// forgetRecent empties the replay log, whose newest item has the id, and leaves that
// as the one after which it goes on.
func (c *channel) forgetRecent(newest ulid.ULID) {
	c.recent = &recent{discarded: newest}
}
