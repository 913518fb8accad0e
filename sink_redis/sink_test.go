package sinkredis

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
)

const stream = "hotsock:events" // the default

// What the handler tells is in the stream when everything is shut down, in
// order, and can be read again.
func TestHandler(t *testing.T) {
	client := redistest.StartServer(t).Client()
	s := newSink(t, client, Options{})
	var want []string
	rt, err := hotsock.New(hotsock.Options{
		Keys: []hotsock.Key{{Algorithm: hotsock.HS256, Secret: []byte(strings.Repeat("k", 32))}},
		Events: hotsock.EventSinks(s, hotsock.EventSinkFunc(func(_ context.Context, e hotsock.Event) error {
			want = append(want, e.ID)
			return nil
		})),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	const total = 600 // more than two batches
	for range total {
		if _, err := rt.Publish(t.Context(), hotsock.Message{Channel: "c", Event: "e", Data: 1, EmitEvent: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := rt.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, ids(t, client, stream)); diff != "" || len(want) != total {
		t.Errorf("%d events (-handed out +written):\n%s", len(want), diff)
	}
	if err := s.HandleEvent(t.Context(), event(1)); !errors.Is(err, ErrShutdown) {
		t.Errorf("after the shutdown: %v", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("a second shutdown: %v", err)
	}
	w := startWorker(t, client, ConsumeOptions{Concurrency: 4}, nil)
	awaitAll(t, total, w)
	d := w.deliveries()[0]
	if m, ok := d.Event.Data.(hotsock.EventMessageData); !ok || string(m.Data) != "1" || d.Attempt != 1 {
		t.Errorf("delivered %+v", d)
	}
}

// Answers get lost, links break, and Redis is started again with what it saved:
// every event is in the stream, once, in its place.
func TestOnceUnderRetries(t *testing.T) {
	server := redistest.StartServer(t, "--appendonly", "yes", "--appendfsync", "always")
	proxy := redistest.NewProxy(t, server.Addr)
	client := redis.NewClient(&redis.Options{Addr: proxy.Addr, MaxRetries: -1})
	defer client.Close()
	s := newSink(t, client, Options{})
	const total = 5000
	for n := 0; n < total; n += 100 {
		switch n / 100 % 10 {
		case 3, 6, 9:
			proxy.CutAnswers(n/100 + 1)
		case 4:
			proxy.Reset()
		case 5:
			if n == 2500 {
				server.Kill()
				server.Start()
			}
		}
		write(t, s, n, n+100)
	}
	proxy.Heal()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbers(0, total), ids(t, server.Client(), stream)); diff != "" {
		t.Errorf("events (-want +in the stream):\n%s", diff)
	}
}

// The script is what makes it once: what is sent again, in whole or in part, is
// not added again.
func TestAppendAgain(t *testing.T) {
	client := redistest.StartServer(t).Client()
	for _, tt := range []struct {
		first int
		ids   string
		added int
		why   string
	}{
		{1, "a b c", 3, "new"},
		{1, "a b c", 0, "all known"},
		{2, "b c d", 1, "known in part"},
		{1, "a b", 0, "a try that comes late"},
		{5, "e", 1, "new again"},
	} {
		args := []any{100, 60_000, tt.first}
		for id := range strings.FieldsSeq(tt.ids) {
			args = append(args, id, "t", "{}")
		}
		if n, err := appendScript.Run(t.Context(), client, []string{"s", "w"}, args...).Int(); n != tt.added || err != nil {
			t.Errorf("%s: added %d, want %d, err = %v", tt.why, n, tt.added, err)
		}
	}
	if got := ids(t, client, "s"); strings.Join(got, " ") != "a b c d e" {
		t.Errorf("in the stream: %v", got)
	}
	if ttl := client.PTTL(t.Context(), "w").Val(); ttl <= 0 {
		t.Errorf("the number is kept for %v", ttl)
	}
}

// While Redis is away, what waits has a bound, and waiting ends with the context.
// The shutdown does not wait longer than it may, and says what is lost.
func TestAway(t *testing.T) {
	server := redistest.StartServer(t)
	client := server.Client()
	s := newSink(t, client, Options{})
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	n := 0
	for s.HandleEvent(ctx, event(n)) == nil {
		n++
	}
	if n < queueLen || n > queueLen+batchLen {
		t.Errorf("%d events were taken", n)
	}
	err := s.Shutdown(ctx) // which has ended
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "events could not be written") {
		t.Errorf("Shutdown: %v", err)
	}
	if s.lost != n {
		t.Errorf("%d are said to be lost, of %d", s.lost, n)
	}
}

// A stream that cannot be written to is tried again until an operator has seen
// to it.
func TestWrongType(t *testing.T) {
	client := redistest.StartServer(t).Client()
	client.Set(t.Context(), stream, "what is this", 0)
	s := newSink(t, client, Options{})
	write(t, s, 0, 10)
	await.That(t, "a first try", func() bool {
		return strings.Contains(client.Info(t.Context(), "errorstats").Val(), "WRONGTYPE")
	})
	client.Del(t.Context(), stream)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbers(0, 10), ids(t, client, stream)); diff != "" {
		t.Errorf("(-want +in the stream):\n%s", diff)
	}
}

func TestMaxLen(t *testing.T) {
	client := redistest.StartServer(t).Client()
	s := newSink(t, client, Options{Stream: "mine", MaxLen: 500})
	write(t, s, 0, 3000)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := ids(t, client, "mine")
	// Redis frees whole nodes of the stream, of 100 entries.
	if len(got) < 500 || len(got) > 600 || !slices.Equal(got, numbers(3000-len(got), 3000)) {
		t.Errorf("%d are kept, from %s to %s", len(got), got[0], got[len(got)-1])
	}
}

func TestBadOptions(t *testing.T) {
	client := redistest.StartServer(t).Client()
	for _, o := range []Options{{MaxLen: -1}, {Stream: "{"}, {Stream: "a{}b"}} {
		if _, err := New(client, o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	if _, err := New(nil, Options{}); err == nil {
		t.Error("no client is accepted")
	}
	handle := func(context.Context, Delivery) error { return nil }
	for _, o := range []ConsumeOptions{
		{Stream: "}"}, {Concurrency: -1}, {ClaimAfter: time.Millisecond}, {RetryAfter: -1}, {MaxAttempts: -1}, {MaxDead: -1}, {Grace: -time.Second},
	} {
		if err := Consume(t.Context(), client, o, handle); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	if Consume(t.Context(), client, ConsumeOptions{}, nil) == nil || Consume(t.Context(), nil, ConsumeOptions{}, handle) == nil {
		t.Error("no handler or no client is accepted")
	}
}
