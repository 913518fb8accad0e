package storeredis

import (
	"context"
	"errors"

	"github.com/hotsock-go/hotsock/store"
	"golang.org/x/sync/errgroup"
)

// Leave stops the background work first, so that nothing is reported any more,
// and then removes what the node still has in Redis. What it cannot remove is
// swept by others when the leases lapse.
func (n *node) Leave(ctx context.Context) error {
	if n.left.Swap(true) {
		return nil
	}
	n.stop()
	var g errgroup.Group
	g.SetLimit(32)
	for p := range partitions {
		part := &n.leases.parts[p]
		part.mu.Lock()
		inc, joined := part.inc, part.joined
		part.mu.Unlock()
		if !joined {
			continue
		}
		g.Go(func() error {
			for {
				err := n.sweep(ctx, p, inc, true, func(store.SubscriptionEnd) {}, func(store.Connection) {})
				if !errors.Is(err, refusedNone) {
					return err
				}
				// A call that was under way has added something meanwhile.
			}
		})
	}
	return g.Wait()
}

// stop ends all background work and waits for it.
func (n *node) stop() {
	n.runMu.Lock()
	n.stopping = true
	n.runMu.Unlock()
	n.cancel()
	n.wg.Wait()
}
