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
	c.watchers = append(c.watchers, n)
	return nil
}

// Unwatch implements [store.Subscriptions].
func (n *node) Unwatch(name string) {
	if c := n.store.lockIfAny(name); c != nil {
		c.unwatch(n)
		c.unlock()
	}
}
