package hotsock

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// readyFor is how long it is believed that the store can be used, if nothing
// says otherwise. When many clients connect at once, not each has to ask it.
const readyFor = 100 * time.Millisecond

// A storeReadiness knows whether the store can be used.
type storeReadiness struct {
	node store.Node
	// at is when the store was found ready, nil if it failed since.
	at atomic.Pointer[time.Time]
}

// check returns nil if the store can be used.
func (s *storeReadiness) check(ctx context.Context) error {
	if at := s.at.Load(); at != nil && time.Since(*at) < readyFor {
		return nil
	}
	now := time.Now()
	if err := s.node.Ready(ctx); err != nil {
		return err
	}
	s.at.Store(&now)
	return nil
}

// failed notes that the store could not be used.
func (s *storeReadiness) failed() { s.at.Store(nil) }
