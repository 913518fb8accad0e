package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/internal/transcript"
)

// Redis is restarted while messages are updated and deleted. All that was accepted is
// there, and all show it.
func TestEditsRestart(t *testing.T) {
	t.Parallel()
	fault{short: 2, full: 30, parallel: 2, trial: func(tr *trial) {
		s := startRedis(tr, tr.t.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
		address := "redis://" + s.addr
		tr.edits(editing{
			nodes: []*node{tr.node(address, ""), tr.node(address, "")}, limit: deliveryLimit,
			fault: func() {
				away := tr.between(0, 3*time.Second)
				tr.logf("restarting Redis, away for %v", away)
				s.Kill()
				tr.sleep(away)
				s.start(tr)
			},
		})
	}}.run(t)
}

// A node is killed while messages are updated and deleted on it.
func TestEditsNodeKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	fault{short: 3, full: 60, parallel: 3, trial: func(tr *trial) {
		prefix := tr.name + ":"
		nodes := []*node{tr.node(s.url(), prefix), tr.node(s.url(), prefix), tr.node(s.url(), prefix)}
		tr.edits(editing{
			nodes: nodes, limit: deliveryLimit,
			fault: func() {
				tr.logf("killing %s", nodes[2].name)
				nodes[2].Kill()
			},
		})
	}}.run(t)
}

// Sentinels let a replica take over while messages are updated and deleted. It may lack
// what was accepted last; then all are told.
func TestEditsSentinel(t *testing.T) {
	t.Parallel()
	fault{first: 2, short: 1, full: 20, parallel: 2, trial: func(tr *trial) {
		g := redistest.StartGuarded(t, "--appendonly", "yes", "--min-replicas-to-write", "1", "--min-replicas-max-lag", "2")
		tr.onEnd(g.Stop)
		address := "redis://" + g.Addrs()[0] + "?addr=" + strings.Join(g.Addrs()[1:], "&addr=") +
			"&master_name=" + redistest.MasterName
		f := sentinelFaults[tr.kind(len(sentinelFaults))]
		tr.failover = true
		tr.edits(editing{
			nodes: []*node{tr.node(address, ""), tr.node(address, "")}, limit: sentinelLimit,
			fault: func() {
				tr.logf("%s", f.name)
				f.do(tr, g)
			},
		})
	}}.run(t)
}

// A replica of a cluster takes over, or the channel moves to another master, while
// messages are updated and deleted.
func TestEditsCluster(t *testing.T) {
	t.Parallel()
	needsServers(t)
	c := redistest.StartCluster(t)
	address := "redis://" + c.Addrs()[0] + "?addr=" + strings.Join(c.Addrs()[1:], "&addr=")
	fault{first: 2, short: 2, full: 20, parallel: 1, trial: func(tr *trial) {
		prefix := tr.name + ":"
		f := clusterFaults[tr.kind(len(clusterFaults))]
		tr.failover = true
		tr.edits(editing{
			nodes: []*node{tr.node(address, prefix), tr.node(address, prefix)}, limit: clusterLimit,
			fault: func() {
				tr.logf("%s", f.name)
				repair := f.do(tr, c, prefix)
				tr.sleep(2 * time.Second)
				repair()
				c.AwaitHealthy()
			},
		})
	}}.run(t)
}

// An editing is what goes wrong while messages are edited.
type editing struct {
	nodes []*node
	fault func()
	// limit is how long it may take until all can go on.
	limit time.Duration
}

// edits has several editors publish, update and delete, some of them the same message,
// each until it is accepted, while something goes wrong. In the end the history has what
// was accepted last, and everybody shows the same: who was connected all the time, who
// had to connect again, and who comes back from the beginning.
func (tr *trial) edits(o editing) {
	at := turns(o.nodes...)
	shared := tr.post(at, map[string]any{"event": "shared", "data": "", "store": 3600})
	var views []*transcript.Transcript
	follow := func(after string) {
		_, sub := tr.goClient(at, fmt.Sprint("viewer", len(views)), after)
		views = append(views, transcript.Follow(sub))
	}
	follow("")
	follow("")
	var own []*ownEditor
	var common []*commonEditor
	var stops []func()
	for i := range 3 {
		e := &ownEditor{tr: tr, at: at, name: fmt.Sprint("own", i), last: make(map[string]string)}
		own, stops = append(own, e), append(stops, tr.repeat(tr.between(0, 20*time.Millisecond), e.step))
		_, sub := tr.goClient(at, fmt.Sprint("common", i), "")
		c := &commonEditor{tr: tr, sub: sub, name: fmt.Sprint("common", i), message: shared}
		common, stops = append(common, c), append(stops, tr.repeat(tr.between(0, 20*time.Millisecond), c.step))
	}
	tr.sleep(tr.between(500*time.Millisecond, 1500*time.Millisecond))
	o.fault()
	began := time.Now()
	tr.post(at, map[string]any{"event": "after", "store": 3600})
	tr.took("until a message is accepted", time.Since(began))
	tr.sleep(tr.between(0, 2*time.Second))
	for _, stop := range stops {
		stop()
	}
	follow(shared)

	began = time.Now()
	var want map[string]string
	limit := o.limit
	if tr.failover {
		limit += noticeLimit
	}
	tr.within(limit, "everybody showing what the history has", func() bool {
		var err error
		want, err = tr.history(o.nodes[0], editChannel)
		return err == nil && !slices.ContainsFunc(views, func(v *transcript.Transcript) bool { return !maps.Equal(v.Shows(), want) })
	})
	tr.took("until everybody shows what the history has", time.Since(began))
	for i, v := range views {
		tr.count("gaps", v.Gaps())
		for id, data := range v.Shows() {
			if want[id] != data {
				tr.logf("viewer %d shows %s as %s, and the history has %q", i, id, data, want[id])
			}
		}
	}
	lost := 0
	for _, e := range own {
		lost += e.check(want)
		tr.count("own messages edited", e.accepted)
	}
	for _, c := range common {
		lost += c.check(want[shared])
		tr.count("the common message edited", len(c.accepted))
		tr.count("conflicts", c.conflicts)
	}
	if lost > 0 && !tr.failover {
		tr.failf("%d edits were accepted and are gone, or came again", lost)
	}
	tr.count("edits lost with the master", lost)
}
