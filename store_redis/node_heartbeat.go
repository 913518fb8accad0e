package storeredis

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// heartbeatsPerLease is how often a node says in the length of its lease that it
// is at work.
const heartbeatsPerLease = 6

// A heartbeat keeps a node among those that share the work, and learns who they
// are.
type heartbeat struct {
	n        *node
	fires    atomic.Bool // whether the node takes part in firing schedules
	assigned atomic.Pointer[assigned]
	wake     chan struct{}
}

func newHeartbeat(n *node) *heartbeat { return &heartbeat{n: n, wake: make(chan struct{}, 1)} }

// wakeUp asks for a beat now.
func (h *heartbeat) wakeUp() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// setFires says whether the node takes part in firing schedules.
func (h *heartbeat) setFires(fires bool) {
	h.fires.Store(fires)
	h.wakeUp()
}

// run repeats the first beat, which Join makes.
func (h *heartbeat) run(ctx context.Context) {
	every := time.NewTicker(h.n.o.NodeTimeout / heartbeatsPerLease)
	defer every.Stop()
	for {
		h.n.maintenance.maintainEveryMaster(ctx)
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		case <-h.wake:
		}
		h.beat(ctx)
	}
}

// beat renews the node's lease in the first partition, in which every node is a
// member whatever happens: this is where peers look.
func (h *heartbeat) beat(ctx context.Context) {
	n := h.n
	ctx, cancel := context.WithTimeout(ctx, max(n.o.NodeTimeout/3, 100*time.Millisecond))
	defer cancel()
	inc, err := n.leases.join(ctx, 0)
	if errors.Is(err, errForeign) {
		n.s.log.Error("the node cannot go on", "node", n.id, "err", err)
	}
	if err != nil {
		return // The next one tries again.
	}
	k, known := &n.s.keys, n.leases.parts[0].end()
	until := time.Now().Add(n.o.NodeTimeout)
	probe, probed := n.fan.control.carry()
	r, err := n.s.do(ctx, call{
		script: heartbeatScript, part: 0, keys: []any{k.leases(0), k.firing()},
		args: []any{inc, decimal(millis(n.o.NodeTimeout)), flag(h.fires.Load()), k.control(""), probe},
	})
	if errors.Is(err, refusedStale) {
		n.leases.gone(0, inc)
		h.wakeUp()
	}
	if err != nil {
		return
	}
	before, expires := r.record.int(), r.record.int()
	allFire, heard, history := r.record.flag(), r.record.next(), r.record.next()
	working, err1 := r.list(0)
	firing, err2 := r.list(1)
	if r.record.bad || err1 != nil || err2 != nil {
		n.s.log.Error("malformed reply", "script", heartbeatScript.name)
		return
	}
	if allFire {
		firing = working
	}
	n.goRun(func() { probed(n.ctx, heard, history) })
	n.leases.renewed(renewal{0, inc}, known, before, expires)
	h.assign(nodesOf(working), nodesOf(firing), h.formats(working), until)
	n.refreshCounts()
}

// assign notes who shares the work. What is new to this node it maintains at
// once.
func (h *heartbeat) assign(working, firing []string, of formats, until time.Time) {
	now := &assigned{formats: of, until: until}
	was := h.assigned.Load()
	if was != nil && slices.Equal(was.working, working) && slices.Equal(was.firing, firing) {
		now.assignment = was.assignment
	} else {
		now.assignment = assign(working, firing)
	}
	h.assigned.Store(now)
	h.n.s.assigned.Store(now)
	for p := range partitions {
		if now.isFor(h.n.id, p) && (was == nil || !was.isFor(h.n.id, p)) {
			h.n.maintenance.pollIn(p, 0)
		}
	}
}

// maintains reports whether this node removes from a partition what has expired
// and sweeps dead nodes, fires whether it fires its schedules. While nobody
// knows who does, everybody does.
func (h *heartbeat) maintains(p int) bool {
	a := h.assigned.Load().current()
	return a == nil || a.maintains[p] == h.n.id
}

func (h *heartbeat) firesIn(p int) bool {
	a := h.assigned.Load().current()
	return h.fires.Load() && (a == nil || a.fires[p] == h.n.id)
}

// nodesOf returns the ids of the nodes whose incarnations they are, in order.
func nodesOf(incs []string) []string {
	ids := make([]string, 0, len(incs))
	for _, inc := range incs {
		ids = append(ids, nodeOf(inc))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
