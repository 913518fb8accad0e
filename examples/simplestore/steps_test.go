package simplestore

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/store/storetest"
)

// steps are the parts of package storetest, in the order in which the guide has
// them pass.
var steps = []string{
	"Messages", "History", "Subscriptions", "Presence", "Storage", "Replay", "Reactions", "Edits", "Erasure",
	"Nodes", "Schedules", "Calls",
}

// The guide has the same steps.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/writing-a-store.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, row := range regexp.MustCompile(`(?m)^\| \[\d+\].* \| ([^|]*) \|$`).FindAllStringSubmatch(string(guide), -1) {
		for _, part := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[1], -1) {
			named = append(named, part[1])
		}
	}
	if !slices.Equal(named, steps) {
		t.Errorf("the guide passes %q, want %q", named, steps)
	}
}

// Each step of the guide passes its part of the suite without the methods that only
// a later step adds.
func TestSteps(t *testing.T) {
	for i, step := range steps {
		t.Run(step, func(t *testing.T) {
			storetest.RunInBubble(t, func(t *testing.T) storetest.Harness {
				if part := strings.Split(t.Name(), "/")[2]; part != step {
					t.Skip("a part of another step")
				}
				return partialHarness{harness{New()}, i}
			})
		})
	}
}

// A partialHarness opens stores that have the methods of the steps so far.
type partialHarness struct {
	harness

	step int
}

func (h partialHarness) Open(*testing.T) store.Store { return partialStore(h) }

func (h partialHarness) Kill(t *testing.T, s store.Store, n store.Node) {
	h.harness.Kill(t, s, n.(partialNode).Node)
}

type partialStore partialHarness

func (s partialStore) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	n, err := s.harness.Join(ctx, r, o)
	if err != nil {
		return nil, err
	}
	return partialNode{n, s.step}, nil
}

func (s partialStore) Scheduler() store.Scheduler {
	if s.step < slices.Index(steps, "Schedules") {
		return nil
	}
	return partialScheduler{s.harness.Scheduler()}
}

// A partialScheduler gives the scheduler the node that it knows.
type partialScheduler struct{ store.Scheduler }

func (s partialScheduler) Start(ctx context.Context, n store.Node, fired func(store.Fired)) (func(), error) {
	return s.Scheduler.Start(ctx, n.(partialNode).Node, fired)
}

var errLater = errors.New("this method belongs to a later step")

// A partialNode fails where a method belongs to a later step.
type partialNode struct {
	store.Node

	step int
}

// has returns an error if a step is still to come.
func (n partialNode) has(step string) error {
	if n.step < slices.Index(steps, step) {
		return errLater
	}
	return nil
}

// call makes a call if its step is there.
func call[Q, A any](ctx context.Context, n partialNode, step string, f func(context.Context, Q) (A, error), q Q) (a A, err error) {
	if err := n.has(step); err != nil {
		return a, err
	}
	return f(ctx, q)
}

func (n partialNode) History(ctx context.Context, q store.HistoryRequest) (store.HistoryResult, error) {
	return call(ctx, n, "History", n.Node.History, q)
}

func (n partialNode) Subscribe(ctx context.Context, q store.SubscribeRequest) (store.SubscribeResult, error) {
	return call(ctx, n, "Subscriptions", n.Node.Subscribe, q)
}

func (n partialNode) UpdateSubscription(ctx context.Context, q store.UpdateSubscriptionRequest) (*store.PresenceChange, error) {
	return call(ctx, n, "Subscriptions", n.Node.UpdateSubscription, q)
}

func (n partialNode) Unsubscribe(ctx context.Context, u store.UnsubscribeRequest) (store.SubscriptionEnd, error) {
	if err := n.has("Subscriptions"); err != nil {
		return store.SubscriptionEnd{}, err
	}
	return n.Node.Unsubscribe(ctx, u)
}

func (n partialNode) Channel(ctx context.Context, channel string) (store.ChannelInfo, error) {
	return call(ctx, n, "Subscriptions", n.Node.Channel, channel)
}

func (n partialNode) Set(ctx context.Context, q store.SetRequest) (store.SetResult, error) {
	return call(ctx, n, "Storage", n.Node.Set, q)
}

func (n partialNode) Entries(ctx context.Context, q store.EntriesRequest) (store.EntriesResult, error) {
	return call(ctx, n, "Storage", n.Node.Entries, q)
}

func (n partialNode) Keys(ctx context.Context, q store.KeysRequest) (store.KeysResult, error) {
	return call(ctx, n, "Storage", n.Node.Keys, q)
}

func (n partialNode) Replay(ctx context.Context, q store.ReplayRequest) (store.ReplayResult, error) {
	return call(ctx, n, "Replay", n.Node.Replay, q)
}

func (n partialNode) Edit(ctx context.Context, q store.EditRequest) (store.EditResult, error) {
	return call(ctx, n, "Edits", n.Node.Edit, q)
}

func (n partialNode) React(ctx context.Context, q store.ReactRequest) (store.ReactResult, error) {
	return call(ctx, n, "Reactions", n.Node.React, q)
}

func (n partialNode) Tallies(ctx context.Context, q store.TalliesRequest) ([]store.Tally, error) {
	return call(ctx, n, "Reactions", n.Node.Tallies, q)
}

func (n partialNode) Reactions(ctx context.Context, q store.ReactionsRequest) (store.ReactionsResult, error) {
	return call(ctx, n, "Reactions", n.Node.Reactions, q)
}

func (n partialNode) Erase(ctx context.Context, q store.EraseRequest) (store.EraseResult, error) {
	return call(ctx, n, "Erasure", n.Node.Erase, q)
}

func (n partialNode) UseToken(ctx context.Context, token string, until time.Time) (bool, error) {
	if err := n.has("Nodes"); err != nil {
		return false, err
	}
	return n.Node.UseToken(ctx, token, until)
}

func (n partialNode) Peers(ctx context.Context) ([]string, error) {
	if err := n.has("Nodes"); err != nil {
		return nil, err
	}
	return n.Node.Peers(ctx)
}
