package storememory

import (
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/store"
)

// Two things that happen at the same moment are ordered by nothing but the lock in
// question, and so the race detector tells when it is gone; where many happen, other
// locks hide that.
func TestTwoAtOnce(t *testing.T) {
	ctx := t.Context()
	connection := store.Connection{ID: "1"}
	add := func(n *node) { _ = n.AddConnection(ctx, connection) }
	remove := func(n *node) { _ = n.RemoveConnection(ctx, connection.ID) }
	leave := func(n *node) { _ = n.Leave(ctx) }
	startAndStop := func(n *node) {
		if stop, err := n.store.Scheduler().Start(ctx, n, func(store.Fired) {}); err == nil {
			stop()
		}
	}
	list := func(n *node) {
		for c := range n.store.channels() {
			c.unlock()
		}
	}
	for what, two := range map[string][2]func(n *node){
		"two connections begin":                  {add, add},
		"a connection begins, another ends":      {add, remove},
		"connections end, their dead node's too": {remove, func(n *node) { n.store.removeDead(n, n) }},
		"a node does something, and leaves":      {func(n *node) { n.start(func() { await.Pass(time.Millisecond, "while the other leaves") }) }, leave},
		"nodes are listed, one leaves":           {func(n *node) { _, _ = n.Peers(ctx) }, leave},
		"a node is called, leaves":               {func(n *node) { n.store.peer(n.id) }, leave},
		"two runners of schedules begin and end": {startAndStop, startAndStop},
		"channels are listed, one comes":         {list, func(n *node) { n.store.lock("c").unlock() }},
		"channels are listed, one goes":          {list, func(n *node) { n.store.shard("c").remove(n.store.lockedOnce("c")) }},
	} {
		t.Run(what, func(t *testing.T) {
			for range 10 {
				n, _ := joined(t, New(), defaults)
				add(n)
				var both sync.WaitGroup
				for _, f := range two {
					both.Go(func() { f(n) })
				}
				both.Wait()
			}
		})
	}
}

// lockedOnce returns a channel that is not locked any more.
func (s *Store) lockedOnce(name string) *channel {
	c := s.lock(name)
	c.unlock()
	return c
}
