package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// A backoff says how long to wait before trying again. Delays are random from
// nothing up to a bound that doubles, so that the clients of a server which was
// restarted do not come all at once.
type backoff struct {
	min, max time.Duration
	failures int
}

// next returns the next delay, which is at least what the server asked for.
func (b *backoff) next(asked time.Duration) time.Duration {
	bound := b.max
	if b.failures < 32 && b.min <= b.max>>b.failures {
		bound = b.min << b.failures
	}
	b.failures++
	return asked + rand.N(bound+1)
}

func (b *backoff) reset() { b.failures = 0 }

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
