package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
)

// clusterLimit is how long delivery may take to go on after a failover or a
// migration.
const clusterLimit = 10 * time.Second

// A clusterFault is what happens to a cluster, and how it is made whole again.
type clusterFault struct {
	name string
	// do begins with the fault and returns what repairs the cluster after the
	// trial.
	do func(tr *trial, c *redistest.Cluster, prefix string) (repair func())
}

var clusterFaults = []clusterFault{
	{"a failover on demand", func(tr *trial, c *redistest.Cluster, _ string) func() {
		replica := c.Replica(tr.anyMaster(c))
		if err := replica.Client().ClusterFailover(tr.ctx).Err(); err != nil {
			tr.failf("CLUSTER FAILOVER: %v", err)
		}
		return func() {}
	}},
	{"a master is killed", func(tr *trial, c *redistest.Cluster, _ string) func() {
		master := tr.anyMaster(c)
		master.Kill()
		return master.Start
	}},
	{"a master is paused", func(tr *trial, c *redistest.Cluster, _ string) func() {
		master := tr.anyMaster(c)
		master.Pause()
		d := tr.between(500*time.Millisecond, 8*time.Second)
		tr.logf("for %v", d)
		tr.sleep(d)
		master.Resume()
		return func() {}
	}},
	{"slots are moved", func(tr *trial, c *redistest.Cluster, prefix string) func() {
		tr.moveSlots(c, prefix)
		return func() {}
	}},
}

// A master fails over, dies or hangs, or slots with channels move to another
// one, while messages are published on many channels.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	address := "redis://" + c.Addrs()[0] + "?addr=" + strings.Join(c.Addrs()[1:], "&addr=")
	fault{short: 4, full: 30, parallel: 1, trial: func(tr *trial) {
		prefix := tr.name + ":"
		nodes := []*node{tr.node(address, prefix), tr.node(address, prefix)}
		j := newJournal()
		extra := map[string]any{"store": []int{0, 60, 3600}[tr.IntN(3)]}
		var channels []string
		for i := range 12 {
			channels = append(channels, fmt.Sprint(tr.name, "/", i))
			j.publishHTTP(tr.ctx, nodes[0], channels[i], extra)
		}
		subs := []*subscriber{
			tr.subscribe("one", "", always(nodes[0]), channels...),
			tr.subscribe("other", "", always(nodes[1]), channels...),
		}
		var stops []func()
		for _, ch := range channels {
			stops = append(stops, tr.load(j, ch, 60*time.Millisecond, turns(nodes...), extra))
		}
		tr.sleep(tr.between(500*time.Millisecond, 1500*time.Millisecond))
		f := clusterFaults[tr.IntN(len(clusterFaults))]
		tr.logf("%s", f.name)
		began := time.Now()
		repair := f.do(tr, c, prefix)
		done := time.Now()
		tr.logf("done")
		var last []*publication
		for _, ch := range channels {
			last = append(last, tr.marker(j, nodes[tr.IntN(2)], ch, clusterLimit-time.Since(done)))
		}
		tr.within(clusterLimit-time.Since(done), "delivery", func() bool {
			return !slices.ContainsFunc(last, func(p *publication) bool {
				return !subs[0].views[p.channel].reached(p.id) || !subs[1].views[p.channel].reached(p.id)
			})
		})
		tr.took(f.name+", until all channels deliver", time.Since(began))
		tr.sleep(tr.between(0, 2*time.Second))
		for _, stop := range stops {
			stop()
		}
		repair()
		c.AwaitHealthy()
		last = nil
		for _, ch := range channels {
			last = append(last, tr.marker(j, nodes[tr.IntN(2)], ch, clusterLimit))
		}
		tr.settle(j, clusterLimit, last, subs...)
		tr.keepsOpen(subs...)
		for _, s := range subs {
			for _, v := range s.views {
				tr.count(f.name+": recovered:false", v.losses())
			}
		}
		tr.count(f.name+": trials", 1)
	}}.run(t)
}

// anyMaster is one whose replica is in step.
func (tr *trial) anyMaster(c *redistest.Cluster) *redistest.Server {
	return c.Master(fmt.Sprint(tr.Uint64()))
}

// moveSlots moves some slots with keys of the prefix, a key at a time.
func (tr *trial) moveSlots(c *redistest.Cluster, prefix string) {
	owners := make(map[int]*redistest.Server)
	for _, s := range c.Servers {
		db := s.Client()
		if role, err := db.Do(tr.ctx, "ROLE").Slice(); err != nil || role[0] != "master" {
			continue
		}
		for it := db.Scan(tr.ctx, 0, prefix+"*", 1000).Iterator(); it.Next(tr.ctx); {
			slot, err := db.ClusterKeySlot(tr.ctx, it.Val()).Result()
			if err == nil {
				owners[int(slot)] = s
			}
		}
	}
	all := slices.Sorted(maps.Keys(owners))
	for range min(len(all), 1+tr.IntN(4)) {
		slot := all[tr.IntN(len(all))]
		from, to := owners[slot], tr.anyMaster(c)
		if from == to {
			continue
		}
		tr.logf("moving slot %d from %s to %s", slot, from.Addr, to.Addr)
		slow := tr.between(0, 5*time.Millisecond)
		if err := c.MoveSlot(slot, from, to, func() { tr.sleep(slow) }); err != nil {
			tr.fatalf("moving slot %d: %v", slot, err)
		}
		owners[slot] = to
	}
}
