package hotsocktest

import (
	"context"
	"slices"
	"sync"
)

// A recorder keeps what happened, in order, until it is taken.
type recorder[T any] struct {
	mu      sync.Mutex
	items   []T
	changed chan struct{} // closed when something is added; nil if nobody waits
}

func (r *recorder[T]) add(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items = append(r.items, item)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// take waits for something that matches and removes it.
func (r *recorder[T]) take(ctx context.Context, match func(T) bool) (T, error) {
	for {
		r.mu.Lock()
		if i := slices.IndexFunc(r.items, match); i >= 0 {
			item := r.items[i]
			r.items = slices.Delete(r.items, i, i+1)
			r.mu.Unlock()
			return item, nil
		}
		if r.changed == nil {
			r.changed = make(chan struct{})
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			var zero T
			return zero, ctx.Err()
		}
	}
}

// left returns what matches and was not taken.
func (r *recorder[T]) left(match func(T) bool) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	var items []T
	for _, item := range r.items {
		if match(item) {
			items = append(items, item)
		}
	}
	return items
}
