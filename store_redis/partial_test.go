package storeredis

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
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
			var living []string
			for i := range 1000 {
				name := fmt.Sprint(i)
				mustWatch(t, n, name)
				if _, err := n.Subscribe(unhurried(t), store.SubscribeRequest{Channel: name, Connection: "1"}); err != nil {
					t.Fatal(err)
				}
				if c.Master(k.channel(name).p) != gone {
					living = append(living, name)
				}
			}
			row.take(c.Replica(gone))
			row.take(gone)
			began := time.Now()
			time.Sleep(probePatience) // By then the link is known to be broken.
			await.Within(t, back, "being ready without the master", func() bool { return n.Ready(t.Context()) == nil })
			t.Logf("ready after %v", time.Since(began))

			works := func(n *node, in *witness) {
				t.Helper()
				if err := n.AddConnection(unhurried(t), store.Connection{ID: "new", Info: []byte("{}")}); err != nil {
					t.Error(err)
				}
				for _, channel := range living {
					if _, err := n.Subscribe(unhurried(t), store.SubscribeRequest{Channel: channel, Connection: "new"}); err != nil {
						t.Fatal(err)
					}
					id := retryPublish(t, n, store.PublishRequest{Channel: channel, Event: "e"}, back)
					await.Within(t, back, "a message of a living master", func() bool {
						return in.knows(accepted{id: id, channel: channel})
					})
				}
			}
			works(n, in)
			// A new node starts.
			other := newWitness(t)
			ctx, cancel := context.WithTimeout(t.Context(), back)
			defer cancel()
			joined, err := openCluster(t, c).Join(ctx, other, testJoin)
			if err != nil {
				t.Fatalf("a new node: %v", err)
			}
			began = time.Now()
			m := joined.(*node)
			for _, channel := range living {
				mustWatch(t, m, channel)
			}
			works(m, other)
			t.Logf("a new node works after %v", time.Since(began))
			for end := time.Now().Add(2 * testJoin.NodeTimeout); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				if err := m.Ready(t.Context()); err != nil {
					t.Fatalf("the new node: %v", err)
				}
				if err := n.Ready(t.Context()); err != nil {
					t.Fatalf("the old node: %v", err)
				}
			}
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
