package storeredis

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
)

// A readAfterHook stops the first execution of the script with which a watch finds
// out where its channel is: before it until goOn is closed, and its answer until
// answer is. It closes asked and executed when it has come that far.
type readAfterHook struct {
	asked, goOn, executed, answer chan struct{}
	stopped                       atomic.Bool
}

func newReadAfterHook() *readAfterHook {
	return &readAfterHook{
		asked: make(chan struct{}), goOn: make(chan struct{}), executed: make(chan struct{}), answer: make(chan struct{}),
	}
}

func (h *readAfterHook) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *readAfterHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h *readAfterHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		reads := slices.ContainsFunc(cmds, func(c redis.Cmder) bool {
			return len(c.Args()) > 1 && c.Args()[1] == readAfterScript.sha
		})
		if !reads {
			return next(ctx, cmds)
		}
		if h.stopped.Swap(true) { // It is sent again where that takes long.
			<-h.goOn
			return next(ctx, cmds)
		}
		close(h.asked)
		<-h.goOn
		err := next(ctx, cmds)
		close(h.executed)
		<-h.answer
		return err
	}
}

// TestWatchBegins has things happen while a watch begins. What is published
// after that must be delivered, once, and nothing called lost.
func TestWatchBegins(t *testing.T) {
	t.Parallel()
	// again waits until the watch's link was replaced and it is subscribed again.
	again := func(t *testing.T, srv *redistest.Server, n *node) {
		if err := srv.Client().ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
			t.Fatal(err)
		}
		await.Within(t, back, "the watch to be subscribed again", func() bool {
			w := n.fan.find("c")
			n.stripes[w.keys.part].Lock()
			defer n.stripes[w.keys.part].Unlock()
			return w.again || w.live
		})
	}
	for _, row := range []struct {
		why string
		// before and after are done before and after Redis is asked where the
		// channel is.
		before, after func(t *testing.T, srv *redistest.Server, n *node, publish func())
	}{
		{
			why:    "the link is replaced, and what is published is in the answer",
			before: func(_ *testing.T, _ *redistest.Server, _ *node, publish func()) { publish() },
			after:  func(t *testing.T, srv *redistest.Server, n *node, _ func()) { again(t, srv, n) },
		},
		{
			why: "the link is replaced, and what is published is not in the answer",
			after: func(t *testing.T, srv *redistest.Server, n *node, publish func()) {
				publish()
				again(t, srv, n)
			},
		},
		{
			why: "more is published than can be held back",
			before: func(t *testing.T, _ *redistest.Server, n *node, publish func()) {
				var wg sync.WaitGroup
				for range maxHeld + 1 {
					wg.Go(publish)
				}
				wg.Wait()
				await.That(t, "all to be held back that can be", func() bool {
					w := n.fan.find("c")
					n.stripes[w.keys.part].Lock()
					defer n.stripes[w.keys.part].Unlock()
					return len(w.held) == maxHeld
				})
			},
		},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			srv := redistest.StartServer(t)
			other := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
			mustWatch(t, other, "another") // Now the server knows the script.
			var published []ulid.ULID
			var mu sync.Mutex
			publish := func() {
				id := mustPublish(t, other, store.PublishRequest{Channel: "c", Event: "e"})
				mu.Lock()
				defer mu.Unlock()
				published = append(published, id)
			}
			publish()
			client := redis.NewClient(&redis.Options{Addr: srv.Addr, ContextTimeoutEnabled: true})
			t.Cleanup(func() { _ = client.Close() })
			hook := newReadAfterHook()
			client.AddHook(hook)
			in := newInbox(t)
			n := joinAs(t, newStore(t, client), in, testJoin)

			watched := make(chan error, 1)
			go func() { watched <- n.Watch(unhurried(t), "c") }()
			<-hook.asked
			if row.before != nil {
				row.before(t, srv, n, publish)
			}
			close(hook.goOn)
			<-hook.executed
			if row.after != nil {
				row.after(t, srv, n, publish)
			}
			close(hook.answer)
			if err := <-watched; err != nil {
				t.Fatal(err)
			}
			began := len(published)
			for range 3 {
				publish()
			}
			in.await("what was published since", back, func() bool {
				return len(in.items) > 0 && in.items[len(in.items)-1].ID == published[len(published)-1]
			})
			var got []ulid.ULID
			for _, it := range in.items {
				got = append(got, it.ID)
			}
			if !slices.Equal(got[max(0, len(got)-3):], published[began:]) {
				t.Errorf("the last of %v are not %v", got, published[began:])
			}
			if in.lost > 0 {
				t.Errorf("items were called lost %d times", in.lost)
			}
		})
	}
}
