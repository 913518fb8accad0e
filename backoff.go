package hotsock

import (
	"context"
	"math/rand/v2"
	"time"
)

// retryInterval is how long to wait before the store is tried again, at first;
// maxRetryInterval is how long in the end.
const (
	retryInterval    = 500 * time.Millisecond
	maxRetryInterval = 2 * time.Second
)

// A backoff makes each wait before a try longer than the one before.
type backoff struct{ next time.Duration }

// sleep returns false if ctx ended before.
func (b *backoff) sleep(ctx context.Context) bool {
	wait := max(b.next, retryInterval)
	b.next = min(2*wait, maxRetryInterval)
	return sleep(ctx, jitter(wait))
}

// sleep returns false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// jitter returns something between half of d and one and a half.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d) }
