package faults

import (
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
		tr.failover = true
		f := sentinelFaults[tr.kind(len(sentinelFaults))]
		tr.takeover(takeover{
			fault: f.name, address: address, channels: 4, pace: 20 * time.Millisecond, limit: sentinelLimit,
			do: func() func() {
				f.do(tr, g)
				return func() {} // It is the Sentinels who do.
			},
			after: 5 * time.Second, // Meanwhile they make the old master a replica.
		})
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
