package hotsock

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// storeMetrics count the calls of the store, and have them observed.
type storeMetrics struct {
	counts   *counts
	observer *safeObserver
}

// begin returns nil for the operation if nobody observes it.
func (m storeMetrics) begin(ctx context.Context, name, channel string) (context.Context, *Operation) {
	m.counts.storeCalls.Add(1)
	if !m.observer.on() {
		return ctx, nil
	}
	o := &Operation{Kind: OperationStore, Name: name, Channel: channel}
	return m.observer.begin(ctx, o), o
}

func (m storeMetrics) end(ctx context.Context, o *Operation, err error) {
	if err != nil && errors.Is(err, store.ErrUnavailable) {
		m.counts.storeUnavailable.Add(1)
	}
	if o != nil {
		m.observer.end(ctx, o, err)
	}
}

// A measuredNode is the store's node with its calls measured.
type measuredNode struct {
	store.Node
	storeMetrics
}

func (n *measuredNode) Publish(ctx context.Context, p store.PublishRequest) (store.PublishResult, error) {
	ctx, o := n.begin(ctx, "Publish", p.Channel)
	r, err := n.Node.Publish(ctx, p)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) History(ctx context.Context, q store.HistoryRequest) (store.HistoryResult, error) {
	ctx, o := n.begin(ctx, "History", q.Channel)
	r, err := n.Node.History(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Count(ctx context.Context, q store.CountRequest) (int, error) {
	ctx, o := n.begin(ctx, "Count", q.Channel)
	r, err := n.Node.Count(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Replay(ctx context.Context, q store.ReplayRequest) (store.ReplayResult, error) {
	ctx, o := n.begin(ctx, "Replay", q.Channel)
	r, err := n.Node.Replay(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Edit(ctx context.Context, q store.EditRequest) (store.EditResult, error) {
	ctx, o := n.begin(ctx, "Edit", q.Channel)
	r, err := n.Node.Edit(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) React(ctx context.Context, q store.ReactRequest) (store.ReactResult, error) {
	ctx, o := n.begin(ctx, "React", q.Channel)
	r, err := n.Node.React(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Tallies(ctx context.Context, q store.TalliesRequest) ([]store.Tally, error) {
	ctx, o := n.begin(ctx, "Tallies", q.Channel)
	r, err := n.Node.Tallies(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Reactions(ctx context.Context, q store.ReactionsRequest) (store.ReactionsResult, error) {
	ctx, o := n.begin(ctx, "Reactions", q.Channel)
	r, err := n.Node.Reactions(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Watch(ctx context.Context, channel string) error {
	ctx, o := n.begin(ctx, "Watch", channel)
	err := n.Node.Watch(ctx, channel)
	n.end(ctx, o, err)
	return err
}

func (n *measuredNode) Subscribe(ctx context.Context, q store.SubscribeRequest) (store.SubscribeResult, error) {
	ctx, o := n.begin(ctx, "Subscribe", q.Channel)
	r, err := n.Node.Subscribe(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Unsubscribe(ctx context.Context, q store.UnsubscribeRequest) (store.SubscriptionEnd, error) {
	ctx, o := n.begin(ctx, "Unsubscribe", q.Channel)
	r, err := n.Node.Unsubscribe(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) UpdateSubscription(ctx context.Context, q store.UpdateSubscriptionRequest) (*store.PresenceChange, error) {
	ctx, o := n.begin(ctx, "UpdateSubscription", q.Channel)
	r, err := n.Node.UpdateSubscription(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) WatchCount(ctx context.Context, channel string) (int, error) {
	ctx, o := n.begin(ctx, "WatchCount", channel)
	r, err := n.Node.WatchCount(ctx, channel)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Channel(ctx context.Context, channel string) (store.ChannelInfo, error) {
	ctx, o := n.begin(ctx, "Channel", channel)
	r, err := n.Node.Channel(ctx, channel)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Set(ctx context.Context, q store.SetRequest) (store.SetResult, error) {
	ctx, o := n.begin(ctx, "Set", q.Channel)
	r, err := n.Node.Set(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Entries(ctx context.Context, q store.EntriesRequest) (store.EntriesResult, error) {
	ctx, o := n.begin(ctx, "Entries", q.Channel)
	r, err := n.Node.Entries(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Keys(ctx context.Context, q store.KeysRequest) (store.KeysResult, error) {
	ctx, o := n.begin(ctx, "Keys", q.Channel)
	r, err := n.Node.Keys(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Erase(ctx context.Context, q store.EraseRequest) (store.EraseResult, error) {
	ctx, o := n.begin(ctx, "Erase", q.Channel)
	r, err := n.Node.Erase(ctx, q)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) AddConnection(ctx context.Context, q store.Connection) error {
	ctx, o := n.begin(ctx, "AddConnection", "")
	err := n.Node.AddConnection(ctx, q)
	n.end(ctx, o, err)
	return err
}

func (n *measuredNode) RemoveConnection(ctx context.Context, id string) error {
	ctx, o := n.begin(ctx, "RemoveConnection", "")
	err := n.Node.RemoveConnection(ctx, id)
	n.end(ctx, o, err)
	return err
}

func (n *measuredNode) UseToken(ctx context.Context, token string, until time.Time) (bool, error) {
	ctx, o := n.begin(ctx, "UseToken", "")
	r, err := n.Node.UseToken(ctx, token, until)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Peers(ctx context.Context) ([]string, error) {
	ctx, o := n.begin(ctx, "Peers", "")
	r, err := n.Node.Peers(ctx)
	n.end(ctx, o, err)
	return r, err
}

func (n *measuredNode) Call(ctx context.Context, node string, request []byte) ([]byte, error) {
	ctx, o := n.begin(ctx, "Call", "")
	r, err := n.Node.Call(ctx, node, request)
	n.end(ctx, o, err)
	return r, err
}

// A measuredScheduler is the scheduler with its calls measured.
type measuredScheduler struct {
	store.Scheduler
	storeMetrics
}

func (s *measuredScheduler) Add(ctx context.Context, q store.Schedule) (string, error) {
	ctx, o := s.begin(ctx, "AddSchedule", q.Channel())
	r, err := s.Scheduler.Add(ctx, q)
	s.end(ctx, o, err)
	return r, err
}

func (s *measuredScheduler) Cancel(ctx context.Context, group string, id ulid.ULID) error {
	ctx, o := s.begin(ctx, "CancelSchedule", "")
	err := s.Scheduler.Cancel(ctx, group, id)
	s.end(ctx, o, err)
	return err
}

func (s *measuredScheduler) Move(ctx context.Context, group string, id ulid.ULID, due time.Time) error {
	ctx, o := s.begin(ctx, "MoveSchedule", "")
	err := s.Scheduler.Move(ctx, group, id, due)
	s.end(ctx, o, err)
	return err
}

func (s *measuredScheduler) Schedule(ctx context.Context, group string, id ulid.ULID) (*store.Schedule, error) {
	ctx, o := s.begin(ctx, "Schedule", "")
	r, err := s.Scheduler.Schedule(ctx, group, id)
	s.end(ctx, o, err)
	return r, err
}

func (s *measuredScheduler) Schedules(ctx context.Context, q store.SchedulesRequest) (store.SchedulesResult, error) {
	ctx, o := s.begin(ctx, "Schedules", q.Channel)
	r, err := s.Scheduler.Schedules(ctx, q)
	s.end(ctx, o, err)
	return r, err
}
