package storeredis

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

// TestClientOptions does a little of everything with clients that a host may have set
// up for something else: each works, on a server and on a cluster.
func TestClientOptions(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	c := redistest.StartCluster(t)
	for _, row := range []struct {
		why string
		o   redis.UniversalOptions
	}{
		{"RESP2", redis.UniversalOptions{Protocol: 2}},
		{"RESP3", redis.UniversalOptions{Protocol: 3}},
		{"nothing is tried again", redis.UniversalOptions{MaxRetries: -1, MaxRedirects: -1}},
		{"one connection", redis.UniversalOptions{PoolSize: 1}},
		{"idle connections kept ready", redis.UniversalOptions{MinIdleConns: 4, PoolFIFO: true}},
	} {
		for _, cluster := range []bool{false, true} {
			name := row.why + " on a server"
			if cluster {
				name = row.why + " on a cluster"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				o := row.o
				o.ContextTimeoutEnabled, o.Addrs = true, []string{srv.Addr}
				if cluster {
					o.Addrs = c.Addrs()
				}
				client := redis.NewUniversalClient(&o)
				t.Cleanup(func() { _ = client.Close() })
				s, err := New(client, Options{Logger: testLogger(t), KeyPrefix: strings.ReplaceAll(name, " ", "-") + ":"})
				if err != nil {
					t.Fatal(err)
				}
				doAll(t, s)
			})
		}
	}
}

// doAll has a node publish, read, store, join and fire.
func doAll(t *testing.T, s *Store) {
	t.Helper()
	ctx := unhurried(t)
	r := &idleReceiver{inbox: newInbox(t), expired: make(chan struct{}, 1)}
	n := joinAs(t, s, r, testJoin)
	mustWatch(t, n, "c")
	id := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: time.Minute})
	h, err := n.History(ctx, store.HistoryRequest{Channel: "c", Limit: 10, MaxBytes: 1 << 20})
	if err != nil || len(h.Messages) != 1 || h.Messages[0].ID != id {
		t.Errorf("the history has %d messages (%v)", len(h.Messages), err)
	}
	joined, err := n.Subscribe(ctx, store.SubscribeRequest{
		Channel: "c", Connection: "1", Counted: true, Presence: true, UID: "ann", UMD: []byte("1"), UMDDigest: "1", MemberSize: 10, MaxMembersSize: 1000,
	})
	if err != nil || len(joined.Info.Members) != 1 {
		t.Errorf("joined: %+v (%v)", joined, err)
	}
	if _, err := n.Set(ctx, store.SetRequest{
		Channel: "c", Key: "k", Value: []byte("1"), Digest: "1", Retention: 100 * time.Millisecond, Emit: true,
	}); err != nil {
		t.Error(err)
	}
	f := takePart(t, n)
	if _, err := s.Scheduler().Add(ctx, scheduled(100*time.Millisecond)); err != nil {
		t.Error(err)
	}
	await.Within(t, back, "the schedule to fire", func() bool { return f.count() == 1 })
	select {
	case <-r.expired:
	case <-time.After(maintenancePeriod + back):
		t.Error("the entry has not expired")
	}
	if err := n.Ready(ctx); err != nil {
		t.Errorf("not ready: %v", err)
	}
	r.await("the message", back, func() bool {
		return slices.ContainsFunc(r.items, func(it *store.Item) bool { return it.ID == id })
	})
}

// TestReplicaOfSentinel hands in a client that leads to replicas.
func TestReplicaOfSentinel(t *testing.T) {
	t.Parallel()
	g := redistest.StartGuarded(t)
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: g.Addrs(), MasterName: redistest.MasterName, ReadOnly: true, ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = client.Close() })
	_, err := newStore(t, client).Join(unhurried(t), newInbox(t), testJoin)
	if err == nil || !strings.Contains(err.Error(), "is a replica") {
		t.Errorf("a client for replicas: %v", err)
	}
}
