package storememory

import (
	"context"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// maxNap is how long a runner sleeps at the most, so that a change of the wall
// clock is noticed.
const maxNap = 10 * time.Second

// A runner fires schedules on behalf of one node.
type runner struct {
	scheduler *scheduler
	node      *node
	fired     func(store.Fired)
	// woken has room for one: more than one call to wake is one.
	woken chan struct{}
}

// Start implements [store.Scheduler]. The node must be of the same store. A
// runner that was not stopped ends with its node.
func (s *scheduler) Start(ctx context.Context, n store.Node, fired func(store.Fired)) (stop func(), err error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	// By its id, because the host may have wrapped it.
	member := s.store.peer(n.ID())
	if member == nil {
		return nil, errGone
	}
	r := &runner{scheduler: s, node: member, fired: fired, woken: make(chan struct{}, 1)}
	run, cancel := context.WithCancel(member.ctx)
	done := make(chan struct{})
	s.mu.Lock()
	s.runners[r] = struct{}{}
	s.mu.Unlock()
	ended := func() {
		cancel()
		s.mu.Lock()
		delete(s.runners, r)
		s.mu.Unlock()
		close(done)
	}
	if !member.start(func() { defer ended(); r.run(run) }) {
		ended()
		return nil, errGone
	}
	return sync.OnceFunc(func() {
		cancel()
		<-done
	}), nil
}

func (r *runner) wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

func (r *runner) run(ctx context.Context) {
	timer := time.NewTimer(maxNap)
	defer timer.Stop()
	for ctx.Err() == nil {
		fired, ok, next := r.scheduler.fireNext(r.node)
		if ok {
			r.fired(fired)
			continue
		}
		nap := maxNap
		if !next.IsZero() {
			nap = min(nap, next.Sub(clock()))
		}
		timer.Reset(nap)
		select {
		case <-ctx.Done():
		case <-r.woken:
		case <-timer.C:
		}
	}
}
