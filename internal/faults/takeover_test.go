package faults

import (
	"fmt"
	"slices"
	"time"
)

// A takeover is what happens to servers of which another one becomes master, or
// gets slots, while messages are published on many channels.
type takeover struct {
	fault string
	// do begins with the fault and returns what repairs the servers.
	do func() (repair func())
	// address and prefix are what nodes are started with.
	address, prefix string
	channels        int
	// pace is the time between two messages of a channel.
	pace time.Duration
	// limit is how long delivery may take to go on.
	limit time.Duration
	// after is how long at most the load goes on when all is delivered again.
	after time.Duration
}

// takeover wants messages to be delivered again in time, and all to be right in
// the end.
func (tr *trial) takeover(o takeover) {
	nodes := []*node{tr.node(o.address, o.prefix), tr.node(o.address, o.prefix)}
	j := newJournal()
	extra := map[string]any{"store": []int{0, 60, 3600}[tr.IntN(3)]}
	var channels []string
	for i := range o.channels {
		channels = append(channels, fmt.Sprint(tr.name, "/", i))
		j.publishHTTP(tr.ctx, nodes[0], channels[i], extra)
	}
	subs := []*subscriber{
		tr.subscribe("one", "", always(nodes[0]), channels...),
		tr.subscribe("other", "", always(nodes[1]), channels...),
	}
	var stops []func()
	for _, ch := range channels {
		stops = append(stops, tr.load(j, ch, o.pace, turns(nodes...), extra))
	}
	markers := func(limit time.Duration) (last []*publication) {
		for _, ch := range channels {
			last = append(last, tr.marker(j, nodes[tr.IntN(2)], ch, limit))
		}
		return last
	}
	tr.sleep(tr.between(500*time.Millisecond, 1500*time.Millisecond))
	tr.logf("%s", o.fault)
	began := time.Now()
	repair := o.do()
	done := time.Now()
	tr.logf("done")
	last := markers(o.limit - time.Since(done))
	tr.within(o.limit-time.Since(done), "delivery", func() bool {
		return !slices.ContainsFunc(last, func(p *publication) bool {
			return !subs[0].views[p.channel].reached(p.id) || !subs[1].views[p.channel].reached(p.id)
		})
	})
	tr.took(o.fault+", until all channels deliver", time.Since(began))
	// A message that is missed is noticed with the next one, so often there is
	// none.
	if tr.IntN(2) == 0 {
		tr.sleep(tr.between(0, o.after))
	}
	for _, stop := range stops {
		stop()
	}
	repair()
	tr.settle(j, o.limit, markers(o.limit), subs...)
	tr.keepsOpen(subs...)
	for _, s := range subs {
		for _, v := range s.views {
			tr.count(o.fault+": recovered:false", v.losses())
		}
	}
	tr.count(o.fault+": trials", 1)
}
