package storeredis

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// A replyHook notes how many bytes the longest reply of a pipeline has.
type replyHook struct {
	mu   sync.Mutex
	most int
}

func (h *replyHook) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *replyHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// take returns what was noted since it was called before.
func (h *replyHook) take() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	most := h.most
	h.most = 0
	return most
}

func (h *replyHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		size := 0
		for _, cmd := range cmds {
			if c, ok := cmd.(*redis.Cmd); ok {
				size += textSize(c.Val())
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.most = max(h.most, size)
		return err
	}
}

func textSize(v any) (size int) {
	switch v := v.(type) {
	case string:
		return len(v)
	case []any:
		for _, e := range v {
			size += textSize(e)
		}
	}
	return size
}

// TestPipelinesAreBounded: what is asked for at the same time does not come back in
// one long reply that everything else waits for.
func TestPipelinesAreBounded(t *testing.T) {
	t.Parallel()
	const (
		members, entries, messages = 25, 40, 20
		callers                    = 64
		presence                   = "presence.c"
	)
	srv := redistest.StartServer(t)
	other := joinAs(t, openAt(t, srv.Addr), new(sink), testJoin)
	long := bytes.Repeat([]byte("1"), 30_000)
	subscribe := func(ctx context.Context, n *node, i int) error {
		_, err := n.Subscribe(ctx, store.SubscribeRequest{
			Channel: presence, Connection: fmt.Sprint("x", i, n.id), UID: fmt.Sprint("u", i%members), UMD: long[:4000],
			UMDDigest: "1", Presence: true, MemberSize: 4000, MaxMembersSize: 1 << 20,
		})
		return err
	}
	var ids []ulid.ULID
	var keys []string
	for i := range members {
		if err := subscribe(unhurried(t), other, i); err != nil {
			t.Fatal(err)
		}
	}
	for i := range entries {
		keys = append(keys, fmt.Sprint("k", i))
		if _, err := other.Set(unhurried(t), store.SetRequest{Channel: "c", Key: keys[i], Value: long, Retention: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	for range messages {
		p := store.PublishRequest{Channel: "c", Event: "e", Data: long, Retention: time.Hour}
		ids = append(ids, mustPublish(t, other, p))
	}

	client := redis.NewClient(&redis.Options{Addr: srv.Addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	hook := new(replyHook)
	client.AddHook(hook)
	s, err := New(client, Options{Logger: testLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	n := joinAs(t, s, new(sink), testJoin)
	mustWatch(t, n, presence)
	w := n.fan.find(presence)
	await.That(t, "the members to be known", func() bool { return w.listSize.Load() > members*4000 })

	for _, row := range []struct {
		what string
		call func(ctx context.Context, i int) error
	}{
		{"subscribe", func(ctx context.Context, i int) error { return subscribe(ctx, n, i) }},
		{"update", func(ctx context.Context, i int) error {
			_, err := n.UpdateSubscription(ctx, store.UpdateSubscriptionRequest{
				Channel: presence, Connection: fmt.Sprint("x", i, n.id), UMD: long[:4000+i], UMDDigest: "2", MaxMembersSize: 1 << 20,
			})
			return err
		}},
		{"channel", func(ctx context.Context, _ int) error { _, err := n.Channel(ctx, presence); return err }},
		{"unsubscribe", func(ctx context.Context, i int) error {
			_, err := n.Unsubscribe(ctx, store.UnsubscribeRequest{Channel: presence, Connection: fmt.Sprint("x", i, n.id)})
			return err
		}},
		{"entry", func(ctx context.Context, i int) error {
			_, err := n.Entries(ctx, store.EntriesRequest{Channel: "c", Keys: keys[i%entries:][:1], MaxBytes: 1})
			return err
		}},
		{"entries", func(ctx context.Context, _ int) error {
			_, err := n.Entries(ctx, store.EntriesRequest{Channel: "c", Keys: keys, MaxBytes: 256 << 10})
			return err
		}},
		{"set", func(ctx context.Context, i int) error {
			_, err := n.Set(ctx, store.SetRequest{Channel: "c", Key: keys[i%entries], Digest: fmt.Sprint(i), Value: long[:i], Retention: time.Hour})
			return err
		}},
		{"message", func(ctx context.Context, i int) error {
			after := ids[i%messages]
			_, err := n.History(ctx, store.HistoryRequest{Channel: "c", After: after, Limit: 1, MaxBytes: 1})
			return err
		}},
	} {
		hook.take()
		ctx := unhurried(t)
		var g errgroup.Group
		for i := range callers {
			g.Go(func() error { return row.call(ctx, i) })
		}
		if err := g.Wait(); err != nil {
			t.Errorf("%s: %v", row.what, err)
		}
		// What one reply has is estimated: somewhat more may come.
		if got := hook.take(); got > 3*readBytes {
			t.Errorf("%s: a pipeline returned %d bytes", row.what, got)
		} else {
			t.Logf("%s: at most %d bytes", row.what, got)
		}
	}
}

// TestLateResult: a result that comes when nobody waits for it any more is not taken for that
// of another request.
func TestLateResult(t *testing.T) {
	t.Parallel()
	s := new(Store)
	busy := &pipeliner{writers: pipelineWriters, maxWriters: pipelineWriters} // It sends nothing.
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	for range 2 {
		q := &request{script: readScript}
		if res, err := s.roundTrip(ctx, busy, q); err == nil {
			t.Fatalf("a request that was not sent has the result %v", res)
		}
		q.done <- result{reply: new(reply)}
	}
}

func TestParseReplies(t *testing.T) {
	replies, err := parseReplies([]any{"7", "30:a", []any{"late", ""}, ""}, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"ok 30:a", "late ", "ok "} {
		if r := replies[i]; r.status+" "+r.record.rest != want || r.now != 7 {
			t.Errorf("%d is %q at %d, want %q at 7", i, r.status+" "+r.record.rest, r.now, want)
		}
	}
	for _, row := range []struct {
		why   string
		value any
	}{
		{"nothing", nil},
		{"no list", "7"},
		{"no time", []any{}},
		{"a time that is none", []any{"x", "30:a"}},
		{"a time of another type", []any{int64(7), "30:a"}},
		{"one too few", []any{"7"}},
		{"one too many", []any{"7", "30:a", "30:b"}},
		{"a status without a text", []any{"7", []any{"late"}}},
		{"a record of another type", []any{"7", int64(1)}},
		{"a record that is missing", []any{"7", nil}},
		{"a status of another type", []any{"7", []any{int64(1), ""}}},
	} {
		if replies, err := parseReplies(row.value, 1); err == nil {
			t.Errorf("%s: got %v, want an error", row.why, replies)
		}
	}
}
