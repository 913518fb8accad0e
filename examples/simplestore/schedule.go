package simplestore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// group is the only one of this scheduler. One in which schedules are in several
// places names the place.
const group = "all"

// A scheduler has the schedules of a store. The store's lock guards it.
type scheduler struct {
	store   *Store
	pending map[ulid.ULID]*store.Schedule
	// changed is closed and replaced when one is added or moved.
	changed chan struct{}
}

func newScheduler(s *Store) *scheduler {
	return &scheduler{store: s, pending: make(map[ulid.ULID]*store.Schedule), changed: make(chan struct{})}
}

// Start implements [store.Scheduler].
func (s *scheduler) Start(ctx context.Context, n store.Node, fired func(store.Fired)) (func(), error) {
	by := n.(*node)
	if err := by.lock(ctx); err != nil {
		return nil, err
	}
	defer s.store.mu.Unlock()
	ctx, cancel := context.WithCancel(by.ctx)
	var running sync.WaitGroup
	running.Add(1)
	by.tasks.Go(func() {
		defer running.Done()
		for ctx.Err() == nil {
			f, changed, wait := s.fire(by)
			if f != nil {
				fired(*f)
				continue
			}
			select {
			case <-ctx.Done():
			case <-changed:
			case <-time.After(wait):
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}, nil
}

// fire fires the schedule that is due first. If none is due, it returns what is
// closed when that may change, and how long until it does by itself.
func (s *scheduler) fire(by *node) (f *store.Fired, changed <-chan struct{}, wait time.Duration) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	now := time.Now()
	next := slices.SortedFunc(maps.Values(s.pending), compareSchedules)
	if len(next) == 0 || by.gone {
		return nil, s.changed, time.Hour
	}
	due := next[0]
	if now.Before(due.Due) {
		return nil, s.changed, due.Due.Sub(now)
	}
	delete(s.pending, due.ID)
	f = &store.Fired{Schedule: due}
	c := s.store.channel(due.Channel())
	if due.Publish != nil {
		f.Publish = c.publish(now, due.Publish)
	} else {
		f.Set = c.write(now, due.Set, by)
	}
	return f, nil, 0
}

func compareSchedules(a, b *store.Schedule) int {
	return cmp.Or(a.Due.Compare(b.Due), a.ID.Compare(b.ID))
}

// put adds a schedule, or replaces the one with its id.
func (s *scheduler) put(q store.Schedule) {
	s.pending[q.ID] = &q
	close(s.changed)
	s.changed = make(chan struct{})
}

// lock begins the step of a call, as that of a node does.
func (s *scheduler) lock(ctx context.Context) error {
	if err := unavailable(ctx.Err()); err != nil {
		return err
	}
	s.store.mu.Lock()
	return nil
}

// Add implements [store.Scheduler].
func (s *scheduler) Add(ctx context.Context, q store.Schedule) (string, error) {
	if err := s.lock(ctx); err != nil {
		return "", err
	}
	defer s.store.mu.Unlock()
	if s.pending[q.ID] != nil {
		return group, nil
	}
	all, own := 0, 0
	for _, other := range s.pending {
		if other.Channel() != q.Channel() {
			continue
		}
		all++
		if q.Owner() != "" && other.Owner() == q.Owner() {
			own++
		}
	}
	if q.MaxPending > 0 && all >= q.MaxPending || q.MaxOfOwner > 0 && own >= q.MaxOfOwner {
		return "", store.ErrCapacity
	}
	q.Group, q.MaxPending, q.MaxOfOwner = group, 0, 0
	s.put(q)
	return group, nil
}

// Cancel implements [store.Scheduler].
func (s *scheduler) Cancel(ctx context.Context, group string, id ulid.ULID) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.store.mu.Unlock()
	if _, err := s.find(group, id); err != nil {
		return err
	}
	delete(s.pending, id)
	return nil
}

// Move implements [store.Scheduler].
func (s *scheduler) Move(ctx context.Context, group string, id ulid.ULID, due time.Time) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.store.mu.Unlock()
	q, err := s.find(group, id)
	if err != nil {
		return err
	}
	moved := *q
	moved.Due = due
	s.put(moved)
	return nil
}

// Schedule implements [store.Scheduler].
func (s *scheduler) Schedule(ctx context.Context, group string, id ulid.ULID) (*store.Schedule, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.store.mu.Unlock()
	return s.find(group, id)
}

func (s *scheduler) find(in string, id ulid.ULID) (*store.Schedule, error) {
	q := s.pending[id]
	if q == nil || in != group {
		return nil, store.ErrNotFound
	}
	return q, nil
}

// Schedules implements [store.Scheduler].
func (s *scheduler) Schedules(ctx context.Context, q store.SchedulesRequest) (store.SchedulesResult, error) {
	var res store.SchedulesResult
	if err := s.lock(ctx); err != nil {
		return res, err
	}
	defer s.store.mu.Unlock()
	after := &store.Schedule{Due: q.AfterDue, ID: q.AfterID}
	for _, x := range slices.SortedFunc(maps.Values(s.pending), compareSchedules) {
		if q.Channel != "" && x.Channel() != q.Channel || compareSchedules(x, after) <= 0 {
			continue
		}
		if len(res.Schedules) == q.Limit {
			res.More = true
			break
		}
		res.Schedules = append(res.Schedules, x)
	}
	return res, nil
}
