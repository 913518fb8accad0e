package storememory

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

var defaults = store.JoinOptions{ReplayWindow: 2 * time.Minute, ReplayLimit: 1000, NodeTimeout: 10 * time.Second}

// A checked context tells when it was looked at, which is the last thing that
// an operation does before it waits for its channel.
type checked struct {
	context.Context
	at chan<- struct{}
}

func (c checked) Err() error {
	c.at <- struct{}{}
	return c.Context.Err()
}

// TestEndOvertakes ends a node whose Subscribe, Watch and Set wait for the
// channel: they must not come through after the end has cleaned up.
func TestEndOvertakes(t *testing.T) {
	s := New()
	n, _ := joined(t, s, defaults)
	c := s.lock("c")
	at := make(chan struct{})
	ctx := checked{t.Context(), at}
	operations := map[string]func() error{
		"Subscribe": func() error {
			_, err := n.Subscribe(ctx, store.SubscribeRequest{Channel: "c", Connection: "1"})
			return err
		},
		"Watch": func() error { return n.Watch(ctx, "c") },
		"WatchCount": func() error {
			_, err := n.WatchCount(ctx, "c")
			return err
		},
		"Set": func() error {
			_, err := n.Set(ctx, store.SetRequest{Channel: "c", Key: "k", Value: []byte("1"), Retention: store.Forever})
			return err
		},
	}
	var wg sync.WaitGroup
	for what, do := range operations {
		wg.Go(func() {
			if err := do(); !errors.Is(err, errGone) {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	for range operations {
		<-at
	}
	n.end()
	c.unlock()
	wg.Wait()
}

// answerer is a receiver with a Call.
type answerer struct {
	counting
	call func(ctx context.Context, request []byte) ([]byte, error)
}

func (a *answerer) Call(ctx context.Context, request []byte) ([]byte, error) {
	return a.call(ctx, request)
}

func TestLeaveEndsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		n, _ := joined(t, s, defaults)
		ended := false
		peer, err := s.Join(t.Context(), &answerer{call: func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			time.Sleep(time.Second) // Leave waits for the rest.
			ended = true
			return nil, ctx.Err()
		}}, defaults)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := n.Call(t.Context(), peer.ID(), nil); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("Call: %v", err)
			}
		})
		synctest.Wait()
		if err := peer.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		if !ended {
			t.Error("Leave returned while a call was under way")
		}
		wg.Wait()
	})
}

// wrapped is a node as a host may decorate it.
type wrapped struct{ store.Node }

func TestSchedulerStartsWithAWrappedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		n, _ := joined(t, s, defaults)
		var fired atomic.Int32
		stop, err := s.Scheduler().Start(t.Context(), wrapped{n}, func(store.Fired) { fired.Add(1) })
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Scheduler().Add(t.Context(), store.Schedule{
			Due: time.Now().Add(time.Hour), Publish: &store.PublishRequest{Channel: "c", Event: "e"},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Nanosecond)
		synctest.Wait()
		if fired.Load() != 0 {
			t.Error("fired early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n := fired.Load(); n != 1 {
			t.Errorf("fired %d times when it was due", n)
		}
		stop()
	})
}

func TestSchedulerRefusesAStranger(t *testing.T) {
	other, _ := joined(t, New(), defaults)
	s := New()
	left, _ := joined(t, s, defaults)
	if err := left.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	for why, n := range map[string]store.Node{"a node of another store": other, "a node that has left": left} {
		_, err := s.Scheduler().Start(t.Context(), n, func(store.Fired) {})
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// TestQuietChannelKnowsItsNewestItem: as long as a channel exists, a client
// that has seen its newest item has missed nothing, however old that is.
func TestQuietChannelKnowsItsNewestItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		n, _ := joined(t, s, defaults)
		sub, err := n.Subscribe(t.Context(), store.SubscribeRequest{
			Channel: "c", Connection: "1", UID: "Jim", Presence: true, MaxMembersSize: 1000,
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		got, err := n.Replay(t.Context(), store.ReplayRequest{Channel: "c", After: sub.Position, Until: sub.Position, Limit: 1, MaxBytes: 1 << 20})
		if err != nil || !got.Complete {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}
