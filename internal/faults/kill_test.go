package faults

import (
	"context"
	"sync"
	"testing"
	"time"
)

// A node is killed under load, and its clients come back on other nodes with
// the last id that they saw. Some trials have a second fault at the same time.
func TestNodeKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2)
	fault{short: 6, full: 200, parallel: 6, trial: func(tr *trial) {
		tr.watch(s.nodes...)
		victim := tr.node(s.url(), s.prefix)
		j := newJournal()
		keep := []int{0, 60, 3600}[tr.IntN(3)]
		extra := map[string]any{"store": keep}
		channels := []string{tr.name + "/a", tr.name + "/b"}
		for _, ch := range channels {
			j.publishHTTP(tr.ctx, s.nodes[0], ch, extra) // So that there is a position.
		}
		there := func() func() *node { return turns(victim, s.nodes[tr.IntN(2)], s.nodes[tr.IntN(2)]) }
		subs := []*subscriber{
			tr.subscribe("steady", "", always(s.nodes[0]), channels...),
			tr.subscribe("moved", "", there(), channels...),
			tr.subscribe("moved too", "", there(), channels...),
		}
		stops := []func(){
			tr.load(j, channels[0], tr.between(0, 20*time.Millisecond), always(s.nodes[1]), extra),
			tr.load(j, channels[0], tr.between(0, 20*time.Millisecond), turns(victim, s.nodes[0]), extra),
			tr.socketLoad(j, channels[1], keep, tr.between(0, 20*time.Millisecond), there()),
			tr.churn(channels[1], there(), &subs),
		}
		second := tr.secondFault(s)

		tr.sleep(tr.between(0, 1500*time.Millisecond))
		if tr.IntN(2) == 0 {
			second()
		}
		tr.logf("killing %s", victim.name)
		victim.Kill()
		killed := time.Now()
		second()
		tr.within(10*time.Second, "reconnecting", func() bool {
			return subs[1].isElsewhere(victim) && subs[2].isElsewhere(victim)
		})
		tr.sleep(tr.between(0, time.Second))
		for _, stop := range stops {
			stop()
		}
		var last []*publication
		for _, ch := range channels {
			last = append(last, tr.marker(j, s.nodes[0], ch, 10*time.Second))
		}
		tr.settle(j, 10*time.Second, last, subs...)
		for _, sub := range subs[1:3] {
			for _, v := range sub.views {
				v.mu.Lock()
				tr.count("recovered:true", v.recovered)
				tr.count("recovered:false", v.lost)
				tr.took("killed until caught up", v.subscribedAt.Sub(killed))
				v.mu.Unlock()
			}
		}
	}}.run(t)
}

// socketLoad publishes over a connection, which is made again when it ends.
func (tr *trial) socketLoad(j *journal, channel string, keep int, every time.Duration, at func() *node) (stop func()) {
	s := &subscriber{tr: tr, name: "publisher", at: at, keep: keep, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(tr.ctx)
	s.cancel = cancel
	go s.run(ctx)
	tr.onEnd(s.stop)
	return tr.repeat(every, func(ctx context.Context) {
		if c := s.client(); c != nil {
			j.publishSocket(ctx, c, channel, "socket")
		}
	})
}

// churn subscribes and unsubscribes all the time, so that the node is killed in
// the middle of it. What the client saw is checked, too.
func (tr *trial) churn(channel string, at func() *node, subs *[]*subscriber) (stop func()) {
	s := tr.subscribe("churning", "churning", at, channel)
	*subs = append(*subs, s)
	return tr.repeat(tr.between(0, 30*time.Millisecond), func(ctx context.Context) {
		c, v := s.client(), s.views[channel]
		f, err := c.do(ctx, map[string]any{"event": "hotsock.unsubscribe", "channel": channel})
		if err != nil || f.Error != nil {
			return
		}
		_, _ = c.do(ctx, map[string]any{ // If the connection ends, the subscriber goes on.
			"event": "hotsock.subscribe", "channel": channel, "data": map[string]any{"after": v.after()},
		})
	})
}

// secondFault chooses what else goes wrong, and returns a function that does
// it, the first time it is called.
func (tr *trial) secondFault(s *site) func() {
	name, do := "", func() error { return nil }
	switch tr.IntN(8) {
	case 0:
		name, do = "SCRIPT FLUSH", func() error { return s.redis.do(tr.ctx, "SCRIPT", "FLUSH") }
	case 1:
		name, do = "CLIENT KILL", func() error { return s.redis.do(tr.ctx, "CLIENT", "KILL", "TYPE", "pubsub") }
	case 2:
		name, do = "CLIENT KILL normal", func() error { return s.redis.do(tr.ctx, "CLIENT", "KILL", "TYPE", "normal") }
	case 3:
		d := tr.between(0, 700*time.Millisecond)
		name, do = "freezing Redis for "+d.String(), func() error {
			s.redis.Freeze()
			tr.sleep(d)
			s.redis.Thaw()
			return nil
		}
	}
	var once sync.Once
	return func() {
		once.Do(func() {
			if name == "" {
				return
			}
			tr.logf("second fault: %s", name)
			tr.count("trials with a second fault", 1)
			_ = do() // CLIENT KILL may kill this connection, too.
		})
	}
}
