package storememory

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/store"
)

// sweepEvery is how often a node looks for what has expired.
const sweepEvery = 500 * time.Millisecond

var errGone = unavailable(errors.New("this node has left the store"))

// A node is one handler's membership.
type node struct {
	id       string
	store    *Store
	receiver store.Receiver
	// maxListed is that of its JoinOptions.
	maxListed int
	// ctx ends when the node does.
	ctx    context.Context
	cancel context.CancelFunc
	// sweeper is the goroutine that sweeps. tasks are those that call what the
	// handler gave, and so end when it lets them: Receiver.Call, and what the
	// scheduler reports to.
	sweeper, tasks sync.WaitGroup
	// gone is set, with mu held, before anything else of the end.
	gone atomic.Bool

	mu          sync.Mutex
	connections table.Map[string, store.Connection]

	// dies is when the others remove a node that is gone and has not cleaned up
	// after itself; zero for all others. Guarded by Store.mu.
	dies time.Time
}

var _ store.Node = (*node)(nil)

// ID implements [store.Node].
func (n *node) ID() string { return n.id }

// Ready implements [store.Node].
func (n *node) Ready(ctx context.Context) error { return n.usable(ctx) }

// Leave implements [store.Node]. It waits for a Receiver's Call under way,
// whose context it ends, so Call must not call it.
func (n *node) Leave(ctx context.Context) error {
	if !n.end() {
		return nil
	}
	s := n.store
	s.mu.Lock()
	delete(s.nodes, n.id)
	s.mu.Unlock()

	n.sweeper.Wait()
	n.waitForTasks(ctx)
	err := ctx.Err()
	for c := range s.channels() {
		c.unwatch(n)
		if err == nil {
			c.endSubscriptionsOf(n, nil)
			err = ctx.Err()
		}
		c.unlock()
	}
	if err == nil {
		return nil
	}
	s.mu.Lock()
	n.dies = clock()
	s.nodes[n.id] = n
	s.mu.Unlock()
	return unavailable(err)
}

// waitForTasks returns when the node's tasks have ended, or with ctx.
func (n *node) waitForTasks(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		n.tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// die is what a crash would be if nodes were processes: the node ends and its
// traces stay. The others find out when NodeTimeout has passed.
func (n *node) die() {
	if !n.end() {
		return
	}
	n.sweeper.Wait()
	n.tasks.Wait()
	s := n.store
	for c := range s.channels() {
		c.unwatch(n)
		c.unlock()
	}
	s.mu.Lock()
	n.dies = clock().Add(s.options.Load().NodeTimeout)
	s.mu.Unlock()
}

// end makes everything but the cleaning up impossible. It returns false if it
// was called before.
func (n *node) end() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone.Load() {
		return false
	}
	n.gone.Store(true)
	n.cancel()
	return true
}

// start runs f in a goroutine that the node's end waits for. It returns false
// if the node is gone.
func (n *node) start(f func()) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone.Load() {
		return false
	}
	n.tasks.Go(f)
	return true
}

// usable returns why the node cannot be used, if it cannot.
func (n *node) usable(ctx context.Context) error {
	if n.gone.Load() {
		return errGone
	}
	return canceled(ctx)
}

func (n *node) sweepUntilGone() {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-ticker.C:
			n.store.sweep(n)
		}
	}
}
