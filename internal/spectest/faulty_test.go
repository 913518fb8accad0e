package spectest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// errBug is an error that no store may return, so that the handler has no
// better word for it than INTERNAL.
var errBug = errors.New("a bug of the store")

// A faultyStore fails as told, in what the documented operations need.
type faultyStore struct {
	store.Store

	scheduler store.Scheduler
	fault     atomic.Pointer[error]
	stuck     atomic.Bool // erasures get no further
}

func newFaultyStore(s store.Store) *faultyStore {
	f := &faultyStore{Store: s}
	f.scheduler = &faultyScheduler{s.Scheduler(), f}
	return f
}

// fail makes operations return err; with nil they work again.
func (s *faultyStore) fail(err error) {
	if err == nil {
		s.fault.Store(nil)
		return
	}
	s.fault.Store(&err)
}

func (s *faultyStore) err() error {
	if err := s.fault.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *faultyStore) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	n, err := s.Store.Join(ctx, r, o)
	if err != nil {
		return nil, err
	}
	return &faultyNode{n, s}, nil
}

func (s *faultyStore) Scheduler() store.Scheduler { return s.scheduler }

// unlessFaulty carries an operation out.
func unlessFaulty[A any](s *faultyStore, f func() (A, error)) (A, error) {
	if err := s.err(); err != nil {
		var none A
		return none, err
	}
	return f()
}

type faultyNode struct {
	store.Node

	faults *faultyStore
}

func (n *faultyNode) Publish(ctx context.Context, p store.PublishRequest) (store.PublishResult, error) {
	return unlessFaulty(n.faults, func() (store.PublishResult, error) { return n.Node.Publish(ctx, p) })
}

func (n *faultyNode) History(ctx context.Context, h store.HistoryRequest) (store.HistoryResult, error) {
	if n.faults.stuck.Load() {
		return store.HistoryResult{}, store.ErrUnavailable
	}
	return unlessFaulty(n.faults, func() (store.HistoryResult, error) { return n.Node.History(ctx, h) })
}

func (n *faultyNode) Count(ctx context.Context, c store.CountRequest) (int, error) {
	return unlessFaulty(n.faults, func() (int, error) { return n.Node.Count(ctx, c) })
}

func (n *faultyNode) Channel(ctx context.Context, channel string) (store.ChannelInfo, error) {
	return unlessFaulty(n.faults, func() (store.ChannelInfo, error) { return n.Node.Channel(ctx, channel) })
}

func (n *faultyNode) Set(ctx context.Context, s store.SetRequest) (store.SetResult, error) {
	return unlessFaulty(n.faults, func() (store.SetResult, error) { return n.Node.Set(ctx, s) })
}

func (n *faultyNode) Keys(ctx context.Context, k store.KeysRequest) (store.KeysResult, error) {
	if n.faults.stuck.Load() && k.Channel == "room" {
		return store.KeysResult{}, store.ErrUnavailable
	}
	return unlessFaulty(n.faults, func() (store.KeysResult, error) { return n.Node.Keys(ctx, k) })
}

func (n *faultyNode) Entries(ctx context.Context, e store.EntriesRequest) (store.EntriesResult, error) {
	return unlessFaulty(n.faults, func() (store.EntriesResult, error) { return n.Node.Entries(ctx, e) })
}

func (n *faultyNode) Erase(ctx context.Context, e store.EraseRequest) (store.EraseResult, error) {
	if n.faults.stuck.Load() && !e.Until.IsZero() {
		return store.EraseResult{}, store.ErrUnavailable
	}
	return unlessFaulty(n.faults, func() (store.EraseResult, error) { return n.Node.Erase(ctx, e) })
}

func (n *faultyNode) UpdateSubscription(ctx context.Context, u store.UpdateSubscriptionRequest) (*store.PresenceChange, error) {
	return unlessFaulty(n.faults, func() (*store.PresenceChange, error) { return n.Node.UpdateSubscription(ctx, u) })
}

func (n *faultyNode) Peers(ctx context.Context) ([]string, error) {
	return unlessFaulty(n.faults, func() ([]string, error) { return n.Node.Peers(ctx) })
}

func (n *faultyNode) Call(ctx context.Context, node string, request []byte) ([]byte, error) {
	return unlessFaulty(n.faults, func() ([]byte, error) { return n.Node.Call(ctx, node, request) })
}

type faultyScheduler struct {
	store.Scheduler

	faults *faultyStore
}

// Start gives the scheduler the node of its own store.
func (s *faultyScheduler) Start(ctx context.Context, n store.Node, fired func(store.Fired)) (func(), error) {
	return s.Scheduler.Start(ctx, n.(*faultyNode).Node, fired)
}

func (s *faultyScheduler) Schedule(ctx context.Context, group string, id ulid.ULID) (*store.Schedule, error) {
	return unlessFaulty(s.faults, func() (*store.Schedule, error) { return s.Scheduler.Schedule(ctx, group, id) })
}

func (s *faultyScheduler) Schedules(ctx context.Context, q store.SchedulesRequest) (store.SchedulesResult, error) {
	return unlessFaulty(s.faults, func() (store.SchedulesResult, error) { return s.Scheduler.Schedules(ctx, q) })
}

func (s *faultyScheduler) Cancel(ctx context.Context, group string, id ulid.ULID) error {
	if err := s.faults.err(); err != nil {
		return err
	}
	return s.Scheduler.Cancel(ctx, group, id)
}

func (s *faultyScheduler) Move(ctx context.Context, group string, id ulid.ULID, due time.Time) error {
	if err := s.faults.err(); err != nil {
		return err
	}
	return s.Scheduler.Move(ctx, group, id, due)
}
