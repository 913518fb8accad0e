package storeredis

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
)

// A sinceHook does something once around the first execution of the script with
// which a watch finds out where its channel is.
type sinceHook struct {
	before, after func()
	first         sync.Once
}

func (h *sinceHook) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (h *sinceHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h *sinceHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		since := slices.ContainsFunc(cmds, func(c redis.Cmder) bool {
			return len(c.Args()) > 1 && (c.Args()[1] == sinceScript.sha || c.Args()[1] == sinceScript.src)
		})
		if !since {
			return next(ctx, cmds)
		}
		var first bool
		h.first.Do(func() { first = true })
		if first {
			h.before()
			defer h.after()
		}
		return next(ctx, cmds)
	}
}

// TestWatchBegins has things happen while a watch begins. What is published
// after that must be delivered, once, and nothing called lost.
func TestWatchBegins(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why string
		// around returns what is done before and after the watch reads where the
		// channel is.
		around func(t *testing.T, srv *redistest.Server, n *node, publish func()) (before, after func())
	}{
		{"the link is replaced, and what is published before is in the answer", linkReplaced(func(replace, publish func()) (func(), func()) {
			return publish, replace
		})},
		{"the link is replaced, and what is published before is not in the answer", linkReplaced(func(replace, publish func()) (func(), func()) {
			return func() {}, func() { publish(); replace() }
		})},
		{"more is published than can be held back", func(t *testing.T, _ *redistest.Server, n *node, publish func()) (before, after func()) {
			return func() {
				for range maxHeld + 1 {
					publish()
				}
				await(t, "all to be held back that can be", back, func() bool {
					w := n.fan.find("c")
					n.stripes[w.keys.part].Lock()
					defer n.stripes[w.keys.part].Unlock()
					return len(w.held) == maxHeld
				})
			}, func() {}
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			srv := redistest.StartServer(t)
			other := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
			mustWatch(t, other, "another") // Now the server knows the script.
			var published []ulid.ULID
			publish := func() {
				published = append(published, mustPublish(t, other, store.PublishRequest{Channel: "c", Event: "e"}))
			}
			publish()
			client := redis.NewClient(&redis.Options{Addr: srv.Addr, ContextTimeoutEnabled: true})
			t.Cleanup(func() { _ = client.Close() })
			hook := new(sinceHook)
			client.AddHook(hook)
			in := newInbox(t)
			n := joinAs(t, newStore(t, client), in, testJoin)
			hook.before, hook.after = row.around(t, srv, n, publish)
			mustWatch(t, n, "c")
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

// linkReplaced makes a row in which the watch's link is replaced, and the watch
// subscribed again, while it begins.
func linkReplaced(order func(replace, publish func()) (before, after func())) func(*testing.T, *redistest.Server, *node, func()) (func(), func()) {
	return func(t *testing.T, srv *redistest.Server, n *node, publish func()) (before, after func()) {
		replace := func() {
			if err := srv.Client().ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
				t.Error(err)
			}
			await(t, "the watch to be subscribed again", back, func() bool {
				w := n.fan.find("c")
				n.stripes[w.keys.part].Lock()
				defer n.stripes[w.keys.part].Unlock()
				return w.again || w.live
			})
		}
		return order(replace, publish)
	}
}
