package storeredis

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// rerouteDelay is how long to wait before a master is looked up again.
const rerouteDelay = 100 * time.Millisecond

// A fanout keeps what this node watches, and the links over which it hears it:
// one to a single server, and one to each master of a cluster.
type fanout struct {
	n   *node
	ctx context.Context

	mu      sync.RWMutex
	watches map[string]*watch      // by topic
	links   map[string]*pubsubLink // by address of the master, "" for a single server
	// brokeAt is when a link to a master of a cluster broke last.
	brokeAt atomic.Pointer[time.Time]
	// strays counts how often topics were left on no link, and routed is the count
	// at the last time when all were looked after.
	strays, routed atomic.Int64
	control        *pubsubLink // of the node itself; the same as links[""] without a cluster
}

func newFanout(ctx context.Context, n *node) *fanout {
	return &fanout{n: n, ctx: ctx, watches: make(map[string]*watch), links: make(map[string]*pubsubLink)}
}

// start opens the link that every node needs.
func (f *fanout) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.control = newPubsubLink(f, "", 0, false)
	f.control.add(f.n.s.keys.control(""))
	f.control.add(f.n.s.keys.control(f.n.id))
	if !f.n.sharded {
		f.links[""] = f.control
	}
	f.n.goRun(func() { f.control.run(f.ctx) })
}

// add returns the watch of a channel, and true if it is new.
func (f *fanout) add(channel string) (*watch, bool) {
	ck := f.n.s.keys.channel(channel)
	topic := ck.topic()
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.watches[topic]; w != nil {
		return w, false
	}
	w := &watch{channel: channel, keys: ck, started: make(chan struct{}), ready: make(chan struct{})}
	f.watches[topic] = w
	return w, true
}

func (f *fanout) find(channel string) *watch {
	ck := f.n.s.keys.channel(channel)
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.watches[ck.topic()]
}

// remove forgets a watch, and unsubscribes unless the channel is watched again.
func (f *fanout) remove(w *watch) {
	topic := w.keys.topic()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watches[topic] != w {
		return
	}
	delete(f.watches, topic)
	for _, l := range f.links {
		l.drop(topic)
	}
}

// subscribe subscribes to a watch's topic, on the link to its master.
func (f *fanout) subscribe(w *watch) {
	f.route(w.keys.part, w.keys.topic())
}

// route puts a topic on the link to its partition's master. If the master is
// not known, it is on none until the next rerouting.
func (f *fanout) route(p int, topic string) {
	addr := ""
	if f.n.sharded {
		ctx, cancel := context.WithTimeout(f.ctx, defaultTimeout)
		defer cancel()
		var err error
		if addr, err = f.n.s.topo.master(ctx, p); err != nil {
			f.astray()
			return
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watches[topic] == nil || f.ctx.Err() != nil {
		return
	}
	l := f.links[addr]
	if l == nil {
		l = newPubsubLink(f, addr, p, true)
		f.links[addr] = l
		f.n.goRun(func() { l.run(f.ctx) })
	}
	l.add(topic)
}

// astray makes all topics be routed again in a while.
func (f *fanout) astray() {
	f.strays.Add(1)
	select {
	case f.n.reroute <- struct{}{}:
	default:
	}
}

// broke is called when the link to a master of a cluster broke: its partitions
// may have another master now. The link ends, and its topics are routed again.
func (f *fanout) broke(l *pubsubLink) {
	now := time.Now()
	f.brokeAt.Store(&now)
	f.mu.Lock()
	delete(f.links, l.addr)
	f.mu.Unlock()
	f.astray()
}

func (f *fanout) brokeLately() bool {
	at := f.brokeAt.Load()
	return at != nil && time.Since(*at) < 2*probePatience
}

// run routes topics that are on no link, until the context ends.
func (f *fanout) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.n.reroute:
		}
		// The client asks who is master while this waits; what it knew before must
		// not be used again.
		f.n.s.topo.forget(ctx, 0)
		if !sleep(ctx, rerouteDelay) {
			return
		}
		for p := range partitions {
			f.n.s.topo.forget(ctx, p)
		}
		strays := f.strays.Load()
		for _, w := range f.unrouted() {
			f.route(w.keys.part, w.keys.topic())
		}
		f.routed.Store(strays)
	}
}

func (f *fanout) unrouted() []*watch {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var out []*watch
	for topic, w := range f.watches {
		on := false
		for _, l := range f.links {
			on = on || l.has(topic)
		}
		if !on {
			out = append(out, w)
		}
	}
	return out
}

// dispatch passes on a message that came over a link.
func (f *fanout) dispatch(l *pubsubLink, topic, payload string) {
	switch topic {
	case l.probe:
	case f.n.s.keys.control(""), f.n.s.keys.control(f.n.id):
		f.n.hearControl(payload)
	default:
		f.heard(topic, payload)
	}
}

// heard takes items of a topic from a link.
func (f *fanout) heard(topic, payload string) {
	f.mu.RLock()
	w := f.watches[topic]
	f.mu.RUnlock()
	if w == nil {
		return
	}
	stripe := &f.n.stripes[w.keys.part]
	stripe.Lock()
	defer stripe.Unlock()
	for r := (record{rest: payload}); r.rest != ""; {
		h := r.heard()
		if r.bad {
			f.n.s.log.Error("malformed message", "topic", topic)
			return
		}
		f.n.hear(w, h)
	}
}

// confirmed is called when a link has subscribed to a topic. A watch that was
// live before may have missed something.
func (f *fanout) confirmed(topic string) {
	if topic == f.n.s.keys.control(f.n.id) {
		f.n.reportCounts()
		return
	}
	f.mu.RLock()
	w := f.watches[topic]
	f.mu.RUnlock()
	if w == nil {
		return
	}
	stripe := &f.n.stripes[w.keys.part]
	stripe.Lock()
	defer stripe.Unlock()
	select {
	case <-w.started:
	default:
		close(w.started)
		return
	}
	f.n.recheck(w)
}

// recheck makes a watch look whether it has missed something. The stripe is held.
func (n *node) recheck(w *watch) {
	w.live = false
	n.catchUp(w)
	if n.countWatches.has(w.channel) && !w.ended.Load() {
		n.r.CountChanged(w.channel)
	}
}

// recheckAll has those watches look whether they have missed something, and has
// what was acknowledged verified.
func (n *node) recheckAll(which func(*watch) bool) {
	n.fan.mu.RLock()
	all := slices.DeleteFunc(slices.Collect(maps.Values(n.fan.watches)), func(w *watch) bool { return !which(w) })
	n.fan.mu.RUnlock()
	for _, w := range all {
		stripe := &n.stripes[w.keys.part]
		stripe.Lock()
		n.recheck(w)
		stripe.Unlock()
	}
	n.losses.suspect()
}

// upTimeout bounds how long a master may take to show that it is there.
const upTimeout = 400 * time.Millisecond

// up returns nil if every link is proven to be up. A link to a master that
// answers nothing either does not count: its channels are unavailable on every
// node, and the others go on.
func (f *fanout) up(ctx context.Context) error {
	if err := f.control.up(); err != nil {
		return err
	}
	down := f.down()
	if len(down) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	failed := make(chan error, len(down))
	for p, err := range down {
		f.n.goRun(func() {
			if _, gone := f.n.s.do(ctx, call{script: readScript, part: p}); gone != nil {
				err = nil
			}
			failed <- err
		})
	}
	for range down {
		select {
		case err := <-failed:
			if err != nil {
				return err
			}
		case <-f.ctx.Done():
			return errLeft
		}
	}
	return nil
}

// down returns why channels are not heard, by a partition of each master of
// which that is so.
func (f *fanout) down() map[int]error {
	down := make(map[int]error)
	f.mu.RLock()
	for _, l := range f.links {
		if err := l.up(); err != nil {
			down[l.part] = err
		}
	}
	f.mu.RUnlock()
	if f.strays.Load() == f.routed.Load() {
		return down
	}
	seen := make(map[string]bool)
	for _, w := range f.unrouted() {
		addr, _ := f.n.s.topo.master(f.ctx, w.keys.part) // Those whose master is not known go together.
		if !seen[addr] {
			seen[addr] = true
			down[w.keys.part] = errors.New("no subscribed connection to a master of the Redis cluster")
		}
	}
	return down
}
