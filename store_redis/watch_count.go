package storeredis

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/hotsock-go/hotsock/store"
)

// countFormat is the first format whose scripts tell those who watch a count.
const countFormat = 3

// countRefresh is how many heartbeats apart the counts are looked at in a cluster,
// whose masters may lose what they pass on to each other.
const countRefresh = 15

// countWatches are the channels whose count this node watches. The state of such a
// channel names the node, and the script that changes the subscriptions next tells all
// whom it names and forgets them. So nobody else pays for it, a burst of changes is one
// message to each node until it asks again, and of a node that has died nothing stays.
type countWatches struct {
	mu       sync.Mutex
	channels map[string]bool
	beats    int
}

func (w *countWatches) add(channel string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.channels == nil {
		w.channels = make(map[string]bool)
	}
	w.channels[channel] = true
}

func (w *countWatches) remove(channel string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.channels, channel)
}

func (w *countWatches) has(channel string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.channels[channel]
}

func (w *countWatches) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.channels))
}

// beat reports whether it is time to look at the counts in a cluster.
func (w *countWatches) beat() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beats++
	return w.beats%countRefresh == 0
}

// WatchCount implements [store.Subscriptions].
func (n *node) WatchCount(ctx context.Context, channel string) (int, error) {
	if n.left.Load() {
		return 0, errLeft
	}
	n.countWatches.add(channel)
	ck := n.s.keys.channel(channel)
	r, err := n.s.do(ctx, call{
		script: watchCountScript, part: ck.part, keys: []any{ck.state()}, args: []any{n.s.keys.control(n.id)},
	})
	if err != nil {
		return 0, err
	}
	count := r.record.int()
	return int(count), r.record.err()
}

// UnwatchCount implements [store.Subscriptions].
func (n *node) UnwatchCount(channel string) { n.countWatches.remove(channel) }

// reportCount tells the receiver that a count may have changed. No stripe is held.
func (n *node) reportCount(channel string) {
	if n.countWatches.has(channel) {
		n.report(partOf(channel), func() { n.r.CountChanged(channel) })
	}
}

// reportCounts tells it of all counts: what this node was told of one may be lost.
func (n *node) reportCounts() {
	for _, channel := range n.countWatches.all() {
		n.reportCount(channel)
	}
}

// refreshCounts does so with each heartbeat while a node of an older version, which
// tells nobody, shares the work, and from time to time in a cluster.
func (n *node) refreshCounts() {
	a := n.heartbeat.assigned.Load()
	if a != nil && a.formats.oldest < countFormat || n.sharded && n.countWatches.beat() {
		n.reportCounts()
	}
}

var _ store.Subscriptions = (*node)(nil)
