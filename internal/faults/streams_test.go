package faults

import (
	"testing"
	"time"

	goclient "github.com/hotsock-go/hotsock/client"
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
		address := "redis://" + s.addr
		nodes := []*node{tr.node(address, ""), tr.node(address, "")}
		streamers := []*streamer{
			tr.streamer(address, "", tr.between(time.Millisecond, 5*time.Millisecond)),
			tr.streamer(address, "", tr.between(5*time.Millisecond, 50*time.Millisecond)),
		}
		for i, st := range streamers {
			st.view(tr, always(nodes[i]))
			st.view(tr, turns(nodes...))
		}
		tr.sleep(tr.between(0, 2*time.Second))
		away := tr.between(0, 3*time.Second)
		if tr.seed%2 == 0 { // Then no node could renew its lease.
			away = tr.between(6*time.Second, 12*time.Second)
		}
		tr.logf("restarting Redis, away for %v", away)
		s.Kill()
		tr.sleep(away)
		s.start(tr)
		back := time.Now()
		for i, st := range streamers {
			st.reload(tr, always(nodes[i]))
		}
		tr.within(onwardLimit, "more being streamed", func() bool { return streamers[0].goesOn() && streamers[1].goesOn() })
		tr.took("Redis back until more is streamed", time.Since(back))
		tr.sleep(tr.between(0, 2*time.Second))
		for i, st := range streamers {
			st.Terminate()
			tr.within(deliveryLimit, "the end of a stream", st.over)
			st.view(tr, always(nodes[i]))
			st.check(tr, nodes[i], goclient.StreamComplete)
		}
	}}.run(t)
}
