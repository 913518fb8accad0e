package storememory

import (
	"context"
	"slices"
)

// Watch implements [store.Subscriptions].
func (n *node) Watch(ctx context.Context, name string) error {
	if err := n.usable(ctx); err != nil {
		return err
	}
	c := n.store.lock(name)
	defer c.unlock()
	if n.gone.Load() {
		return errGone // Its end may have passed this channel already.
	}
	if slices.Contains(c.watchers, n) {
		return nil
	}
	if c.watchers = append(c.watchers, n); len(c.watchers) > 1 {
		c.one[0] = nil // or it would be kept when it has left
	}
	return nil
}

// Unwatch implements [store.Subscriptions].
func (n *node) Unwatch(name string) {
	if c := n.store.lockIfAny(name); c != nil {
		c.unwatch(n)
		c.unlock()
	}
}

// WatchCount implements [store.Subscriptions].
func (n *node) WatchCount(ctx context.Context, name string) (int, error) {
	if err := n.usable(ctx); err != nil {
		return 0, err
	}
	c := n.store.lock(name)
	defer c.unlock()
	if n.gone.Load() {
		return 0, errGone // Its end may have passed this channel already.
	}
	if !slices.Contains(c.countWatchers, n) {
		c.countWatchers = append(c.countWatchers, n)
	}
	return c.presence.counted, nil
}

// UnwatchCount implements [store.Subscriptions].
func (n *node) UnwatchCount(name string) {
	if c := n.store.lockIfAny(name); c != nil {
		c.unwatchCount(n)
		c.unlock()
	}
}

func (c *channel) unwatchCount(n *node) {
	c.countWatchers = slices.DeleteFunc(c.countWatchers, func(w *node) bool { return w == n })
}

// countChanged tells those who watch the count, if it is another one than before.
func (c *channel) countChanged(before int) {
	if len(c.countWatchers) == 0 || c.presence.counted == before {
		return
	}
	told := c.countWatchers
	c.countWatchers = nil
	for _, w := range told {
		w.receiver.CountChanged(c.name)
	}
}
