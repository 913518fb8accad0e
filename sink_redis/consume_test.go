package sinkredis

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
)

// quick are options under which things happen soon.
func quick(consumer string) ConsumeOptions {
	return ConsumeOptions{Consumer: consumer, ClaimAfter: 500 * time.Millisecond, RetryAfter: 20 * time.Millisecond, Concurrency: 4}
}

// setUp starts a server and writes n events.
func setUp(t *testing.T, n int) (*redistest.Server, *redis.Client) {
	t.Helper()
	server := redistest.StartServer(t, "--appendonly", "yes", "--appendfsync", "always")
	client := server.Client()
	s := newSink(t, client, Options{})
	write(t, s, 0, n)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	return server, client
}

// Alone and with one event at a time, a worker gets them in order.
func TestOrder(t *testing.T) {
	_, client := setUp(t, 200)
	w := startWorker(t, client, ConsumeOptions{}, nil)
	awaitAll(t, 200, w)
	var got []string
	for _, d := range w.deliveries() {
		got = append(got, d.Event.ID)
	}
	if diff := cmp.Diff(numbers(0, 200), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The workers of a group share the events; every group gets all. Those that end
// leave nothing behind.
func TestGroups(t *testing.T) {
	_, client := setUp(t, 300)
	a1, a2 := startWorker(t, client, quick("1"), nil), startWorker(t, client, quick("2"), nil)
	o := quick("1")
	o.Group = "others"
	b := startWorker(t, client, o, nil)
	awaitAll(t, 300, a1, a2)
	awaitAll(t, 300, b)
	awaitIdle(t, client, stream, "workers")
	if n := len(a1.deliveries()) + len(a2.deliveries()); n != 300 {
		t.Errorf("the group was handed %d", n)
	}
	a1.end()
	left, err := client.XInfoConsumers(t.Context(), stream, "workers").Result()
	if err != nil || len(left) != 1 || left[0].Name != "2" {
		t.Errorf("consumers: %+v, %v", left, err)
	}
}

// A handler that takes long keeps its event, however short the others' patience.
func TestLongHandler(t *testing.T) {
	_, client := setUp(t, 1)
	release := make(chan struct{})
	var handled atomic.Int32
	slow := func(ctx context.Context, _ Delivery) error {
		handled.Add(1)
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	startWorker(t, client, quick("1"), slow)
	startWorker(t, client, quick("2"), slow)
	await.That(t, "the first", func() bool { return handled.Load() > 0 })
	// That is four times as long as it takes to claim.
	await.While(t, 2*time.Second, "the first worker's claim", func() bool {
		pending, err := client.XPendingExt(t.Context(), &redis.XPendingExtArgs{Stream: stream, Group: "workers", Start: "-", End: "+", Count: 9}).Result()
		if err != nil || len(pending) != 1 || pending[0].RetryCount != 1 {
			t.Fatalf("pending: %+v, %v", pending, err)
		}
		return true
	})
	close(release)
	awaitIdle(t, client, stream, "workers")
	if n := handled.Load(); n != 1 {
		t.Errorf("it was handled %d times", n)
	}
}

// What fails is tried again, later each time, and then moved aside with the
// reason; the others go on. Panics are failures.
func TestPoison(t *testing.T) {
	_, client := setUp(t, 20)
	o := quick("1")
	o.MaxAttempts = 3
	w := startWorker(t, client, o, func(_ context.Context, d Delivery) error {
		switch {
		case d.Event.ID == "7":
			panic("poison")
		case d.Event.ID == "9" && d.Attempt < 3:
			return errTest
		}
		return nil
	})
	awaitAll(t, 20, w)
	const dead = "{" + stream + "}:dead"
	await.That(t, "the dead one", func() bool { return client.XLen(t.Context(), dead).Val() == 1 })
	awaitIdle(t, client, stream, "workers")
	e := client.XRange(t.Context(), dead, "-", "+").Val()[0].Values
	got := map[string]any{"id": e["id"], "error": e["error"], "attempts": e["attempts"], "group": e["group"], "type": e["type"]}
	want := map[string]any{"id": "7", "error": "panic: poison", "attempts": "3", "group": "workers", "type": "hotsock.channelUpdated"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the dead one (-want +got):\n%s", diff)
	}
	if original := client.XRange(t.Context(), stream, e["entry"].(string), e["entry"].(string)).Val(); len(original) != 1 || original[0].Values["event"] != e["event"] {
		t.Errorf("its entry is %v", original)
	}
	for _, id := range []string{"7", "9"} {
		var attempts []int
		for _, d := range w.deliveries() {
			if d.Event.ID == id {
				attempts = append(attempts, d.Attempt)
			}
		}
		if !slices.Equal(attempts, []int{1, 2, 3}) {
			t.Errorf("%s was tried as %v", id, attempts)
		}
	}
}

func TestRetryDelay(t *testing.T) {
	c := consumer{opts: ConsumeOptions{RetryAfter: time.Second, ClaimAfter: 10 * time.Second}}
	var got []time.Duration
	for _, attempt := range []int{1, 2, 3, 4, 5, 1000} {
		got = append(got, c.retryDelay(attempt)/time.Second)
	}
	if want := []time.Duration{1, 2, 4, 8, 10, 10}; !slices.Equal(got, want) {
		t.Errorf("delays are %v s", got)
	}
}

// What is no event is moved aside without bothering the handler.
func TestNotAnEvent(t *testing.T) {
	_, client := setUp(t, 1)
	client.XAdd(t.Context(), &redis.XAddArgs{Stream: stream, Values: []string{"event", "{"}})
	client.XAdd(t.Context(), &redis.XAddArgs{Stream: stream, Values: []string{"foreign", "1"}})
	w := startWorker(t, client, quick("1"), nil)
	await.That(t, "the dead ones", func() bool { return client.XLen(t.Context(), "{"+stream+"}:dead").Val() == 2 })
	awaitAll(t, 1, w)
	awaitIdle(t, client, stream, "workers")
}

// A worker that is to end finishes what it does. What takes too long is cut off,
// goes to others at once, and does not count as an attempt.
func TestStop(t *testing.T) {
	_, client := setUp(t, 2)
	o := quick("1")
	o.ClaimAfter = time.Hour
	o.Grace = 300 * time.Millisecond
	started := make(chan struct{}, 2)
	finish := make(chan struct{})
	w := startWorker(t, client, o, func(ctx context.Context, d Delivery) error {
		started <- struct{}{}
		if d.Event.ID == "0" {
			<-finish
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	})
	<-started
	<-started
	w.stop()
	close(finish)
	w.end()
	o.Consumer = "2"
	next := startWorker(t, client, o, nil)
	await.That(t, "what was cut off", func() bool { return len(next.deliveries()) == 1 })
	if d := next.deliveries()[0]; d.Event.ID != "1" || d.Attempt != 1 {
		t.Errorf("delivered %+v", d)
	}
	awaitIdle(t, client, stream, "workers")
}

// Redis is killed and comes back, with its data and without. No event that it
// has is left out.
func TestRedisRestarts(t *testing.T) {
	server, client := setUp(t, 100)
	var handled atomic.Int32
	killed := make(chan struct{})
	w := startWorker(t, client, quick("1"), func(context.Context, Delivery) error {
		if handled.Add(1) > 10 { // so that it happens in the middle
			<-killed
		}
		return nil
	})
	await.That(t, "the first", func() bool { return len(w.deliveries()) > 10 })
	server.Kill()
	close(killed)
	server.Start()
	awaitAll(t, 100, w)
	awaitIdle(t, client, stream, "workers")

	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s := newSink(t, client, Options{})
	write(t, s, 100, 120)
	awaitAll(t, 120, w)
	awaitIdle(t, client, stream, "workers")
}

// On a cluster all keys are in one slot, whatever the stream is called, and its
// master may go.
func TestCluster(t *testing.T) {
	cluster := redistest.StartCluster(t)
	client := cluster.Client()
	s := newSink(t, client, Options{})
	o := quick("1")
	o.MaxAttempts = 1
	w := startWorker(t, client, o, func(_ context.Context, d Delivery) error {
		if d.Event.ID == "3" {
			return errTest
		}
		return nil
	})
	write(t, s, 0, 500)
	awaitAll(t, 500, w)
	awaitIdle(t, client, stream, "workers")
	if n := client.XLen(t.Context(), "{"+stream+"}:dead").Val(); n != 1 {
		t.Errorf("%d dead", n)
	}
	cluster.Master(stream).Kill()
	write(t, s, 500, 1000)
	awaitAll(t, 1000, w)
	for _, name := range []string{"a", "a{b}c", "{a}", "x{a}{b}"} {
		k, err := newKeys(name)
		if err != nil {
			t.Fatal(err)
		}
		slots := make(map[int64]bool)
		for _, key := range []string{k.stream, k.dead(), k.writer("w")} {
			slots[client.ClusterKeySlot(t.Context(), key).Val()] = true
		}
		if len(slots) != 1 {
			t.Errorf("%s: %s", name, fmt.Sprint(slots))
		}
	}
}
