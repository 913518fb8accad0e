package storeredis

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

// A detour makes links lead to a replica while it lasts.
type detour struct {
	client redis.UniversalClient
	master func(part string) *redistest.Server
	begin  func(part string)
	end    func()
}

// A lineCounter counts the writes that have some text.
type lineCounter struct {
	text string
	n    atomic.Int64
}

func (c *lineCounter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(c.text)) {
		c.n.Add(1)
	}
	return len(p), nil
}

// TestLinkToReplica has links broken while new ones lead to a replica, as they
// may just after another server has become the master. The node must not take
// that for a way on which channels are heard, and find its way to the master.
func TestLinkToReplica(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why   string
		start func(t *testing.T) detour
	}{
		{"of a single server", func(t *testing.T) detour {
			master := redistest.StartServer(t, "--repl-diskless-sync-delay", "0")
			replica := redistest.StartServer(t)
			host, port, _ := strings.Cut(master.Addr, ":")
			if err := replica.Client().ReplicaOf(t.Context(), host, port).Err(); err != nil {
				t.Fatal(err)
			}
			awaitReplica(t, master, replica)
			proxy := redistest.NewProxy(t, master.Addr)
			client := redis.NewClient(&redis.Options{Addr: proxy.Addr, ContextTimeoutEnabled: true})
			return detour{
				client: client,
				master: func(string) *redistest.Server { return master },
				begin:  func(string) { proxy.Retarget(replica.Addr) },
				end:    func() { proxy.Retarget(master.Addr) },
			}
		}},
		{"of a cluster", func(t *testing.T) detour {
			c := redistest.StartCluster(t)
			var swapped atomic.Bool
			client := redis.NewClusterClient(&redis.ClusterOptions{
				ContextTimeoutEnabled: true,
				ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
					var all []redis.ClusterSlot
					for i, master := range c.Servers[:3] {
						slot := redis.ClusterSlot{Start: 16384 * i / 3, End: 16384*(i+1)/3 - 1}
						for _, s := range []*redistest.Server{master, c.Replica(master)} {
							slot.Nodes = append(slot.Nodes, redis.ClusterNode{Addr: s.Addr})
						}
						if swapped.Load() {
							slices.Reverse(slot.Nodes)
						}
						all = append(all, slot)
					}
					return all, nil
				},
			})
			return detour{
				client: client,
				master: c.Master,
				begin: func(part string) {
					swapped.Store(true)
					await.Within(t, back, "the client to take the replica for the master", func() bool {
						client.ReloadState(t.Context()) // One that is under way already does not count.
						m, err := client.MasterForKey(t.Context(), part)
						// It leaves the host out where that is this machine.
						return err == nil && strings.HasSuffix(c.Replica(c.Master(part)).Addr, m.Options().Addr)
					})
				},
				end: func() { swapped.Store(false) },
			}
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			d := row.start(t)
			t.Cleanup(func() { _ = d.client.Close() })
			refusals := &lineCounter{text: errNotMaster.Error()}
			s, err := New(d.client, Options{Logger: slog.New(slog.NewTextHandler(refusals, nil))})
			if err != nil {
				t.Fatal(err)
			}
			in := newInbox(t)
			n := joinAs(t, s, in, testJoin)
			mustWatch(t, n, "c")
			part := s.keys.channel("c").p
			d.begin(part)
			if err := d.master(part).Client().ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err(); err != nil {
				t.Fatal(err)
			}
			await.Within(t, back, "a link to the replica to be refused, twice", func() bool { return refusals.n.Load() >= 2 })
			if err := n.fan.up(t.Context()); err == nil {
				t.Error("the node believes that it hears its channels")
			}
			d.end()
			id := retryPublish(t, n, store.PublishRequest{Channel: "c", Event: "e"}, back)
			await.Within(t, back, "the links to be up", func() bool { return n.fan.up(t.Context()) == nil })
			in.await("the message", time.Second, func() bool {
				return slices.ContainsFunc(in.items, func(it *store.Item) bool { return it.ID == id })
			})
		})
	}
}
