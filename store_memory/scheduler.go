package storememory

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// group is the only one there is.
const group = "memory"

// A scheduler keeps schedules until a runner fires them. Firing one, and
// removing it, is one step under mu.
type scheduler struct {
	store *Store

	mu      sync.Mutex
	jobs    table.Map[ulid.ULID, *job]
	counts  table.Map[string, int] // of jobs, by channel
	owned   table.Map[share, int]  // of jobs that have an owner
	pending queue[*job]
	runners map[*runner]struct{}
}

// A share is what an owner has of a channel.
type share struct{ channel, owner string }

// A job is a pending schedule. The schedule is handed out, and so replaced
// when it moves.
type job struct {
	deadline
	schedule *store.Schedule
}

func (j *job) before(other *job) bool { return compareSchedules(j.schedule, other.schedule) < 0 }

func compareSchedules(a, b *store.Schedule) int {
	return cmp.Or(a.Due.Compare(b.Due), a.ID.Compare(b.ID))
}

func newScheduler(s *Store) *scheduler {
	return &scheduler{store: s, runners: make(map[*runner]struct{})}
}

// Add implements [store.Scheduler].
func (s *scheduler) Add(ctx context.Context, sch store.Schedule) (string, error) {
	if err := canceled(ctx); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.jobs.Has(sch.ID) {
		return group, nil
	}
	channel := sch.Channel()
	n := s.counts.Value(channel)
	if sch.MaxPending > 0 && n >= sch.MaxPending {
		return "", store.ErrCapacity
	}
	sh := share{channel, sch.Owner()}
	if sh.owner != "" && sch.MaxOfOwner > 0 && s.owned.Value(sh) >= sch.MaxOfOwner {
		return "", store.ErrCapacity
	}
	sch.Group, sch.MaxPending, sch.MaxOfOwner = group, 0, 0
	j := &job{schedule: &sch}
	s.jobs.Set(sch.ID, j)
	s.counts.Set(channel, n+1)
	if sh.owner != "" {
		s.owned.Set(sh, s.owned.Value(sh)+1)
	}
	s.put(j)
	return group, nil
}

// put makes a job wait for its time, and the runners notice.
func (s *scheduler) put(j *job) {
	s.pending.put(j, j.schedule.Due)
	if first, _ := s.pending.first(); first != j {
		return
	}
	for r := range s.runners {
		r.wake()
	}
}

// find returns a job; s.mu must be held.
func (s *scheduler) find(in string, id ulid.ULID) (*job, error) {
	if j := s.jobs.Value(id); j != nil && in == group {
		return j, nil
	}
	return nil, store.ErrNotFound
}

// Cancel implements [store.Scheduler].
func (s *scheduler) Cancel(ctx context.Context, group string, id ulid.ULID) error {
	if err := canceled(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.find(group, id)
	if err != nil {
		return err
	}
	s.remove(j)
	return nil
}

func (s *scheduler) remove(j *job) {
	s.jobs.Delete(j.schedule.ID)
	s.pending.remove(j)
	countDown(&s.counts, j.schedule.Channel())
	countDown(&s.owned, share{j.schedule.Channel(), j.schedule.Owner()})
}

// countDown keeps no count of nothing.
func countDown[K comparable](counts *table.Map[K, int], k K) {
	if n := counts.Value(k); n > 1 {
		counts.Set(k, n-1)
	} else {
		counts.Delete(k)
	}
}

// Move implements [store.Scheduler].
func (s *scheduler) Move(ctx context.Context, group string, id ulid.ULID, due time.Time) error {
	if err := canceled(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.find(group, id)
	if err != nil {
		return err
	}
	moved := *j.schedule
	moved.Due = due
	j.schedule = &moved
	s.put(j)
	return nil
}

// Schedule implements [store.Scheduler].
func (s *scheduler) Schedule(ctx context.Context, group string, id ulid.ULID) (*store.Schedule, error) {
	if err := canceled(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.find(group, id)
	if err != nil {
		return nil, err
	}
	return j.schedule, nil
}

// Schedules implements [store.Scheduler]. It looks at every pending schedule.
func (s *scheduler) Schedules(ctx context.Context, q store.SchedulesRequest) (store.SchedulesResult, error) {
	if err := canceled(ctx); err != nil {
		return store.SchedulesResult{}, err
	}
	after := &store.Schedule{Due: q.AfterDue, ID: q.AfterID}
	var page []*store.Schedule
	s.mu.Lock()
	for _, j := range s.jobs.All() {
		sch := j.schedule
		if (q.Channel == "" || sch.Channel() == q.Channel) && compareSchedules(sch, after) > 0 {
			page = append(page, sch)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(page, compareSchedules)
	n := min(len(page), q.Limit)
	return store.SchedulesResult{Schedules: slices.Clone(page[:n]), More: n < len(page)}, nil
}

// fireNext fires the schedule that is due next, on behalf of a node. If none
// is due it returns false and when one will be, or never.
func (s *scheduler) fireNext(by *node) (fired store.Fired, ok bool, next time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := clock()
	j, ok := s.pending.first()
	if !ok {
		return fired, false, never
	}
	if !due(j.at, now) {
		return fired, false, j.at
	}
	sch := j.schedule
	c := s.store.lock(sch.Channel())
	defer c.unlock()
	if by.gone.Load() {
		return fired, false, never // It must not be told of an expiry any more.
	}
	s.remove(j)
	fired.Schedule = sch
	if sch.Publish != nil {
		fired.Publish = c.publish(now, sch.Publish)
	} else {
		fired.Set = c.set(now, sch.Set, by)
	}
	return fired, true, never
}
