package storeredis

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

// echo answers each call with what it was asked.
type echo struct{ *inbox }

func (echo) Call(_ context.Context, request []byte) ([]byte, error) { return request, nil }

// A lossyHook loses what is published for calls of other nodes: the first requests before
// they get to the server, or all replies after that.
type lossyHook struct {
	requests atomic.Int64
	replies  bool
}

func (*lossyHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *lossyHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		return h.lose([]redis.Cmder{cmd}, func() error { return next(ctx, cmd) })
	}
}

func (h *lossyHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		return h.lose(cmds, func() error { return next(ctx, cmds) })
	}
}

func (h *lossyHook) lose(cmds []redis.Cmder, next func() error) error {
	carries := false
	for _, cmd := range cmds {
		message, _ := cmd.Args()[len(cmd.Args())-1].(string)
		carries = carries || cmd.Name() == "publish" && strings.Contains(message, "a question")
	}
	if !carries {
		return next()
	}
	if h.requests.Add(-1) < 0 {
		if err := next(); err != nil || !h.replies {
			return err
		}
	}
	for _, cmd := range cmds {
		cmd.SetErr(io.EOF)
	}
	return io.EOF
}

// A peer that was asked has answered, whatever became of Redis' own reply; and it is asked
// again if the question did not get through.
func TestCallWithLosses(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	peer := joinAs(t, openAt(t, srv.Addr), echo{newInbox(t)}, testJoin)
	for _, row := range []struct {
		why      string
		requests int64
		replies  bool
		limit    time.Duration
		answered bool
	}{
		{why: "nothing is lost", limit: 10 * time.Second, answered: true},
		{why: "all replies are lost, and each was published", replies: true, limit: 10 * time.Second, answered: true},
		{why: "two requests are lost", requests: 2, limit: 10 * time.Second, answered: true},
		{why: "all requests are lost", requests: 1 << 20, limit: 300 * time.Millisecond},
	} {
		hook := &lossyHook{replies: row.replies}
		hook.requests.Store(row.requests)
		c := redis.NewClient(&redis.Options{Addr: srv.Addr, ContextTimeoutEnabled: true, MaxRetries: -1})
		t.Cleanup(func() { _ = c.Close() })
		c.AddHook(hook)
		n := joinAs(t, newStore(t, c), newInbox(t), testJoin)
		ctx, cancel := context.WithTimeout(t.Context(), row.limit)
		start := time.Now()
		got, err := n.Call(ctx, peer.ID(), []byte("a question"))
		cancel()
		switch took := time.Since(start); {
		case row.answered && (err != nil || string(got) != "a question"):
			t.Errorf("%s: answered %q, %v after %v", row.why, got, err, took)
		case !row.answered && !errors.Is(err, store.ErrUnavailable):
			t.Errorf("%s: answered %q, %v", row.why, got, err)
		case !row.answered && took > givesUp:
			t.Errorf("%s: it took %v", row.why, took)
		}
	}
}
