package faults

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// chaosNodes is how many nodes each trial has.
const chaosNodes = 3

// Faults of all kinds happen at random times, several at once. When all is well
// again, nobody may miss a message without having been told, and presence must
// be right.
func TestSeveralFaults(t *testing.T) {
	t.Parallel()
	fault{short: 2, full: 100, parallel: 6, trial: func(tr *trial) {
		s := startRedis(tr, tr.t.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
		places := make([]*place, chaosNodes)
		var at []*atomic.Pointer[node]
		for i := range places {
			places[i] = &place{proxy: startProxy(tr, s.addr)}
			places[i].node.Store(tr.node(places[i].proxy.url(), ""))
			at = append(at, &places[i].node)
		}
		var turn atomic.Int64
		anywhere := func() *node { return at[int(turn.Add(1))%chaosNodes].Load() }

		j := newJournal()
		extra := map[string]any{"store": []int{0, 60, 3600}[tr.IntN(3)]}
		room := "presence." + tr.name
		tr.marker(j, anywhere(), room, startLimit)
		var subs, others []*subscriber
		var uids []string
		for i := range 4 {
			uids = append(uids, fmt.Sprint("u", i))
			subs = append(subs, tr.subscribe(uids[i], uids[i], anywhere, room))
		}
		stops := []func(){
			tr.load(j, room, 30*time.Millisecond, anywhere, extra),
			tr.load(j, room, 30*time.Millisecond, anywhere, extra),
			tr.socketLoad(j, room, extra["store"].(int), 30*time.Millisecond, anywhere),
			tr.churn(room, anywhere, &others),
		}
		for range 4 + tr.IntN(6) {
			tr.sleep(tr.between(0, 1500*time.Millisecond))
			tr.anything(s, places[tr.IntN(chaosNodes)])
		}
		tr.logf("healing")
		s.Thaw()
		for _, p := range places {
			p.node.Load().Thaw()
			p.proxy.set(nil)
		}
		healed := time.Now()
		for _, stop := range stops {
			stop()
		}
		tr.within(presenceLimit, "being ready", func() bool {
			return !slices.ContainsFunc(places, func(p *place) bool { return !p.node.Load().ready(tr.ctx) })
		})
		tr.took("healed until ready", time.Since(healed))
		tr.settle(j, presenceLimit, []*publication{tr.marker(j, anywhere(), room, presenceLimit)}, append(others, subs...)...)
		members := append([]string{"churning"}, uids...)
		var nodes []*node
		for _, p := range places {
			nodes = append(nodes, p.node.Load())
		}
		tr.within(presenceLimit, "presence", func() bool { return tr.presenceIs(nodes, subs, room, members) })
		tr.showPresence(nodes, append(subs, others...), room)
		tr.took("healed until presence is right", time.Since(healed))
		for _, sub := range subs {
			tr.count("recovered:false", sub.views[room].losses())
			tr.count("recovered:true", sub.views[room].recovered)
		}
	}}.run(t)
}

// A place is where a node is, with its way to Redis. Another node takes the
// place of one that is killed.
type place struct {
	node  atomic.Pointer[node]
	proxy *proxy
}

// anything does something bad, which may last.
func (tr *trial) anything(s *server, p *place) {
	d := tr.between(0, 9*time.Second)
	n := p.node.Load()
	switch tr.IntN(8) {
	case 0:
		tr.logf("killing %s", n.name)
		n.Kill()
		p.proxy.set(nil) // Nothing starts without Redis.
		p.node.Store(tr.node(p.proxy.url(), ""))
	case 1:
		tr.logf("stopping %s for %v", n.name, d)
		n.Freeze()
		timer := time.AfterFunc(d, n.Thaw)
		tr.onEnd(func() { timer.Stop() })
	case 2:
		tr.logf("freezing Redis for %v", d/4)
		s.Freeze()
		tr.sleep(d / 4)
		s.Thaw()
	case 3:
		tr.logf("SCRIPT FLUSH")
		_ = s.do(tr.ctx, "SCRIPT", "FLUSH") // It may be frozen.
	case 4:
		tr.logf("CLIENT KILL")
		_ = s.do(tr.ctx, "CLIENT", "KILL", "TYPE", "pubsub")
	case 5:
		tr.logf("black hole for subscribed connections of %s", n.name)
		p.proxy.set(func(c *pipe, _ bool, _ []byte) verdict {
			if c.subscribed.Load() {
				return swallow
			}
			return pass
		})
	case 6:
		tr.logf("%s is cut off", n.name)
		p.proxy.set(func(*pipe, bool, []byte) verdict { return reset })
	case 7:
		tr.logf("%s is well", n.name)
		p.proxy.set(nil)
	}
}
