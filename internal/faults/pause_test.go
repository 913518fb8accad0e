package faults

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A node is stopped for longer or shorter than its lease, and goes on. What it
// had must be gone while it is dead, and be there once when it is back.
func TestNodePaused(t *testing.T) {
	t.Parallel()
	s := newSite(t, 0)
	fault{short: 4, full: 50, parallel: 5, trial: func(tr *trial) {
		// No other trial's node, which is stopped too, must have to remove the members.
		prefix := tr.name + ":"
		steady := []*node{tr.node(s.url(), prefix), tr.node(s.url(), prefix)}
		sleeper := tr.node(s.url(), prefix)
		j := newJournal()
		channel := "presence." + tr.name
		j.publishHTTP(tr.ctx, steady[0], channel, nil)
		subs := []*subscriber{
			tr.subscribe("observer 0", "observer0", always(steady[0]), channel),
			tr.subscribe("observer 1", "observer1", always(steady[1]), channel),
		}
		want := []string{"observer0", "observer1"}
		var asleep []string
		for i := range 1 + tr.IntN(3) {
			uid := fmt.Sprintf("u%d", i)
			subs = append(subs, tr.subscribe(uid, uid, turns(sleeper, steady[0], steady[1]), channel))
			asleep = append(asleep, uid)
		}
		back := slices.Sorted(slices.Values(append(asleep, want...)))
		stops := []func(){
			tr.load(j, channel, 30*time.Millisecond, always(steady[0]), nil),
			tr.load(j, channel, 30*time.Millisecond, always(sleeper), nil),
		}
		tr.sleep(tr.between(200*time.Millisecond, time.Second))

		d := tr.between(5*time.Second, 30*time.Second)
		if !*fullFlag {
			d = tr.between(5*time.Second, 14*time.Second)
		}
		tr.logf("stopping %s for %v", sleeper.name, d)
		tr.onEnd(sleeper.Thaw)
		sleeper.Freeze()
		frozen := time.Now()
		if d > presenceLimit {
			took := tr.within(presenceLimit, "the members being gone", func() bool { return subs[0].shows(channel, want) && subs[1].shows(channel, want) })
			tr.took("stopped until gone", took)
		}
		tr.sleep(d - time.Since(frozen))
		tr.logf("continuing %s", sleeper.name)
		sleeper.Thaw()
		thawed := time.Now()
		tr.within(presenceLimit, "all members being back", func() bool { return subs[0].shows(channel, back) && subs[1].shows(channel, back) })
		tr.took("continued until back", time.Since(thawed))
		tr.sleep(tr.between(0, 2*time.Second))
		for _, stop := range stops {
			stop()
		}
		tr.settle(j, 10*time.Second, []*publication{tr.marker(j, steady[1], channel, 5*time.Second)}, subs...)
		// Who was on the node is told first that all of them have gone, too.
		nodes := append(slices.Clone(steady), sleeper)
		tr.within(presenceLimit-time.Since(thawed), "everybody knowing that", func() bool { return tr.presenceIs(nodes, subs, channel, back) })
		tr.showPresence(nodes, subs, channel)
		for _, sub := range subs[:2] {
			v := sub.views[channel]
			added, removed := v.kind("hotsock.memberAdded"), v.removed()
			for _, uid := range asleep {
				gone := removed[uid]
				if gone > 1 || d > presenceLimit && gone != 1 || added[uid] != 1+gone && v.losses() == 0 {
					tr.failf("%s saw %s come %d times and go %d times", sub.name, uid, added[uid], gone)
				}
			}
		}
		tr.count("recovered:false", subs[2].views[channel].losses())
	}}.run(t)
}

// shows reports whether the subscriber knows just these members.
func (s *subscriber) shows(channel string, uids []string) bool {
	return slices.Equal(s.views[channel].uids(), uids)
}
