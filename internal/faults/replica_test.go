package faults

import (
	"fmt"
	"testing"
	"time"
)

// A replica takes over from a master whose last messages it never got. Who saw
// any of these must be told that messages may be missing: those connected, at
// once, and those who come back, by their last id.
func TestReplicaPromoted(t *testing.T) {
	t.Parallel()
	fault{short: 3, full: 50, parallel: 6, trial: func(tr *trial) {
		master := startRedis(tr, tr.t.TempDir())
		link := startProxy(tr, master.addr) // from the replica
		replica := startRedis(tr, tr.t.TempDir())
		tr.replicate(replica, link)
		x := startProxy(tr, master.addr) // from the nodes
		nodes := []*node{tr.node(x.url(), ""), tr.node(x.url(), "")}

		extra := map[string]any{"store": []int{0, 60, 3600}[tr.IntN(3)]}
		j := newJournal()
		channels := []string{tr.name + "/a", tr.name + "/b"}
		for _, ch := range channels {
			for range 1 + tr.IntN(5) {
				j.publishHTTP(tr.ctx, nodes[0], ch, extra)
			}
		}
		stays := tr.subscribe("stays", "", always(nodes[0]), channels...)
		returns := tr.subscribe("returns", "", turns(nodes[0], nodes[1]), channels...)
		if err := master.do(tr.ctx, "WAIT", 1, 5000); err != nil {
			tr.fatalf("WAIT: %v", err)
		}
		// The first channel loses its last messages, the second none.
		link.set(func(*pipe, bool, []byte) verdict { return swallow })
		var tail *publication
		for range 1 + tr.IntN(20) {
			tail = j.publishHTTP(tr.ctx, nodes[tr.IntN(2)], channels[0], extra)
		}
		if tail.fate != acknowledged {
			tr.fatalf("the tail was not accepted")
		}
		tr.within(5*time.Second, "delivery of the tail", func() bool {
			return stays.views[channels[0]].reached(tail.id) && returns.views[channels[0]].reached(tail.id)
		})
		away := tr.IntN(2) == 0
		if away {
			returns.setAt(always(&node{name: "nowhere", addr: "127.0.0.1:1"}))
			returns.reconnect()
		}
		tr.logf("killing the master")
		master.Kill()
		tr.sleep(tr.between(0, 1500*time.Millisecond))
		if err := replica.do(tr.ctx, "REPLICAOF", "NO", "ONE"); err != nil {
			tr.fatalf("REPLICAOF: %v", err)
		}
		x.target.Store(replica.addr)
		x.end(false)
		promoted := time.Now()
		tr.logf("promoted")
		newer := tr.IntN(2) == 0
		if away {
			if newer {
				tr.marker(j, nodes[1], channels[0], deliveryLimit)
			}
			returns.setAt(turns(nodes[1], nodes[0]))
		}
		for _, s := range []*subscriber{stays, returns} {
			tr.within(deliveryLimit+5*time.Second, s.name+" being told", func() bool { return s.views[channels[0]].losses() > 0 })
		}
		tr.took("promoted until all are told", time.Since(promoted))
		var last []*publication
		for _, ch := range channels {
			last = append(last, tr.marker(j, nodes[tr.IntN(2)], ch, deliveryLimit))
		}
		tr.settle(j, deliveryLimit, last, stays, returns)
		for _, s := range []*subscriber{stays, returns} {
			if n := s.views[channels[1]].losses(); n > 0 {
				tr.count("told so though nothing was missing", n)
			}
		}
	}}.run(t)
}

// replicate makes the server a replica of what is behind the proxy, and waits
// until it has all.
func (tr *trial) replicate(s *server, link *proxy) {
	if err := s.do(tr.ctx, "REPLICAOF", "127.0.0.1", fmt.Sprint(portOf(link.listener.Addr().String()))); err != nil {
		tr.fatalf("REPLICAOF: %v", err)
	}
	tr.within(startLimit, "the replica being up", func() bool {
		role, err := s.ask(tr.ctx, "ROLE")
		list, ok := role.([]any)
		return err == nil && ok && len(list) > 3 && list[3] == "connected"
	})
}

// setAt changes where the subscriber connects to.
func (s *subscriber) setAt(at func() *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
}
