package storeredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
)

// TestCutOffNode cuts a node off for longer than its lease. The other declares
// it dead, once. When it is back, it is the same node, is told to add everything
// again, and does not count twice.
func TestCutOffNode(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	proxy := redistest.NewProxy(t, srv.Addr)
	ctx := unhurried(t)
	sub := store.SubscribeRequest{
		Channel: "presence.c", Connection: "1", UID: "Jim", Presence: true, MaxMembersSize: 1000, Counted: true,
	}
	in, other := newInbox(t), newInbox(t)
	n := joinAs(t, openAt(t, proxy.Addr), in, testJoin)
	rejoined := make(chan struct{}, 10)
	in.rejoin = func() { rejoined <- struct{}{} }
	o := joinAs(t, openAt(t, srv.Addr), other, testJoin)
	mustWatch(t, o, "presence.c")
	if _, err := n.Subscribe(ctx, sub); err != nil {
		t.Fatal(err)
	}
	id := n.ID()
	proxy.BlackHole()
	began := time.Now()
	other.await("the end of the subscription", 3*testJoin.NodeTimeout, func() bool { return len(other.ended) > 0 })
	t.Logf("declared dead after %v", time.Since(began))
	proxy.Heal()
	select {
	case <-rejoined:
	case <-time.After(back):
		t.Fatalf("not told to join again within %v", back)
	}
	if _, err := n.Subscribe(ctx, sub); err != nil {
		t.Fatal(err)
	}
	if n.ID() != id {
		t.Errorf("the node is %s now, and was %s", n.ID(), id)
	}
	info, err := o.Channel(ctx, "presence.c")
	if err != nil || info.Count != 1 || len(info.Members) != 1 {
		t.Errorf("channel %+v (%v), want one member that counts once", info, err)
	}
	other.await("three changes", back, func() bool { return len(other.items) >= 3 })
	var kinds []store.PresenceKind
	for _, it := range other.items {
		kinds = append(kinds, it.Presence.Kind)
	}
	if d := cmp.Diff([]store.PresenceKind{store.MemberAdded, store.MemberRemoved, store.MemberAdded}, kinds); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	if len(other.ended) != 1 {
		t.Errorf("%d ends were reported, want 1", len(other.ended))
	}
}

// TestOutageKillsNobody stops Redis for longer than every lease: nobody is
// declared dead for that.
func TestOutageKillsNobody(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	var inboxes []*inbox
	for i := range 3 {
		in := newInbox(t)
		n := joinAs(t, openAt(t, srv.Addr), in, testJoin)
		inboxes = append(inboxes, in)
		if _, err := n.Subscribe(unhurried(t), store.SubscribeRequest{
			Channel: "presence.c", Connection: fmt.Sprint(i), UID: fmt.Sprint(i), Presence: true, MaxMembersSize: 1000,
		}); err != nil {
			t.Fatal(err)
		}
	}
	await.Pass(testJoin.NodeTimeout, "for each to trust the server")
	srv.Pause()
	await.Pass(testJoin.NodeTimeout+time.Second, "longer than every lease")
	srv.Resume()
	await.While(t, 2*testJoin.NodeTimeout, "what every node has", func() bool {
		return !slices.ContainsFunc(inboxes, func(in *inbox) bool {
			in.mu.Lock()
			defer in.mu.Unlock()
			return len(in.ended) > 0 || in.rejoins > 0
		})
	})
}

// TestLostTail makes a replica the master that has not got the last messages.
// The listener is told, order holds, and neither who saw the lost ones nor who
// comes back and could not is told that nothing is missing.
func TestLostTail(t *testing.T) {
	t.Parallel()
	ctx := unhurried(t)
	// Else the first copy is made only after 5 s.
	master := redistest.StartServer(t, "--repl-diskless-sync-delay", "0")
	replica := redistest.StartServer(t)
	host, port, _ := strings.Cut(master.Addr, ":")
	if err := replica.Client().ReplicaOf(ctx, host, port).Err(); err != nil {
		t.Fatal(err)
	}
	proxy := redistest.NewProxy(t, master.Addr)
	in := newInbox(t)
	n := joinAs(t, openAt(t, proxy.Addr), in, testJoin)
	mustWatch(t, n, "c")
	var ids []ulid.ULID
	for range 5 {
		ids = append(ids, mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}))
	}
	empty, err := n.Subscribe(ctx, store.SubscribeRequest{Channel: "empty", Connection: "1"})
	if err != nil {
		t.Fatal(err)
	}
	awaitReplica(t, master, replica)
	if err := replica.Client().ReplicaOf(ctx, "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ids = append(ids, mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "lost", Retention: time.Hour}))
	}
	mustPublish(t, n, store.PublishRequest{Channel: "empty", Event: "lost"})
	in.awaitIDs(ids, back)
	master.Kill()
	proxy.Retarget(replica.Addr)

	next := retryPublish(t, n, store.PublishRequest{Channel: "c", Event: "next", Retention: time.Hour}, back)
	in.await("being told of the loss", back, func() bool { return in.lost > 0 })
	if next.Compare(ids[len(ids)-1]) <= 0 {
		t.Errorf("%v was made after %v", next, ids[len(ids)-1])
	}
	last := retryPublish(t, n, store.PublishRequest{Channel: "c", Event: "last"}, back)
	in.await("the last message", back, func() bool {
		return slices.ContainsFunc(in.items, func(it *store.Item) bool { return it.ID == last })
	})
	complete := func(channel string, after ulid.ULID) bool {
		r, err := n.Replay(ctx, store.ReplayRequest{Channel: channel, After: after, Until: last, Limit: 100, MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return r.Complete
	}
	// The node looks for what it got acknowledged in its own time.
	await.Within(t, back, "the mark for those who could not see what was lost", func() bool {
		return !complete("c", ids[4]) && !complete("empty", empty.Position)
	})
	for _, row := range []struct {
		why   string
		after ulid.ULID
		want  bool
	}{
		{"a lost one is of another history", ids[5], false},
		{"the newest lost one, too", ids[7], false},
		{"after the loss nothing is missing", next, true},
	} {
		if got := complete("c", row.after); got != row.want {
			t.Errorf("%s: complete %v, want %v", row.why, got, row.want)
		}
	}
}

// TestPositionOfOtherHistory: what an empty channel has missed is not known of
// data that are gone, or may lack the newest.
func TestPositionOfOtherHistory(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		damage func(t *testing.T, srv *redistest.Server)
	}{
		{"all data is lost", func(t *testing.T, srv *redistest.Server) {
			if err := srv.Client().FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}},
		{"a restart, with what was on the disk", func(_ *testing.T, srv *redistest.Server) { srv.Restart() }},
		{"a replica that becomes master", func(t *testing.T, srv *redistest.Server) {
			for _, of := range [][2]string{{"127.0.0.1", "1"}, {"NO", "ONE"}} {
				if err := srv.Client().ReplicaOf(t.Context(), of[0], of[1]).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			ctx := unhurried(t)
			srv := redistest.StartServer(t, "--appendonly", "yes", "--appendfsync", "always")
			n := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
			position := func(connection string) ulid.ULID {
				t.Helper()
				for end := time.Now().Add(back); ; {
					r, err := n.Subscribe(ctx, store.SubscribeRequest{Channel: "c", Connection: connection})
					if err == nil {
						return r.Position
					} else if !errors.Is(err, store.ErrUnavailable) || time.Now().After(end) {
						t.Fatal(err)
					}
				}
			}
			complete := func(after ulid.ULID) bool {
				t.Helper()
				r, err := n.Replay(ctx, store.ReplayRequest{Channel: "c", After: after, Until: ulid.Make(), Limit: 1, MaxBytes: 1 << 20})
				if err != nil {
					t.Fatal(err)
				}
				return r.Complete
			}
			old := position("1")
			if got := position("2"); got != old || !complete(old) {
				t.Errorf("position %v after %v, and complete is %v", got, old, complete(old))
			}
			row.damage(t, srv)
			fresh := position("3")
			if fresh == old || !complete(fresh) {
				t.Errorf("position %v after %v, and complete is %v", fresh, old, complete(fresh))
			}
			if complete(old) {
				t.Error("nothing is said to be missing")
			}
		})
	}
}

func openCluster(t *testing.T, c *redistest.Cluster) *Store {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: c.Addrs(), ContextTimeoutEnabled: true, DialTimeout: time.Second, ReadTimeout: time.Second,
	})
	t.Cleanup(func() { _ = client.Close() })
	return newStore(t, client)
}

// TestClusterFaults breaks a cluster while a node publishes and another
// listens.
func TestClusterFaults(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		damage func(t *testing.T, c *redistest.Cluster, tag string)
		// within is how long until everything must work again: a cluster needs
		// some time itself to find that a master is gone.
		within time.Duration
		// loses is true if what a replica had not got may be lost.
		loses bool
	}{
		{"a slot moves", func(t *testing.T, c *redistest.Cluster, tag string) {
			from := c.Master(tag)
			to := c.Servers[0]
			if to == from {
				to = c.Servers[1]
			}
			if err := c.MoveSlot(slotOf(c, tag), from, to, func() {}); err != nil {
				t.Fatal(err)
			}
		}, back, false},
		{"a replica takes over by order", func(t *testing.T, c *redistest.Cluster, tag string) {
			replica := c.Replica(c.Master(tag)).Client()
			if err := replica.ClusterFailover(context.Background()).Err(); err != nil {
				t.Fatal(err)
			}
			await.Within(t, back, "another master", func() bool {
				role, err := replica.Do(context.Background(), "ROLE").Slice()
				return err == nil && role[0] == "master"
			})
		}, back, false},
		{"the master dies", func(_ *testing.T, c *redistest.Cluster, tag string) {
			c.Master(tag).Kill()
		}, back + 5*time.Second, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			c := redistest.StartCluster(t)
			in := newInbox(t)
			a := joinAs(t, openCluster(t, c), in, testJoin)
			b := joinAs(t, openCluster(t, c), newInbox(t), testJoin)
			mustWatch(t, a, "c")
			ck := a.s.keys.channel("c")
			load := startLoad(b)
			load.goesOn(t, 100)
			row.damage(t, c, ck.p)
			began := time.Now()
			load.goesOn(t, 1)
			retryPublish(t, b, store.PublishRequest{Channel: "c", Event: "e"}, row.within)
			t.Logf("accepting again after %v", time.Since(began))
			load.goesOn(t, 100)
			accepted, failed := load.stop()
			last := retryPublish(t, b, store.PublishRequest{Channel: "c", Event: "last"}, back)
			in.await("the last message", back, func() bool {
				return slices.ContainsFunc(in.items, func(it *store.Item) bool { return it.ID == last })
			})
			t.Logf("%d accepted, %d refused", len(accepted), failed)
			in.mu.Lock()
			lost := in.lost
			in.mu.Unlock()
			if !row.loses || lost == 0 {
				checkAccepted(t, in, accepted)
			}
			if !row.loses && lost > 0 {
				t.Errorf("items were called lost %d times", lost)
			}
		})
	}
}

func slotOf(c *redistest.Cluster, tag string) int {
	n, err := c.Client().ClusterKeySlot(context.Background(), tag).Result()
	if err != nil {
		panic(err)
	}
	return int(n)
}

// awaitReplica waits until a replica has all that its master has now.
func awaitReplica(t *testing.T, master, replica *redistest.Server) {
	t.Helper()
	info := func(s *redistest.Server) string {
		text, err := s.Client().Info(t.Context(), "replication").Result()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	offset := func(s *redistest.Server, field string) int64 {
		_, rest, found := strings.Cut(info(s), field+":")
		if !found {
			return -1
		}
		text, _, _ := strings.Cut(rest, "\r\n")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// A master counts only once it has a replica, so first there must be one.
	await.Within(t, time.Minute, "the replica to connect", func() bool {
		return strings.Contains(info(replica), "master_link_status:up")
	})
	want := offset(master, "master_repl_offset")
	await.Within(t, time.Minute, "the replica to follow", func() bool { return offset(replica, "slave_repl_offset") >= want })
}
