package sinkredis

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"
)

// tryTimeout is how long Redis may take for one try.
const tryTimeout = 5 * time.Second

func try(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	return f(ctx)
}

// Tries are so far apart, the first two and at the most.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 5 * time.Second
)

// A backoff waits longer every time.
type backoff struct{ last time.Duration }

// sleep waits until the next try, or until ctx ends.
func (b *backoff) sleep(ctx context.Context, client redis.UniversalClient) {
	if c, ok := client.(*redis.ClusterClient); ok {
		// By itself it goes on asking a master that is dead.
		c.ReloadState(ctx)
	}
	b.last = min(max(2*b.last, firstPause), longestPause)
	pause(ctx, b.last/2+rand.N(b.last))
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
