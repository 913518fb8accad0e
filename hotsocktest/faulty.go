package hotsocktest

import (
	"context"
	"fmt"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// A faultyNode is a node whose way to the store can be broken: a store in
// memory has no network of its own that could be.
type faultyNode struct {
	store.Node

	link *Link
}

// pass waits while the link is frozen.
func (n *faultyNode) pass(ctx context.Context) error {
	if err := n.link.await(ctx, false); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

// through carries an operation out, if the link lets it pass.
func through[Q, A any](ctx context.Context, n *faultyNode, f func(context.Context, Q) (A, error), q Q) (A, error) {
	if err := n.pass(ctx); err != nil {
		var zero A
		return zero, err
	}
	return f(ctx, q)
}

func (n *faultyNode) Ready(ctx context.Context) error {
	if err := n.pass(ctx); err != nil {
		return err
	}
	return n.Node.Ready(ctx)
}

func (n *faultyNode) Publish(ctx context.Context, p store.PublishRequest) (store.PublishResult, error) {
	return through(ctx, n, n.Node.Publish, p)
}

func (n *faultyNode) History(ctx context.Context, h store.HistoryRequest) (store.HistoryResult, error) {
	return through(ctx, n, n.Node.History, h)
}

func (n *faultyNode) Count(ctx context.Context, c store.CountRequest) (int, error) {
	return through(ctx, n, n.Node.Count, c)
}

func (n *faultyNode) Replay(ctx context.Context, r store.ReplayRequest) (store.ReplayResult, error) {
	return through(ctx, n, n.Node.Replay, r)
}

func (n *faultyNode) Edit(ctx context.Context, e store.EditRequest) (store.EditResult, error) {
	return through(ctx, n, n.Node.Edit, e)
}

func (n *faultyNode) React(ctx context.Context, r store.ReactRequest) (store.ReactResult, error) {
	return through(ctx, n, n.Node.React, r)
}

func (n *faultyNode) Tallies(ctx context.Context, t store.TalliesRequest) ([]store.Tally, error) {
	return through(ctx, n, n.Node.Tallies, t)
}

func (n *faultyNode) Reactions(ctx context.Context, r store.ReactionsRequest) (store.ReactionsResult, error) {
	return through(ctx, n, n.Node.Reactions, r)
}

func (n *faultyNode) Watch(ctx context.Context, channel string) error {
	if err := n.pass(ctx); err != nil {
		return err
	}
	return n.Node.Watch(ctx, channel)
}

func (n *faultyNode) Subscribe(ctx context.Context, s store.SubscribeRequest) (store.SubscribeResult, error) {
	return through(ctx, n, n.Node.Subscribe, s)
}

func (n *faultyNode) Unsubscribe(ctx context.Context, u store.UnsubscribeRequest) (store.SubscriptionEnd, error) {
	return through(ctx, n, n.Node.Unsubscribe, u)
}

func (n *faultyNode) UpdateSubscription(ctx context.Context, u store.UpdateSubscriptionRequest) (*store.PresenceChange, error) {
	return through(ctx, n, n.Node.UpdateSubscription, u)
}

func (n *faultyNode) WatchCount(ctx context.Context, channel string) (int, error) {
	return through(ctx, n, n.Node.WatchCount, channel)
}

func (n *faultyNode) Channel(ctx context.Context, channel string) (store.ChannelInfo, error) {
	return through(ctx, n, n.Node.Channel, channel)
}

func (n *faultyNode) Set(ctx context.Context, s store.SetRequest) (store.SetResult, error) {
	return through(ctx, n, n.Node.Set, s)
}

func (n *faultyNode) Entries(ctx context.Context, e store.EntriesRequest) (store.EntriesResult, error) {
	return through(ctx, n, n.Node.Entries, e)
}

func (n *faultyNode) Keys(ctx context.Context, k store.KeysRequest) (store.KeysResult, error) {
	return through(ctx, n, n.Node.Keys, k)
}

func (n *faultyNode) Erase(ctx context.Context, e store.EraseRequest) (store.EraseResult, error) {
	return through(ctx, n, n.Node.Erase, e)
}

func (n *faultyNode) AddConnection(ctx context.Context, c store.Connection) error {
	if err := n.pass(ctx); err != nil {
		return err
	}
	return n.Node.AddConnection(ctx, c)
}

func (n *faultyNode) RemoveConnection(ctx context.Context, id string) error {
	if err := n.pass(ctx); err != nil {
		return err
	}
	return n.Node.RemoveConnection(ctx, id)
}

func (n *faultyNode) UseToken(ctx context.Context, token string, until time.Time) (bool, error) {
	if err := n.pass(ctx); err != nil {
		return false, err
	}
	return n.Node.UseToken(ctx, token, until)
}

func (n *faultyNode) Peers(ctx context.Context) ([]string, error) {
	if err := n.pass(ctx); err != nil {
		return nil, err
	}
	return n.Node.Peers(ctx)
}

func (n *faultyNode) Call(ctx context.Context, node string, request []byte) ([]byte, error) {
	if err := n.pass(ctx); err != nil {
		return nil, err
	}
	return n.Node.Call(ctx, node, request)
}
