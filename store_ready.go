package hotsock

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/hotsock-go/hotsock/store"
)

// readyFor is how long it is believed that the store can be used, if nothing
// says otherwise. When many clients connect at once, not each has to ask it.
const readyFor = 100 * time.Millisecond

// A storeReadiness knows whether the store can be used.
type storeReadiness struct {
	node    store.Node
	timeout time.Duration
	asking  singleflight.Group
	// at is when the store was found ready, nil if it failed since.
	at atomic.Pointer[time.Time]
}

// check returns nil if the store can be used. Those who call it at once ask together.
func (s *storeReadiness) check(ctx context.Context) error {
	if at := s.at.Load(); at != nil && time.Since(*at) < readyFor {
		return nil
	}
	_, err, _ := s.asking.Do("", func() (any, error) {
		ctx := newLazyTimeout(context.WithoutCancel(ctx), s.timeout) // The others may wait longer.
		defer ctx.end()
		now := time.Now()
		if err := s.node.Ready(ctx); err != nil {
			return nil, err
		}
		s.at.Store(&now)
		return nil, nil
	})
	return err
}

// failed notes that the store could not be used.
func (s *storeReadiness) failed() { s.at.Store(nil) }
