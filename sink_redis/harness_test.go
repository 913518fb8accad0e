package sinkredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

// patience is how long anything may take on a busy machine.
const patience = 30 * time.Second

func newSink(t *testing.T, client redis.UniversalClient, o Options) *Sink {
	t.Helper()
	s, err := New(client, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(ctx)
	})
	return s
}

// event is the nth, which its id says.
func event(n int) hotsock.Event {
	return hotsock.Event{
		Source: "hotsock.v1", Type: hotsock.EventChannelUpdated, DataType: "channel", ID: strconv.Itoa(n),
		Data: hotsock.EventChannelData{Name: "room", SubscriptionsCount: n},
	}
}

// write hands events to the sink and waits until it has written them all.
func write(t *testing.T, s *Sink, from, to int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for n := from; n < to; n++ {
		if err := s.HandleEvent(ctx, event(n)); err != nil {
			t.Fatalf("event %d: %v", n, err)
		}
	}
}

// ids are those of the events in a stream.
func ids(t *testing.T, client redis.UniversalClient, stream string) []string {
	t.Helper()
	entries, err := client.XRange(t.Context(), stream, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Values["id"].(string))
	}
	return out
}

func numbers(from, to int) (out []string) {
	for n := from; n < to; n++ {
		out = append(out, strconv.Itoa(n))
	}
	return out
}

// A worker is a running [Consume] that keeps what it was handed.
type worker struct {
	t    *testing.T
	stop context.CancelFunc
	done chan struct{}

	mu  sync.Mutex
	got []Delivery
}

// startWorker runs one until the test ends, or it is stopped. A nil handler
// finds everything good.
func startWorker(t *testing.T, client redis.UniversalClient, o ConsumeOptions, handle func(context.Context, Delivery) error) *worker {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{t: t, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		err := Consume(ctx, client, o, func(ctx context.Context, d Delivery) error {
			w.mu.Lock()
			w.got = append(w.got, d)
			w.mu.Unlock()
			if handle == nil {
				return nil
			}
			return handle(ctx, d)
		})
		if err != nil {
			t.Errorf("Consume: %v", err)
		}
	}()
	t.Cleanup(w.end)
	return w
}

// end stops the worker and waits for it.
func (w *worker) end() {
	w.t.Helper()
	w.stop()
	select {
	case <-w.done:
	case <-time.After(patience):
		w.t.Error("the worker does not end")
	}
}

func (w *worker) deliveries() []Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got)
}

// awaitAll waits until the workers together were handed events 0 to n.
func awaitAll(t *testing.T, n int, workers ...*worker) {
	t.Helper()
	await.That(t, fmt.Sprintf("all of %d events", n), func() bool {
		seen := make(map[string]bool)
		for _, w := range workers {
			for _, d := range w.deliveries() {
				seen[d.Event.ID] = true
			}
		}
		return len(seen) == n
	})
}

// awaitIdle waits until nothing is pending in the group.
func awaitIdle(t *testing.T, client redis.UniversalClient, stream, group string) {
	t.Helper()
	await.That(t, "nothing pending", func() bool {
		p, err := client.XPending(t.Context(), stream, group).Result()
		return err == nil && p.Count == 0
	})
}

var errTest = errors.New("no")
