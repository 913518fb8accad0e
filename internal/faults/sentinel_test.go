package faults

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

// sentinelLimit is how long delivery may take to go on after a master is gone.
// The Sentinels declare it down after 1 s and then hold an election, another one
// 6 s later if nobody won. It is they who need this time, more on a busy machine.
const sentinelLimit = 30 * time.Second

// A sentinelFault is what happens to a master that Sentinels watch.
type sentinelFault struct {
	name string
	do   func(tr *trial, g *redistest.Guarded)
}

var sentinelFaults = []sentinelFault{
	{"the master is killed", func(_ *trial, g *redistest.Guarded) {
		g.Master().Kill()
	}},
	{"the master is killed and soon back", func(tr *trial, g *redistest.Guarded) {
		master := g.Master()
		master.Kill()
		d := tr.between(1500*time.Millisecond, 4*time.Second)
		tr.logf("for %v", d)
		tr.sleep(d)
		master.Start()
	}},
	{"the master is paused", func(tr *trial, g *redistest.Guarded) {
		master := g.Master()
		master.Pause()
		d := tr.between(500*time.Millisecond, 8*time.Second)
		tr.logf("for %v", d)
		tr.sleep(d)
		master.Resume()
	}},
	{"a failover on demand", func(tr *trial, g *redistest.Guarded) {
		old := g.Master()
		if err := g.FailOver(); err != nil {
			tr.failf("SENTINEL FAILOVER: %v", err)
		}
		tr.within(sentinelLimit, "another master", func() bool { return g.Master() != old })
	}},
}

// A master that Sentinels watch dies, hangs or is replaced, while messages are
// published. Nothing but the Sentinels says who is master then.
func TestSentinel(t *testing.T) {
	t.Parallel()
	fault{short: 2, full: 20, parallel: 2, trial: func(tr *trial) {
		// A master that comes back without its data before it is declared down would
		// make its replicas drop theirs. One that is master no more, but does not know
		// it yet, has no replica, and so accepts nothing that would be lost.
		g := redistest.StartGuarded(t, "--appendonly", "yes", "--min-replicas-to-write", "1", "--min-replicas-max-lag", "2")
		tr.onEnd(g.Stop)
		tr.onEnd(func() { tr.logRoles(g) })
		address := "redis://" + g.Addrs()[0] + "?addr=" + strings.Join(g.Addrs()[1:], "&addr=") +
			"&master_name=" + redistest.MasterName
		nodes := []*node{tr.node(address, ""), tr.node(address, "")}
		j := newJournal()
		extra := map[string]any{"store": []int{0, 60, 3600}[tr.IntN(3)]}
		var channels []string
		for i := range 4 {
			channels = append(channels, fmt.Sprint(tr.name, "/", i))
			j.publishHTTP(tr.ctx, nodes[0], channels[i], extra)
		}
		subs := []*subscriber{
			tr.subscribe("one", "", always(nodes[0]), channels...),
			tr.subscribe("other", "", always(nodes[1]), channels...),
		}
		var stops []func()
		for _, ch := range channels {
			stops = append(stops, tr.load(j, ch, 20*time.Millisecond, turns(nodes...), extra))
		}
		tr.sleep(tr.between(500*time.Millisecond, 1500*time.Millisecond))
		f := sentinelFaults[tr.IntN(len(sentinelFaults))]
		tr.logf("%s", f.name)
		began := time.Now()
		f.do(tr, g)
		done := time.Now()
		tr.logf("done")
		var last []*publication
		for _, ch := range channels {
			last = append(last, tr.marker(j, nodes[tr.IntN(2)], ch, sentinelLimit-time.Since(done)))
		}
		tr.within(sentinelLimit-time.Since(done), "delivery", func() bool {
			return !slices.ContainsFunc(last, func(p *publication) bool {
				return !subs[0].views[p.channel].reached(p.id) || !subs[1].views[p.channel].reached(p.id)
			})
		})
		tr.took(f.name+", until all channels deliver", time.Since(began))
		// The load goes on while the Sentinels make the old master a replica.
		tr.sleep(tr.between(0, 5*time.Second))
		for _, stop := range stops {
			stop()
		}
		last = nil
		for _, ch := range channels {
			last = append(last, tr.marker(j, nodes[tr.IntN(2)], ch, sentinelLimit))
		}
		tr.failover = true
		tr.settle(j, sentinelLimit, last, subs...)
		tr.keepsOpen(subs...)
		for _, s := range subs {
			for _, v := range s.views {
				tr.count(f.name+": recovered:false", v.losses())
			}
		}
		tr.count(f.name+": trials", 1)
	}}.run(t)
}

// logRoles notes what each server takes itself for, and who the Sentinels say is
// master.
func (tr *trial) logRoles(g *redistest.Guarded) {
	for _, s := range g.Servers {
		role, err := (&server{addr: s.Addr}).ask(tr.ctx, "ROLE")
		tr.logf("%s is %v (%v)", s.Addr, role, err)
	}
	tr.logf("the Sentinels' master is %s", g.Master().Addr)
}
