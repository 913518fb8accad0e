package storememory

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// told is a receiver that counts what it is told of counts.
type told struct {
	counting
	times int
}

func (r *told) CountChanged(string) { r.times++ }

// TestWatchCountIsToldOnce asks twice: the node is told once, of the first change, and of
// nothing that leaves the count as it is.
func TestWatchCountIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		ctx := context.Background()
		other, _ := joined(t, s, defaults)
		r := &told{counting: counting{items: make(map[string]int)}}
		joinedNode, err := s.Join(ctx, r, defaults)
		if err != nil {
			t.Fatal(err)
		}
		n := joinedNode.(*node)
		ask := func(want int) {
			t.Helper()
			if got, err := n.WatchCount(ctx, "c"); err != nil || got != want {
				t.Errorf("the count is %d, want %d (%v)", got, want, err)
			}
		}
		subscribe := func(connection string, counted bool) {
			t.Helper()
			if _, err := other.Subscribe(ctx, store.SubscribeRequest{Channel: "c", Connection: connection, Counted: counted}); err != nil {
				t.Fatal(err)
			}
		}
		ask(0)
		ask(0)
		time.Sleep(2 * sweepEvery) // The channel has nothing but who asks, and stays.
		for _, step := range []struct {
			why  string
			do   func()
			want int // how often it has been told
		}{
			{"a subscription that is not counted", func() { subscribe("quiet", false) }, 0},
			{"the first that is", func() { subscribe("1", true) }, 1},
			{"the second, before it asks again", func() { subscribe("2", true) }, 1},
			{"the second once more", func() { ask(2); subscribe("2", true) }, 1},
			{"one that is counted no more", func() { subscribe("2", false) }, 2},
		} {
			if step.do(); r.times != step.want {
				t.Errorf("%s: the node has been told %d times, want %d", step.why, r.times, step.want)
			}
		}
		ask(1)
		if err := n.Leave(ctx); err != nil {
			t.Fatal(err)
		}
		was := r.times
		subscribe("3", true)
		if r.times != was {
			t.Error("a node that has left is told of a count")
		}
		if _, err := n.WatchCount(ctx, "c"); err == nil {
			t.Error("a node that has left is answered")
		}
		for _, connection := range []string{"quiet", "1", "2", "3"} {
			if _, err := other.Unsubscribe(ctx, store.UnsubscribeRequest{Channel: "c", Connection: connection}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * defaults.ReplayWindow) // The channel's position is kept for that long.
		nothing(t, s)
	})
}
