package faults

import (
	"strings"
	"testing"
	"time"

	goclient "github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/internal/redistest"
)

// lostLimit is Options.NodeTimeout and a second: within it, the streams of a dead node end.
const lostLimit = 7 * time.Second

// onwardLimit is the time in which streams go on after Redis is back: a stream tries
// every three seconds at the least.
const onwardLimit = 10 * time.Second

// A node is killed while it streams. Another one ends its stream, and everybody has the
// same text: who was connected all the time, also to a node that is killed with it, who
// reloads, and who comes when all is over.
func TestStreamNodeKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	fault{short: 3, full: 60, parallel: 3, trial: func(tr *trial) {
		prefix := tr.name + ":"
		steady, other := tr.node(s.url(), prefix), tr.node(s.url(), prefix)
		st := tr.streamer(s.url(), prefix, tr.between(time.Millisecond, 30*time.Millisecond))
		st.view(tr, always(steady))
		st.view(tr, turns(other, steady, steady))
		tr.sleep(tr.between(0, 2*time.Second))
		st.reload(tr, always(steady))
		tr.sleep(tr.between(0, time.Second))
		if tr.IntN(2) == 0 {
			tr.logf("killing %s, too", other.name)
			other.Kill()
		}
		tr.logf("killing the node that streams")
		st.Kill()
		killed := time.Now()
		tr.sleep(tr.between(0, 5*time.Second))
		st.reload(tr, always(steady))
		tr.within(lostLimit-time.Since(killed), "everybody being told that the stream is lost", st.over)
		tr.took("killed until all are told that the stream is lost", time.Since(killed))
		st.view(tr, always(steady))
		st.check(tr, steady, goclient.StreamLost)
	}}.run(t)
}

// Redis is restarted, sometimes for longer than a node may be silent, while messages are
// streamed. Nothing of them is missed or doubled.
func TestStreamRestart(t *testing.T) {
	t.Parallel()
	fault{short: 2, full: 30, parallel: 2, trial: func(tr *trial) {
		s := startRedis(tr, tr.t.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
		tr.streamThrough(streamFault{
			address: "redis://" + s.addr, limit: onwardLimit,
			do: func() {
				away := tr.between(0, 3*time.Second)
				if tr.seed%2 == 0 { // Then no node could renew its lease.
					away = tr.between(6*time.Second, 12*time.Second)
				}
				tr.logf("restarting Redis, away for %v", away)
				s.Kill()
				tr.sleep(away)
				s.start(tr)
			},
		})
	}}.run(t)
}

// Sentinels let a replica take over while messages are streamed. It may lack what was
// written last: then that is written again.
func TestStreamSentinel(t *testing.T) {
	t.Parallel()
	fault{first: 3, short: 1, full: 20, parallel: 2, trial: func(tr *trial) {
		g := redistest.StartGuarded(t, "--appendonly", "yes", "--min-replicas-to-write", "1", "--min-replicas-max-lag", "2")
		tr.onEnd(g.Stop)
		f := sentinelFaults[tr.kind(len(sentinelFaults))]
		tr.failover = true
		tr.streamThrough(streamFault{
			address: "redis://" + g.Addrs()[0] + "?addr=" + strings.Join(g.Addrs()[1:], "&addr=") + "&master_name=" + redistest.MasterName,
			limit:   sentinelLimit,
			do: func() {
				tr.logf("%s", f.name)
				f.do(tr, g)
			},
		})
	}}.run(t)
}

// A replica of a cluster takes over, or what is streamed moves to another master.
func TestStreamCluster(t *testing.T) {
	t.Parallel()
	needsServers(t)
	c := redistest.StartCluster(t)
	fault{short: 2, full: 20, parallel: 1, trial: func(tr *trial) {
		prefix := tr.name + ":"
		f := clusterFaults[tr.kind(len(clusterFaults))]
		tr.failover = true
		tr.streamThrough(streamFault{
			address: "redis://" + c.Addrs()[0] + "?addr=" + strings.Join(c.Addrs()[1:], "&addr="), prefix: prefix, limit: clusterLimit,
			do: func() {
				tr.logf("%s", f.name)
				repair := f.do(tr, c, prefix)
				tr.sleep(2 * time.Second)
				repair()
				c.AwaitHealthy()
			},
		})
	}}.run(t)
}

// A streamFault is what goes wrong with Redis while messages are streamed.
type streamFault struct {
	// address and prefix are what nodes are started with.
	address, prefix string
	do              func()
	// limit is how long it may take until streams go on.
	limit time.Duration
}

// streamThrough has two nodes stream while something goes wrong, before viewers who stay,
// who reload, and who come in the end. The streams go on, and everybody shows all that was
// written, once.
func (tr *trial) streamThrough(o streamFault) {
	nodes := []*node{tr.node(o.address, o.prefix), tr.node(o.address, o.prefix)}
	streamers := []*streamer{
		tr.streamer(o.address, o.prefix, tr.between(time.Millisecond, 5*time.Millisecond)),
		tr.streamer(o.address, o.prefix, tr.between(5*time.Millisecond, 50*time.Millisecond)),
	}
	for i, st := range streamers {
		st.view(tr, always(nodes[i]))
		st.view(tr, turns(nodes...))
	}
	tr.sleep(tr.between(0, 2*time.Second))
	end := deliveryLimit
	if tr.failover {
		end = o.limit + noticeLimit
		tr.sleep(2 * time.Second) // so that the replica has the messages
	}
	o.do()
	done := time.Now()
	for i, st := range streamers {
		st.reload(tr, always(nodes[i]))
	}
	tr.within(o.limit, "more being streamed", func() bool { return streamers[0].goesOn() && streamers[1].goesOn() })
	tr.took("Redis back until more is streamed", time.Since(done))
	tr.sleep(tr.between(0, 2*time.Second))
	for i, st := range streamers {
		st.Terminate()
		tr.within(end, "the end of a stream", st.over)
		st.view(tr, always(nodes[i]))
		st.check(tr, nodes[i], goclient.StreamComplete)
	}
}
