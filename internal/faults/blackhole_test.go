package faults

import (
	"context"
	"sync"
	"testing"
	"time"
)

const (
	// unreadyLimit is how long a node may call itself ready that does not hear
	// what is published, and readyLimit how long it may take to be ready again.
	unreadyLimit = 5 * time.Second
	readyLimit   = 5 * time.Second
	// deliveryLimit is how long delivery may take to go on.
	deliveryLimit = 5 * time.Second
)

// The subscribed connection of a node to Redis carries nothing any more, and
// nobody is told. Others get through, in some trials new subscribed ones too.
func TestLinkBlackHoled(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	fault{short: 4, full: 100, parallel: 10, trial: func(tr *trial) {
		tr.watch(s.nodes...)
		x := startProxy(tr, s.redis.addr)
		n := tr.node(x.url(), s.prefix)
		j := newJournal()
		extra := map[string]any{"store": []int{0, 60, 3600}[tr.IntN(3)]}
		j.publishHTTP(tr.ctx, s.nodes[0], tr.name, extra)
		sub := tr.subscribe("behind", "", always(n), tr.name)
		steady := tr.subscribe("steady", "", always(s.nodes[0]), tr.name)
		stops := []func(){
			tr.load(j, tr.name, 20*time.Millisecond, always(s.nodes[0]), extra),
			tr.load(j, tr.name, 50*time.Millisecond, always(n), extra),
		}
		tr.sleep(tr.between(0, time.Second))

		onlyOld := tr.IntN(3) == 0
		var mu sync.Mutex
		old := make(map[*pipe]bool)
		for _, p := range x.subscribed() {
			old[p] = true
		}
		x.set(func(p *pipe, _ bool, _ []byte) verdict {
			mu.Lock()
			defer mu.Unlock()
			if p.subscribed.Load() && (!onlyOld || old[p]) {
				return swallow
			}
			return pass
		})
		began := time.Now()
		tr.logf("black hole, only for the present connection: %v", onlyOld)
		if onlyOld {
			// The node replaces the connection.
			m := tr.marker(j, s.nodes[0], tr.name, time.Second)
			took := tr.within(unreadyLimit+deliveryLimit, "delivery over a new connection", func() bool { return sub.views[tr.name].reached(m.id) })
			tr.took("delivered by a new connection", took)
		} else {
			took := tr.within(unreadyLimit, "being not ready", func() bool { return !n.ready(tr.ctx) })
			tr.took("black hole until not ready", took)
			tr.sleep(tr.between(0, 4*time.Second))
		}
		x.set(nil)
		if tr.IntN(2) == 0 {
			x.end(true) // The network tells in the end, or never.
		}
		tr.logf("healed after %v", time.Since(began))
		healed := time.Now()
		m := tr.marker(j, s.nodes[0], tr.name, 5*time.Second)
		if !onlyOld {
			tr.within(deliveryLimit-time.Since(healed), "delivery", func() bool { return sub.views[tr.name].reached(m.id) })
			tr.took("healed until delivered", time.Since(healed))
			tr.within(readyLimit-time.Since(healed), "being ready again", func() bool { return n.ready(tr.ctx) })
		}
		for _, stop := range stops {
			stop()
		}
		tr.settle(j, 5*time.Second, []*publication{tr.marker(j, n, tr.name, 5*time.Second)}, sub, steady)
		if lost := sub.views[tr.name].losses() + steady.views[tr.name].losses(); lost > 0 {
			tr.failf("subscribers were told %d times that messages may be missing", lost)
		}
		tr.keepsOpen(sub)
	}}.run(t)
}

// subscribed returns the connections that have subscribed to something.
func (x *proxy) subscribed() []*pipe {
	x.mu.Lock()
	defer x.mu.Unlock()
	var ps []*pipe
	for p := range x.pipes {
		if p.subscribed.Load() {
			ps = append(ps, p)
		}
	}
	return ps
}

// keepsOpen checks that a subscriber never lost its connection.
func (tr *trial) keepsOpen(subs ...*subscriber) {
	for _, s := range subs {
		select {
		case <-s.client().ended:
			tr.failf("%s lost its connection", s.name)
		default:
		}
		if n := s.connections(); n != 1 {
			tr.failf("%s connected %d times", s.name, n)
		}
		ctx, cancel := context.WithTimeout(tr.ctx, 2*time.Second)
		if f, err := s.client().do(ctx, map[string]any{"event": "hotsock.ping"}); err != nil || f.Event != "hotsock.pong" {
			tr.failf("%s: ping: %v %v", s.name, f, err)
		}
		cancel()
	}
}
