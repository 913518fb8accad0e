package hotsock

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A lazyTimeout ends exactly when a context of package context would, whether
// somebody waits for it or only asks.
func TestLazyTimeout(t *testing.T) {
	type end func(cancelParent, cancel func())
	for _, tt := range []struct {
		name   string
		parent time.Duration // 0 for no deadline
		end    end
		want   error
	}{
		{"time passes", 0, func(_, _ func()) { time.Sleep(time.Second) }, context.DeadlineExceeded},
		{"the parent's time passes", 500 * time.Millisecond, func(_, _ func()) { time.Sleep(500 * time.Millisecond) }, context.DeadlineExceeded},
		{"the parent ends", 0, func(parent, _ func()) { parent() }, context.Canceled},
		{"it is cancelled", 0, func(_, cancel func()) { cancel() }, context.Canceled},
		{"it goes on", 2 * time.Second, func(_, _ func()) { time.Sleep(time.Second - 1) }, nil},
	} {
		for _, waits := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				parent, cancelParent := context.WithCancel(t.Context())
				defer cancelParent()
				if tt.parent > 0 {
					var cancel context.CancelFunc
					parent, cancel = context.WithTimeout(parent, tt.parent)
					defer cancel()
				}
				ctx := newLazyTimeout(parent, time.Second)
				defer ctx.end()
				like, cancelLike := context.WithTimeout(parent, time.Second)
				defer cancelLike()
				if waits {
					ctx.Done()
				}
				if err := ctx.Err(); err != nil {
					t.Errorf("%s: it begins with %v", tt.name, err)
				}
				tt.end(cancelParent, func() { ctx.end(); cancelLike() })
				synctest.Wait()
				if got := ctx.Err(); !errors.Is(got, tt.want) || !errors.Is(like.Err(), tt.want) {
					t.Errorf("%s, waiting %v: %v, another context %v, want %v", tt.name, waits, got, like.Err(), tt.want)
				}
				select {
				case <-ctx.Done():
					if tt.want == nil {
						t.Errorf("%s, waiting %v: it is done", tt.name, waits)
					}
				default:
					if tt.want != nil {
						t.Errorf("%s, waiting %v: it is not done", tt.name, waits)
					}
				}
				a, _ := ctx.Deadline()
				if b, _ := like.Deadline(); !a.Equal(b) {
					t.Errorf("%s: deadline %v, not %v", tt.name, a, b)
				}
			})
		}
	}
}

// Contexts made of a lazyTimeout end with it, and have the values of its parent.
func TestLazyTimeoutHasChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx := newLazyTimeout(context.WithValue(t.Context(), key{}, "value"), time.Second)
		if v := ctx.Value(key{}); v != "value" {
			t.Errorf("the value is %v", v)
		}
		child, cancelChild := context.WithCancel(ctx)
		defer cancelChild()
		if v := child.Value(key{}); v != "value" {
			t.Errorf("the child's value is %v", v)
		}
		ctx.end()
		// At once, without a goroutine in between.
		if err := child.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("the child's error is %v", err)
		}
	})
}
