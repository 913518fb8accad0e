package storeredis

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"golang.org/x/sync/errgroup"
)

// TestMasterGone takes one of three masters away, and its replica, in a cluster
// that goes on without. What does not need that master works, on nodes that are
// there and on new ones.
func TestMasterGone(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why  string
		take func(s *redistest.Server)
	}{
		{"killed", (*redistest.Server).Kill},
		{"frozen", (*redistest.Server).Pause},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			c := redistest.StartCluster(t)
			for _, s := range c.Servers {
				if err := s.Client().ConfigSet(t.Context(), "cluster-require-full-coverage", "no").Err(); err != nil {
					t.Fatal(err)
				}
			}
			in := newWitness(t)
			n := joinAs(t, openCluster(t, c), in, testJoin)
			k := &n.s.keys
			gone := c.Master(k.part[home])
			for _, s := range c.Servers[:3] {
				if s != gone {
					gone = s // Any but that of the home partition.
					break
				}
			}
			// Enough channels for all that is bounded to be full of what waits for the
			// master that is gone.
			var all, living []string
			for i := range 1000 {
				name := fmt.Sprint(i)
				all = append(all, name)
				if c.Master(k.channel(name).p) != gone {
					living = append(living, name)
				}
			}
			sideBySide(t, all, func(ctx context.Context, name string) error {
				if err := n.Watch(ctx, name); err != nil {
					return err
				}
				_, err := n.Subscribe(ctx, store.SubscribeRequest{Channel: name, Connection: "1"})
				return err
			})
			row.take(c.Replica(gone))
			row.take(gone)
			began := time.Now()
			await.Pass(probePatience, "the link is known to be broken by then")
			await.Within(t, back, "being ready without the master", func() bool { return n.Ready(t.Context()) == nil })
			t.Logf("ready after %v", time.Since(began))

			works := func(n *node, in *witness) {
				t.Helper()
				if err := n.AddConnection(unhurried(t), store.Connection{ID: "new", Info: []byte("{}")}); err != nil {
					t.Error(err)
				}
				var mu sync.Mutex
				var sent []accepted
				sideBySide(t, living, func(ctx context.Context, channel string) error {
					if _, err := n.Subscribe(ctx, store.SubscribeRequest{Channel: channel, Connection: "new"}); err != nil {
						return err
					}
					res, err := n.Publish(ctx, store.PublishRequest{Channel: channel, Event: "e"})
					mu.Lock()
					defer mu.Unlock()
					sent = append(sent, accepted{id: res.ID, channel: channel})
					return err
				})
				await.Within(t, back, "the messages of living masters", func() bool {
					return !slices.ContainsFunc(sent, func(a accepted) bool { return !in.knows(a) })
				})
			}
			works(n, in)
			// A new node starts.
			other := newWitness(t)
			var joined store.Node
			await.Within(t, 2*back, "a new node", func() (ok bool) {
				ctx, cancel := context.WithTimeout(t.Context(), back)
				defer cancel()
				var err error
				if joined, err = openCluster(t, c).Join(ctx, other, testJoin); err != nil {
					t.Log(err) // A busy machine may be too slow, and hosts try again.
				}
				return err == nil
			})
			began = time.Now()
			m := joined.(*node)
			sideBySide(t, living, m.Watch)
			works(m, other)
			t.Logf("a new node works after %v", time.Since(began))
			await.While(t, 2*testJoin.NodeTimeout, "both nodes being ready", func() bool {
				for _, n := range []*node{n, m} {
					await.Within(t, probePatience, "it", func() bool { return n.Ready(t.Context()) == nil })
				}
				return true
			})
			// Nobody is taken for dead.
			for _, in := range []*witness{in, other} {
				in.inbox.mu.Lock()
				if len(in.ended) > 0 || in.rejoins > 0 {
					t.Errorf("%d subscriptions ended, %d times to rejoin", len(in.ended), in.rejoins)
				}
				in.inbox.mu.Unlock()
			}
			if row.why == "frozen" {
				gone.Resume()
				c.Replica(gone).Resume()
			}
			leave, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_ = m.Leave(leave) // Not all of what it has can be removed.
		})
	}
}

// sideBySide calls do with each channel, many at a time.
func sideBySide(t *testing.T, channels []string, do func(ctx context.Context, channel string) error) {
	t.Helper()
	ctx := unhurried(t)
	var g errgroup.Group
	g.SetLimit(64)
	for _, channel := range channels {
		g.Go(func() error { return do(ctx, channel) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}
