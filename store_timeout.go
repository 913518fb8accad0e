package hotsock

import (
	"context"
	"sync"
	"time"
)

// A lazyTimeout is what context.WithDeadline returns, without a timer and an entry
// in its parent until somebody waits for its end: a store in memory never does.
type lazyTimeout struct {
	parent   context.Context
	deadline time.Time // the parent may have an earlier one

	mu     sync.Mutex
	armed  context.Context // nil until somebody waits
	cancel context.CancelFunc
	ended  bool
}

var _ context.Context = (*lazyTimeout)(nil)

func newLazyTimeout(parent context.Context, timeout time.Duration) *lazyTimeout {
	return &lazyTimeout{parent: parent, deadline: time.Now().Add(timeout)}
}

// Deadline implements [context.Context].
func (t *lazyTimeout) Deadline() (time.Time, bool) {
	if d, ok := t.parent.Deadline(); ok && d.Before(t.deadline) {
		return d, true
	}
	return t.deadline, true
}

// Done implements [context.Context].
func (t *lazyTimeout) Done() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.armed == nil {
		t.armed, t.cancel = context.WithDeadline(t.parent, t.deadline)
		if t.ended {
			t.cancel()
		}
	}
	return t.armed.Done()
}

// Err implements [context.Context].
func (t *lazyTimeout) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.armed != nil:
		return t.armed.Err()
	case t.ended:
		return context.Canceled
	case t.parent.Err() != nil:
		return t.parent.Err()
	case !time.Now().Before(t.deadline):
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements [context.Context]. Once it is armed, package context
// finds it here, and lets contexts made of this one end with it directly.
func (t *lazyTimeout) Value(key any) any {
	t.mu.Lock()
	c := t.armed
	t.mu.Unlock()
	if c == nil {
		c = t.parent
	}
	return c.Value(key)
}

func (t *lazyTimeout) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.cancel != nil {
		t.cancel()
	}
}
