package faults

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// The reply of a script that published is lost, once or several times, in each
// way in which a network loses it. The message must be there once, and whoever
// published it be told its id.
func TestReplyCut(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	const parallel = 4
	type way struct {
		*node
		*proxy
	}
	ways := make(chan way, parallel)
	for range parallel {
		x := startProxy(testCleaner{t}, s.redis.addr)
		n, err := startNode(x.url(), s.prefix)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Kill)
		ways <- way{n, x}
	}
	fault{short: 80, full: 1000, parallel: parallel, trial: func(tr *trial) {
		w := <-ways
		defer func() { ways <- w }()
		tr.watch(w.node, s.nodes[0])
		j := newJournal()
		sub := tr.subscribe("subscriber", "", always(s.nodes[0]), tr.name)
		var c *client
		if tr.IntN(2) == 0 {
			c = tr.member(w.node, "u", tr.name)
		}
		extra := map[string]any{"store": []int{0, 60, 3600}[tr.IntN(3)]}
		if tr.IntN(3) == 0 {
			extra["deduplicationId"] = tr.name
		}

		losses := 1 + tr.IntN(3)
		lost, disarm := tr.loseReplies(w.proxy, tr.name, losses)
		var p *publication
		if c != nil {
			p = j.publishSocket(tr.ctx, c, tr.name, "socket")
		} else {
			p = j.publishHTTP(tr.ctx, w.node, tr.name, extra)
		}
		disarm()
		tr.took("publishing", p.took)
		tr.count("replies lost", int(lost.Load()))
		if lost.Load() == 0 {
			tr.failf("no reply was lost")
		}
		if p.fate != acknowledged {
			tr.failf("%q was not acknowledged: %v after %v, with %d replies lost", p.payload, p.fate, p.took, lost.Load())
		}
		if extra["deduplicationId"] != nil && c == nil {
			tr.publishAgain(w.node, p, extra)
		}
		last := tr.marker(j, s.nodes[0], tr.name, 5*time.Second)
		tr.settle(j, 5*time.Second, []*publication{last}, sub)
		v := sub.views[tr.name]
		if seen := v.segments[0].seen; len(seen) != 2 || seen[0].id != p.id || seen[1].id != last.id {
			tr.failf("the subscriber saw %v, want %s and %s", seen, p.id, last.id)
		}
	}}.run(t)
}

// loseReplies loses the replies to what contains the mark, n times, until the
// returned function is called.
func (tr *trial) loseReplies(x *proxy, mark string, n int) (lost *atomic.Int64, disarm func()) {
	var left atomic.Int64
	left.Store(int64(n))
	lost = new(atomic.Int64)
	verdicts := make([]verdict, n)
	for i := range verdicts {
		verdicts[i] = []verdict{cut, reset, half, swallow}[tr.IntN(4)]
	}
	tr.logf("losing %d replies: %v", n, verdicts)
	x.set(func(p *pipe, toServer bool, chunk []byte) verdict {
		if p.subscribed.Load() {
			return pass
		}
		if toServer {
			if bytes.Contains(chunk, []byte(mark)) && left.Load() > 0 {
				p.marked.Store(true)
			}
			return pass
		}
		if !p.marked.Swap(false) {
			return pass
		}
		i := left.Add(-1)
		if i < 0 {
			return pass
		}
		lost.Add(1)
		return verdicts[i]
	})
	return lost, func() {
		x.set(nil)
		x.end(true)
	}
}

// publishAgain does as a caller does that got no answer: it publishes with the
// same deduplicationId, and must be told the same id.
func (tr *trial) publishAgain(n *node, p *publication, extra map[string]any) {
	a, err := n.request(tr.ctx, http.MethodPost, "/rt/publish", map[string]any{
		"channel": p.channel, "event": "m", "data": p.payload, "eagerIdGeneration": true, "store": extra["store"],
		"deduplicationId": extra["deduplicationId"],
	})
	if err != nil {
		tr.failf("publishing again: %v", err)
		return
	}
	var ok struct{ ID string }
	_ = json.Unmarshal(a.body, &ok) // Then there is no id.
	if ok.ID != p.id {
		tr.failf("published again, %q got %d %s, want the id %s", p.payload, a.status, a.body, p.id)
	}
}

// All replies are lost until the caller is told UNAVAILABLE, though the message
// is there: nobody can know better then. Published again with the same
// deduplicationId, it must still be one message.
func TestReplyNeverComes(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	fault{short: 4, full: 100, parallel: 8, trial: func(tr *trial) {
		x := startProxy(tr, s.redis.addr)
		n := tr.node(x.url(), s.prefix)
		j := newJournal()
		sub := tr.subscribe("subscriber", "", always(s.nodes[0]), tr.name)
		_, disarm := tr.loseReplies(x, tr.name, 1000)
		extra := map[string]any{"deduplicationId": tr.name, "store": []int{0, 60}[tr.IntN(2)]}
		p := j.publishHTTP(tr.ctx, n, tr.name, extra)
		disarm()
		tr.took("until UNAVAILABLE", p.took)
		if p.fate != refused {
			tr.failf("%q was not refused, though no reply came", p.payload)
		}
		again := *p
		tr.within(5*time.Second, "publishing again", func() bool {
			a, err := n.request(tr.ctx, http.MethodPost, "/rt/publish", map[string]any{
				"channel": p.channel, "event": "m", "data": p.payload, "eagerIdGeneration": true,
				"deduplicationId": tr.name, "store": extra["store"],
			})
			var ok struct{ ID string }
			if err != nil || a.status != http.StatusAccepted || json.Unmarshal(a.body, &ok) != nil {
				return false
			}
			again.id = ok.ID
			return true
		})
		j.settle(p, acknowledged, again.id)
		last := tr.marker(j, s.nodes[0], tr.name, 5*time.Second)
		tr.settle(j, 5*time.Second, []*publication{last}, sub)
		got := sub.views[tr.name].segments[0].seen
		if !slices.EqualFunc(got, []string{again.id, last.id}, func(m seen, id string) bool { return m.id == id }) {
			tr.failf("the subscriber saw %v, want %s and %s", got, again.id, last.id)
		}
	}}.run(t)
}
