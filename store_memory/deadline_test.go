package storememory

import (
	"context"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// A machine that is too busy to begin a call in time carries it out late rather
// than never.
func TestDeadlineIsNoFault(t *testing.T) {
	n, _ := joined(t, New(), store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: 10, NodeTimeout: time.Minute})
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, subscribe := n.Subscribe(ctx, store.SubscribeRequest{Channel: "c", Connection: "1", Counted: true})
	_, publish := n.Publish(ctx, store.PublishRequest{Channel: "c", Event: "e"})
	_, channel := n.Channel(ctx, "c")
	_, schedules := n.store.Scheduler().Schedules(ctx, store.SchedulesRequest{Limit: 1})
	for what, err := range map[string]error{
		"Subscribe": subscribe, "Publish": publish, "Channel": channel, "Schedules": schedules, "Ready": n.Ready(ctx),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
