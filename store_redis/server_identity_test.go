package storeredis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

// A witness is a Receiver that remembers what came, and the gaps that were told.
type witness struct {
	*inbox
	mu       sync.Mutex
	channels map[string]*witnessed
}

// A witnessed is what came of a channel.
type witnessed struct {
	got map[ulid.ULID]bool
	// told is when a gap was told last, and next the first item after it.
	told time.Time
	next ulid.ULID
}

func newWitness(t *testing.T) *witness {
	return &witness{inbox: newInbox(t), channels: make(map[string]*witnessed)}
}

func (w *witness) of(channel string, f func(c *witnessed)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.channels[channel]
	if c == nil {
		c = &witnessed{got: make(map[ulid.ULID]bool)}
		w.channels[channel] = c
	}
	f(c)
}

func (w *witness) Deliver(it *store.Item) {
	w.of(it.Channel, func(c *witnessed) {
		c.got[it.ID] = true
		if c.next.IsZero() {
			c.next = it.ID
		}
	})
}

func (w *witness) Lost(channel string) {
	w.of(channel, func(c *witnessed) { c.told, c.next = time.Now(), ulid.ULID{} })
}

// knows reports whether a message came, or is in a gap that was told.
func (w *witness) knows(m accepted) (known bool) {
	w.of(m.channel, func(c *witnessed) {
		known = c.got[m.id] || c.told.After(m.sent) && (c.next.IsZero() || m.id.Compare(c.next) < 0)
	})
	return known
}

// An accepted is a message that a node was told is accepted.
type accepted struct {
	id      ulid.ULID
	channel string
	sent    time.Time
}

// TestAddressLeadsElsewhere makes the address of a server lead to its replica,
// which was made a master. The old server lives on as a master, too, and keeps
// connections. All nodes must end up on the new one, and whoever missed a message
// that was accepted must be told.
func TestAddressLeadsElsewhere(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why string
		// kill is which connections to the old server end: "" for none.
		kill string
		// burst is true if messages come without a pause.
		burst bool
	}{
		{"nothing ends", "", false},
		{"nothing ends, without a pause", "", true},
		{"subscribed connections end", "pubsub", true},
		{"other connections end", "normal", true},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			blue := redistest.StartServer(t, "--repl-diskless-sync-delay", "0")
			green := redistest.StartServer(t)
			host, port, _ := strings.Cut(blue.Addr, ":")
			if err := green.Client().ReplicaOf(ctx, host, port).Err(); err != nil {
				t.Fatal(err)
			}
			proxy := redistest.NewProxy(t, blue.Addr)
			const channels = 8
			var nodes []*node
			var witnesses []*witness
			join := func() {
				w := newWitness(t)
				n := joinAs(t, openAt(t, proxy.Addr), w, testJoin)
				for c := range channels {
					mustWatch(t, n, fmt.Sprint(c))
				}
				nodes, witnesses = append(nodes, n), append(witnesses, w)
			}
			join()
			join()
			var mu sync.Mutex
			var all []accepted
			publish := func(n *node, channel string) {
				sent := time.Now()
				res, err := n.Publish(context.Background(), store.PublishRequest{Channel: channel, Event: "e", Retention: time.Minute})
				if err != nil {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				all = append(all, accepted{res.ID, channel, sent})
			}
			// Each node has channels of its own to publish to. One after the other falls
			// silent, so that nothing later shows that something is missing.
			var load sync.WaitGroup
			stop := make(chan struct{})
			began := time.Now()
			for i, n := range nodes {
				for c := range channels {
					load.Go(func() {
						for time.Since(began) < time.Duration(c+2)*time.Second {
							select {
							case <-stop:
								return
							default:
							}
							if c%2 == i {
								publish(n, fmt.Sprint(c))
							}
							if !row.burst {
								await.Pass(200*time.Millisecond, "until the next message")
							} else {
								await.Pass(5*time.Millisecond, "until the next message")
							}
						}
					})
				}
			}
			await.Pass(time.Second, "while all goes well")
			awaitReplica(t, blue, green)
			if err := green.Client().ReplicaOf(ctx, "NO", "ONE").Err(); err != nil {
				t.Fatal(err)
			}
			proxy.Redirect(green.Addr)
			moved := time.Now()
			if row.kill != "" {
				if err := blue.Client().ClientKillByFilter(ctx, "TYPE", row.kill).Err(); err != nil {
					t.Log(err) // It ends its own connection, too.
				}
			}
			join() // It knows the new server only.
			load.Wait()
			for i, n := range nodes {
				await.Within(t, back, fmt.Sprintf("node %d to be ready", i), func() bool { return n.Ready(t.Context()) == nil })
			}
			t.Logf("all ready after %v", time.Since(moved))
			// What is published now is heard by everybody.
			for _, n := range nodes {
				last := accepted{retryPublish(t, n, store.PublishRequest{Channel: "0", Event: "last"}, back), "0", time.Now()}
				await.Within(t, back, "what is published at last", func() bool {
					return !slices.ContainsFunc(witnesses, func(w *witness) bool { return !w.knows(last) })
				})
			}
			if list, err := blue.Client().Do(ctx, "CLIENT", "LIST", "TYPE", "pubsub").Text(); err != nil || list != "" {
				t.Errorf("somebody listens to the old server (%v):\n%s", err, list)
			}
			await.Within(t, 2*back, "whoever missed something to be told", func() bool {
				return !slices.ContainsFunc(witnesses[:2], func(w *witness) bool {
					return slices.ContainsFunc(all, func(m accepted) bool { return !w.knows(m) })
				})
			})
			t.Logf("%d messages accepted, the last gap told after %v", len(all), time.Since(moved))
		})
	}
}

// TestAddressOfSeveral has an address lead now to one server, now to another, as a
// name does with the addresses of two masters.
func TestAddressOfSeveral(t *testing.T) {
	t.Parallel()
	one, other := redistest.StartServer(t), redistest.StartServer(t)
	proxy := redistest.NewProxy(t, one.Addr)
	n := joinAs(t, openAt(t, proxy.Addr), newInbox(t), testJoin)
	for i := range 2 * maxMoves {
		proxy.Redirect([]string{other.Addr, one.Addr}[i%2])
		was := n.s.topo.identity.present()
		await.That(t, "the other server to be found", func() bool {
			// It may have begun before, and a busy machine takes its time.
			return n.s.topo.identity.refresh(t.Context(), false) == nil && n.s.topo.identity.present() != was
		})
		retryPublish(t, n, store.PublishRequest{Channel: "c", Event: "e"}, back)
	}
	if err := n.Ready(unhurried(t)); err == nil || !strings.Contains(err.Error(), "keeps changing between servers") {
		t.Errorf("error %v, want that the address leads to several servers", err)
	}
}

// TestRestoredInPlace gives a server the data of an earlier time, while all
// connections go on. Whoever is subscribed is told, though nothing more is
// published.
func TestRestoredInPlace(t *testing.T) {
	t.Parallel()
	do := func(t *testing.T, srv *redistest.Server, commands ...string) {
		t.Helper()
		for _, command := range commands {
			var args []any
			for word := range strings.FieldsSeq(command) {
				args = append(args, word)
			}
			if err := srv.Client().Do(t.Context(), args...).Err(); err != nil {
				t.Fatalf("%s: %v", command, err)
			}
		}
	}
	for _, row := range []struct {
		why             string
		before, restore []string
		// subscribed is true if the node has a lease in the channel's partition, too.
		subscribed bool
	}{
		{"a snapshot", []string{"SAVE"}, []string{"DEBUG RELOAD NOSAVE"}, true},
		{"a snapshot, and the channel is only watched", []string{"SAVE"}, []string{"DEBUG RELOAD NOSAVE"}, false},
		{"nothing", nil, []string{"FLUSHALL"}, true},
		{"nothing, and the channel is only watched", nil, []string{"FLUSHALL"}, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			srv := redistest.StartServer(t)
			in := newInbox(t)
			n := joinAs(t, openAt(t, srv.Addr), in, testJoin)
			mustWatch(t, n, "c")
			if row.subscribed {
				if _, err := n.Subscribe(unhurried(t), store.SubscribeRequest{Channel: "c", Connection: "1"}); err != nil {
					t.Fatal(err)
				}
			}
			mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e"})
			do(t, srv, row.before...)
			await.Pass(testJoin.NodeTimeout/2, "leases are renewed in that time")
			ids := []ulid.ULID{mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e"})}
			in.await("both messages", back, func() bool { return len(in.items) == 2 })
			do(t, srv, row.restore...)
			began := time.Now()
			in.await("being told", back, func() bool { return in.lost > 0 })
			t.Logf("told after %v", time.Since(began))
			in.mu.Lock()
			in.items = in.items[:1]
			in.mu.Unlock()
			// What follows is heard, above what was lost.
			last := retryPublish(t, n, store.PublishRequest{Channel: "c", Event: "e"}, back)
			in.await("the next message", back, func() bool { return in.items[len(in.items)-1].ID == last })
			if last.Compare(ids[0]) <= 0 {
				t.Errorf("%v was made after %v", last, ids[0])
			}
		})
	}
	t.Run("by replication", func(t *testing.T) {
		t.Parallel()
		srv, copied := redistest.StartServer(t), redistest.StartServer(t, "--repl-diskless-sync-delay", "0")
		in := newInbox(t)
		n := joinAs(t, openAt(t, srv.Addr), in, testJoin)
		mustWatch(t, n, "c")
		mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e"})
		in.await("the message", back, func() bool { return len(in.items) == 1 })
		host, port, _ := strings.Cut(copied.Addr, ":")
		do(t, srv, "REPLICAOF "+host+" "+port)
		await.Within(t, 2*back, "the copy", func() bool {
			info, err := srv.Client().Info(t.Context(), "replication").Result()
			return err == nil && strings.Contains(info, "master_link_status:up")
		})
		do(t, srv, "REPLICAOF NO ONE")
		in.await("being told", back, func() bool { return in.lost > 0 })
	})
}

// TestOtherClock has leases and used tokens on a server whose clock differs from
// that by which they were written, as after a failover.
func TestOtherClock(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	db := srv.Client()
	in := newInbox(t)
	n := joinAs(t, openAt(t, srv.Addr), in, testJoin)
	dead := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	for i, m := range []*node{n, dead} {
		if _, err := m.Subscribe(unhurried(t), store.SubscribeRequest{Channel: "c", Connection: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	// Behind: all leases seem to last a minute longer.
	dead.kill()
	p := n.s.keys.channel("c").part
	for _, p := range []int{home, p} {
		for _, m := range []*node{n, dead} {
			if err := db.ZIncrBy(t.Context(), n.s.keys.leases(p), 60_000, m.leases.current(p)).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	in.await("the end of the dead node", 4*testJoin.NodeTimeout, func() bool { return len(in.ended) == 1 })
	in.mu.Lock()
	if in.rejoins > 0 {
		t.Error("the living node is taken for dead")
	}
	in.mu.Unlock()

	// Ahead: what expires does so earlier.
	until := time.Now().Add(time.Minute)
	if first, err := n.UseToken(unhurried(t), "token", until); err != nil || !first {
		t.Fatalf("first use: %v (%v)", first, err)
	}
	_, key := n.s.keys.token("token")
	left, err := db.PTTL(t.Context(), key).Result()
	if err != nil || left < time.Until(until)+tokenSlack-10*time.Second {
		t.Errorf("the use of a token is remembered for %v (%v)", left, err)
	}
}
