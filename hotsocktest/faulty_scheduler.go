package hotsocktest

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// A faultyScheduler is one whose way to the store can be broken.
type faultyScheduler struct {
	store.Scheduler

	link *Link
}

func (s *faultyScheduler) pass(ctx context.Context) error {
	if err := s.link.await(ctx, false); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

func (s *faultyScheduler) Add(ctx context.Context, e store.Schedule) (string, error) {
	if err := s.pass(ctx); err != nil {
		return "", err
	}
	return s.Scheduler.Add(ctx, e)
}

func (s *faultyScheduler) Cancel(ctx context.Context, group string, id ulid.ULID) error {
	if err := s.pass(ctx); err != nil {
		return err
	}
	return s.Scheduler.Cancel(ctx, group, id)
}

func (s *faultyScheduler) Move(ctx context.Context, group string, id ulid.ULID, due time.Time) error {
	if err := s.pass(ctx); err != nil {
		return err
	}
	return s.Scheduler.Move(ctx, group, id, due)
}

func (s *faultyScheduler) Schedule(ctx context.Context, group string, id ulid.ULID) (*store.Schedule, error) {
	if err := s.pass(ctx); err != nil {
		return nil, err
	}
	return s.Scheduler.Schedule(ctx, group, id)
}

func (s *faultyScheduler) Schedules(ctx context.Context, q store.SchedulesRequest) (store.SchedulesResult, error) {
	if err := s.pass(ctx); err != nil {
		return store.SchedulesResult{}, err
	}
	return s.Scheduler.Schedules(ctx, q)
}
