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
		return func() {
			c.AwaitTakeover(master)
			master.Start()
		}
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
		f := clusterFaults[tr.kind(len(clusterFaults))]
		tr.takeover(takeover{
			fault: f.name, address: address, prefix: prefix, channels: 12, pace: 60 * time.Millisecond, limit: clusterLimit,
			do: func() func() {
				repair := f.do(tr, c, prefix)
				return func() { repair(); c.AwaitHealthy() }
			},
			after: 2 * time.Second,
		})
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
