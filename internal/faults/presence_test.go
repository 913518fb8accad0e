package faults

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// presenceLimit is how long members of a dead node may be shown.
const presenceLimit = 10 * time.Second

// A node is killed that has members on a presence channel, some of whom are just
// coming or going, or are there with a second connection on another node.
func TestPresenceAfterKill(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2)
	fault{short: 6, full: 200, parallel: 8, trial: func(tr *trial) {
		tr.watch(s.nodes...)
		victim := tr.node(s.url(), s.prefix)
		channel := "presence." + tr.name
		observers := []*subscriber{
			tr.subscribe("observer 0", "observer0", always(s.nodes[0]), channel),
			tr.subscribe("observer 1", "observer1", always(s.nodes[1]), channel),
		}
		var mortal []string
		for i := range 1 + tr.IntN(5) {
			uid := fmt.Sprintf("u%d", i)
			tr.member(victim, uid, channel)
			switch tr.IntN(4) {
			case 0: // One member, whose two connections both end.
				tr.member(victim, uid, channel)
				mortal = append(mortal, uid)
			case 1: // One who stays.
				tr.member(s.nodes[tr.IntN(2)], uid, channel)
			default:
				mortal = append(mortal, uid)
			}
		}
		stop := tr.restless(victim, "restless", channel)
		for _, o := range observers {
			tr.within(5*time.Second, "seeing the members", func() bool {
				added := o.views[channel].kind("hotsock.memberAdded")
				return !slices.ContainsFunc(mortal, func(uid string) bool { return added[uid] == 0 })
			})
		}
		second := tr.secondFault(s)
		tr.sleep(tr.between(0, 1200*time.Millisecond))
		tr.logf("killing %s, with %v", victim.name, mortal)
		victim.Kill()
		killed := time.Now()
		second()
		stop()

		want := survivors(channel, mortal, observers)
		gone := func() bool {
			for i, o := range observers {
				count, _, err := s.nodes[i].members(tr.ctx, channel)
				if err != nil || count != len(want) || !slices.Equal(o.views[channel].uids(), want) {
					return false
				}
			}
			return true
		}
		tr.within(presenceLimit-time.Since(killed), "the members being gone", gone)
		tr.took("killed until gone", time.Since(killed))
		tr.sleep(tr.between(0, 2*time.Second)) // What is announced twice would come now.
		if !gone() {
			tr.failf("members are %v and %v, want %v", observers[0].views[channel].uids(), observers[1].views[channel].uids(), want)
		}
		tr.checkRemoved(channel, mortal, observers)
		tr.checkCount(s, channel, want)
	}}.run(t)
}

// member connects one who stays.
func (tr *trial) member(n *node, uid, channel string) *client {
	c, _, err := dial(tr.ctx, n, uid, 0, func(frame) {})
	for began := time.Now(); err != nil && time.Since(began) < 5*time.Second; {
		tr.sleep(100 * time.Millisecond) // Another trial's fault keeps the node from being ready.
		c, _, err = dial(tr.ctx, n, uid, 0, func(frame) {})
	}
	if err != nil {
		tr.fatalf("%s cannot connect to %s: %v", uid, n.name, err)
	}
	tr.onEnd(c.close)
	f, err := c.do(tr.ctx, map[string]any{"event": "hotsock.subscribe", "channel": channel})
	if err != nil || f.Error != nil {
		tr.fatalf("%s cannot subscribe on %s: %v %+v", uid, n.name, err, f.Error)
	}
	return c
}

// restless makes a user come and go all the time, until the returned function
// is called.
func (tr *trial) restless(n *node, uid, channel string) (stop func()) {
	c := tr.member(n, uid, channel)
	subscribed := true
	return tr.repeat(tr.between(0, 30*time.Millisecond), func(ctx context.Context) {
		event := "hotsock.subscribe"
		if subscribed {
			event = "hotsock.unsubscribe"
		}
		if f, err := c.do(ctx, map[string]any{"event": event, "channel": channel}); err == nil && f.Error == nil {
			subscribed = !subscribed
		}
	})
}

// survivors are the members that must remain.
func survivors(channel string, mortal []string, observers []*subscriber) []string {
	added := observers[0].views[channel].kind("hotsock.memberAdded")
	var want []string
	for uid := range added {
		if !slices.Contains(mortal, uid) && uid != "restless" {
			want = append(want, uid)
		}
	}
	for _, o := range observers {
		if !slices.Contains(want, o.uid) {
			want = append(want, o.uid)
		}
	}
	slices.Sort(want)
	return want
}

// checkRemoved checks that each who was on the dead node was removed once, that
// nobody else was, and that both observers saw the same.
func (tr *trial) checkRemoved(channel string, mortal []string, observers []*subscriber) {
	a, b := observers[0].views[channel], observers[1].views[channel]
	for _, v := range []*view{a, b} {
		added, removed := v.kind("hotsock.memberAdded"), v.removed()
		if n := removed["restless"]; n != added["restless"] {
			tr.failf("%s saw the restless one come %d times and go %d times", v.who, added["restless"], n)
		}
		delete(removed, "restless")
		want := make(map[string]int)
		for _, uid := range mortal {
			want[uid] = 1
		}
		if diff := cmp.Diff(want, removed); diff != "" {
			tr.failf("%s saw memberRemoved (-want +got):\n%s", v.who, diff)
		}
	}
	if diff := cmp.Diff(a.order(), b.order()); diff != "" && a.losses()+b.losses() == 0 {
		tr.failf("the observers saw different changes (-0 +1):\n%s", diff)
	}
}

// order is the sequence of changes after both observers were there.
func (v *view) order() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []string
	for _, c := range v.changes {
		if !strings.HasPrefix(c.uid, "observer") {
			out = append(out, c.id+" "+c.kind+" "+c.uid)
		}
	}
	return out
}

// checkCount compares what both nodes tell of a channel with the members that
// must be there.
func (tr *trial) checkCount(s *site, channel string, want []string) {
	for _, n := range s.nodes {
		count, uids, err := n.members(tr.ctx, channel)
		slices.Sort(uids)
		if err != nil || !slices.Equal(uids, want) {
			tr.failf("%s says that the members are %v (%v), want %v", n.name, uids, err, want)
		}
		// Each has one connection that is left: observers, and the second ones.
		if count != len(want) {
			tr.failf("%s counts %d subscriptions, want %d", n.name, count, len(want))
		}
	}
}
