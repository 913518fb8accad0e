package storeredis

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// maxFills is how many watches of each master catch up at a time. More would only
// wait for each other, for longer than a read may take on a slow line.
const maxFills = 8

// home is the partition that peers, connections and readiness depend on. It is one
// for all nodes, so that a node which is ready can do all that does not belong to
// a channel, whatever other masters of a cluster are gone.
const home = 0

// A node is one member. Its background work is started by Join and ended by
// Leave: pub/sub, leases, maintenance, the heartbeat and the detection of losses.
type node struct {
	s  *Store
	r  store.Receiver
	o  store.JoinOptions
	id string
	// window and limit are the options as scripts take them, and
	// publishCommand and sharded say how to publish and subscribe.
	window, limit, publishCommand any // strings, each boxed once
	sharded                       bool

	fan          *fanout
	leases       *leases
	maintenance  *maintenance
	heartbeat    *heartbeat
	losses       *lossDetector
	peers        peers
	countWatches countWatches
	// stripes make calls of the receiver one at a time for each channel: a
	// channel's is that of its partition. They guard watches, too.
	stripes [partitions]sync.Mutex
	fills   *masterSlots
	reroute chan struct{}
	// leftOut has the kinds that a newer version has written, and this one cannot
	// read, as far as the log tells of them.
	leftOut sync.Map

	left atomic.Bool
	// ctx ends when all background work has to end.
	ctx    context.Context
	cancel context.CancelFunc
	// runMu guards stopping, after which nothing more is added to wg from
	// outside of what it counts.
	runMu    sync.Mutex
	stopping bool
	wg       sync.WaitGroup
}

var _ store.Node = (*node)(nil)

// Join makes the caller a node. It fails if Redis cannot be reached or written,
// is too old, or may evict keys.
func (s *Store) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	sharded := s.topo.bySlot()
	n := &node{
		s: s, r: r, o: o, id: randomText(12), sharded: sharded,
		window: decimal(millis(o.ReplayWindow)), limit: strconv.Itoa(o.ReplayLimit),
		publishCommand: "PUBLISH",
		fills:          newMasterSlots(s.topo, maxFills),
		reroute:        make(chan struct{}, 1),
	}
	if sharded {
		n.publishCommand = "SPUBLISH"
	}
	n.peers.slots = make(chan struct{}, maxCalls)
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.leases = newLeases(n)
	n.maintenance = newMaintenance(n)
	n.heartbeat = newHeartbeat(n)
	n.losses = newLossDetector(n)
	n.fan = newFanout(n.ctx, n)
	n.fan.start()
	n.goRun(func() { n.fan.run(n.ctx) })
	if s.topo.identity != nil {
		n.goRun(func() { s.topo.identity.run(n.ctx) })
	}
	if err := n.enter(ctx); err != nil {
		n.stop()
		return nil, err
	}
	n.heartbeat.beat(ctx) // It tells whether all nodes know members who linger.
	n.goRun(func() { n.leases.run(n.ctx) })
	n.goRun(func() { n.maintenance.run(n.ctx) })
	n.goRun(func() { n.heartbeat.run(n.ctx) })
	n.goRun(func() { n.losses.run(n.ctx) })
	n.goRun(func() { n.losses.runVerify(n.ctx) })
	return n, nil
}

// enter makes the node a member of the partition in which its peers look, and
// waits until it hears itself.
func (n *node) enter(ctx context.Context) error {
	if _, err := n.leases.join(ctx, home); err != nil {
		return err
	}
	for {
		err := n.fan.control.up()
		if err == nil {
			return nil
		}
		if !sleep(ctx, 2*time.Millisecond) {
			return unavailable(ctx.Err(), err)
		}
	}
}

// ID returns the node's name among its peers.
func (n *node) ID() string { return n.id }

// Ready proves that Redis can be written, and that what is published is heard.
func (n *node) Ready(ctx context.Context) error {
	if n.left.Load() {
		return errLeft
	}
	if err := n.s.topo.identity.ready(); err != nil {
		return unavailable(err, nil)
	}
	if err := n.fan.up(ctx); err != nil {
		return unavailable(err, nil)
	}
	inc, err := n.leases.join(ctx, home)
	if err != nil {
		return err
	}
	gone, err := n.leases.renew(ctx, renewTest, renewal{home, inc})
	if len(gone) > 0 {
		n.leases.gone(home, inc)
		return unavailable(refusedStale, nil)
	}
	return err
}

// goRun runs f in a goroutine that Leave waits for; after Leave it does
// nothing.
func (n *node) goRun(f func()) {
	n.runMu.Lock()
	defer n.runMu.Unlock()
	if !n.stopping {
		n.wg.Go(f)
	}
}

// sleep waits for d, and reports false if the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
