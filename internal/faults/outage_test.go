package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"testing"
	"time"
)

// An outage is a time in which Redis is not what it was before.
type outage struct {
	name string
	// begin and end make it; the fault is over when end returns.
	begin, end func(tr *trial, s *server)
	// lasts is how long, with -full; short ones have no time for what must hold
	// meanwhile. Without -full it is at most 7 s.
	lasts time.Duration
	// empty is true if all data is gone afterwards.
	empty bool
}

var stops = []outage{
	{
		name:  "frozen",
		begin: func(_ *trial, s *server) { s.Freeze() },
		end:   func(_ *trial, s *server) { s.Thaw() },
		lasts: 30 * time.Second,
	},
	{
		name:  "shut down",
		begin: func(_ *trial, s *server) { s.Terminate() },
		end:   func(tr *trial, s *server) { s.start(tr) },
		lasts: 30 * time.Second,
	},
	{
		name:  "killed",
		begin: func(_ *trial, s *server) { s.Kill() },
		end:   func(tr *trial, s *server) { s.start(tr) },
		lasts: 30 * time.Second,
	},
}

// Redis is away for 30 s, and comes back with its data.
func TestRedisStopped(t *testing.T) {
	t.Parallel()
	fault{short: 3, full: 50, parallel: 6, trial: func(tr *trial) {
		tr.outage(stops[tr.kind(len(stops))])
	}}.run(t)
}

// Redis is restarted and has lost all data.
func TestRedisRestartedEmpty(t *testing.T) {
	t.Parallel()
	fault{short: 2, full: 50, parallel: 6, trial: func(tr *trial) {
		tr.outage(outage{
			name:  "restarted empty",
			begin: func(_ *trial, s *server) { s.Kill() },
			end: func(tr *trial, s *server) {
				if err := os.RemoveAll(s.dir + "/appendonlydir"); err != nil {
					tr.fatalf("%v", err)
				}
				s.start(tr)
			},
			lasts: tr.between(0, 10*time.Second),
			empty: true,
		})
	}}.run(t)
}

// Redis forgets its scripts.
func TestScriptFlush(t *testing.T) {
	t.Parallel()
	fault{short: 2, full: 50, parallel: 6, trial: func(tr *trial) {
		tr.outage(command("SCRIPT", "FLUSH"))
	}}.run(t)
}

// Redis ends all subscribed connections.
func TestSubscribedConnectionsKilled(t *testing.T) {
	t.Parallel()
	fault{short: 2, full: 50, parallel: 6, trial: func(tr *trial) {
		tr.outage(command("CLIENT", "KILL", "TYPE", "pubsub"))
	}}.run(t)
}

// command is an outage that is over at once.
func command(args ...any) outage {
	return outage{
		name: fmt.Sprint(args...),
		begin: func(tr *trial, s *server) {
			if err := s.do(tr.ctx, args...); err != nil {
				tr.failf("%v: %v", args, err)
			}
		},
		end: func(*trial, *server) {},
	}
}

func (tr *trial) outage(o outage) {
	// What is acknowledged must be on the disk, or the fault would be that it is
	// not.
	s := startRedis(tr, tr.t.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
	nodes := []*node{tr.node("redis://"+s.addr, ""), tr.node("redis://"+s.addr, "")}
	j := newJournal()
	w := newWrites(tr, nodes)
	room, plain := "presence."+tr.name, tr.name
	for _, ch := range []string{room, plain} {
		j.publishHTTP(tr.ctx, nodes[0], ch, nil)
	}
	subs := []*subscriber{
		tr.subscribe("u0", "u0", always(nodes[0]), room, plain, w.channel),
		tr.subscribe("u1", "u1", always(nodes[1]), room, plain, w.channel),
	}
	members := []string{"u0", "u1"}
	extra := map[string]any{"store": []int{0, 60, 3600}[tr.IntN(3)]}
	stops := []func(){
		tr.load(j, room, 40*time.Millisecond, turns(nodes...), extra),
		tr.load(j, plain, 40*time.Millisecond, turns(nodes...), extra),
		tr.repeat(100*time.Millisecond, w.set),
		tr.repeat(150*time.Millisecond, w.schedule),
	}
	tr.sleep(tr.between(500*time.Millisecond, 1500*time.Millisecond))

	lasts := o.lasts
	if !*fullFlag {
		lasts = min(lasts, 7*time.Second)
	}
	tr.logf("%s, for %v", o.name, lasts)
	o.begin(tr, s)
	w.from = time.Now()
	if lasts >= 5*time.Second {
		tr.whileAway(nodes, subs, lasts)
	} else {
		tr.sleep(lasts)
	}
	w.to = time.Now()
	o.end(tr, s)
	back := time.Now()
	tr.logf("over")

	tr.within(readyLimit, "being ready", func() bool { return nodes[0].ready(tr.ctx) && nodes[1].ready(tr.ctx) })
	tr.took("over until ready", time.Since(back))
	m := tr.marker(j, nodes[0], room, deliveryLimit)
	tr.within(deliveryLimit-time.Since(back), "delivery", func() bool {
		return subs[0].views[room].reached(m.id) && subs[1].views[room].reached(m.id)
	})
	tr.took("over until delivered", time.Since(back))
	tr.within(presenceBack-time.Since(back), "presence", func() bool {
		return tr.presenceIs(nodes, subs, room, members)
	})
	tr.took("over until presence is right", time.Since(back))
	if o.empty {
		tr.within(deliveryLimit, "telling that data is lost", func() bool {
			return !slices.ContainsFunc(subs, func(s *subscriber) bool {
				return s.views[room].losses() == 0 || s.views[plain].losses() == 0
			})
		})
	}
	tr.keepsOpen(subs...)
	tr.sleep(tr.between(0, time.Second))
	for _, stop := range stops {
		stop()
	}
	last := []*publication{tr.marker(j, nodes[1], room, time.Second), tr.marker(j, nodes[0], plain, time.Second)}
	tr.settle(j, deliveryLimit, last, subs...)
	if !tr.presenceIs(nodes, subs, room, members) {
		tr.failf("presence is not right any more")
		tr.showPresence(nodes, subs, room)
	}
	w.check(o.empty, subs)
	for _, sub := range subs {
		tr.count("recovered:false", sub.views[plain].losses())
	}
	if o.empty {
		return
	}
	for _, sub := range subs {
		if removed := sub.views[room].removed(); len(removed) > 0 {
			tr.count("members shown as gone for a moment", len(removed))
		}
	}
}

// presenceBack is how long presence may take to be right again.
const presenceBack = 5 * time.Second

// presenceIs reports whether all nodes and subscribers know just these members,
// each with one subscription.
func (tr *trial) presenceIs(nodes []*node, subs []*subscriber, channel string, want []string) bool {
	for _, n := range nodes {
		count, uids, err := n.members(tr.ctx, channel)
		slices.Sort(uids)
		if err != nil || count != len(want) || !slices.Equal(uids, want) {
			return false
		}
	}
	return !slices.ContainsFunc(subs, func(s *subscriber) bool { return !s.shows(channel, want) })
}

// showPresence notes what they know.
func (tr *trial) showPresence(nodes []*node, subs []*subscriber, channel string) {
	for _, n := range nodes {
		count, uids, err := n.members(tr.ctx, channel)
		tr.logf("%s: %d subscriptions, members %v, %v", n.name, count, uids, err)
	}
	for _, s := range subs {
		tr.logf("%s on %s sees %v", s.name, s.on.name, s.views[channel].uids())
	}
}

// whileAway checks what must hold while Redis is away, for so long.
func (tr *trial) whileAway(nodes []*node, subs []*subscriber, lasts time.Duration) {
	began := time.Now()
	took := tr.within(unreadyLimit, "being not ready", func() bool { return !nodes[0].ready(tr.ctx) && !nodes[1].ready(tr.ctx) })
	tr.took("away until not ready", took)
	for time.Since(began) < lasts-time.Second {
		for _, n := range nodes {
			if n.ready(tr.ctx) {
				tr.failf("%s is ready while Redis is away", n.name)
			}
			if _, uids, err := n.members(tr.ctx, "presence."+tr.name); err == nil {
				tr.failf("%s answered %v while Redis is away", n.name, uids)
			}
			_, res, err := dial(tr.ctx, n, "new", 0, func(frame) {})
			if !errors.Is(err, errRefused) || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
				tr.failf("a new connection to %s while Redis is away: %v", n.name, err)
			}
		}
		for _, sub := range subs {
			ctx, cancel := context.WithTimeout(tr.ctx, 2*time.Second)
			if _, err := sub.client().do(ctx, map[string]any{"event": "hotsock.ping"}); err != nil {
				tr.failf("%s: ping while Redis is away: %v", sub.name, err)
			}
			cancel()
		}
		tr.sleep(tr.between(0, time.Second))
	}
	tr.sleep(lasts - time.Since(began))
}
