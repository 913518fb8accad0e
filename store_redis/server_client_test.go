package storeredis

import (
	"context"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

// TestClients tries what a host may hand in. What is refused is refused with a
// sentence that says what to use.
func TestClients(t *testing.T) {
	t.Parallel()
	single := func(o redis.Options) redis.UniversalClient { return redis.NewClient(&o) }
	cluster := func(o redis.ClusterOptions) redis.UniversalClient {
		o.Addrs = []string{"127.0.0.1:1"}
		return redis.NewClusterClient(&o)
	}
	var none *redis.Client
	for _, row := range []struct {
		why    string
		client redis.UniversalClient
		want   string // in the error, "" for none
	}{
		{"one server", single(redis.Options{}), ""},
		{"a cluster", cluster(redis.ClusterOptions{}), ""},
		{"Sentinel", redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "m", SentinelAddrs: []string{"127.0.0.1:1"}}), ""},
		{"one address of many", redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{"127.0.0.1:1"}}), ""},
		{"none", nil, "no client"},
		{"a pointer to none", none, "no client"},
		{"a ring", redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}}), "redis.NewClusterClient"},
		{"a client of the host's own", struct{ *redis.Client }{}, "redis.NewClient"},
		{"replicas", cluster(redis.ClusterOptions{ReadOnly: true}), "reads from replicas"},
		{"the nearest", cluster(redis.ClusterOptions{RouteByLatency: true}), "reads from replicas"},
		{"any", cluster(redis.ClusterOptions{RouteRandomly: true}), "reads from replicas"},
		{"any of Sentinel", redis.NewFailoverClusterClient(&redis.FailoverOptions{
			MasterName: "m", SentinelAddrs: []string{"127.0.0.1:1"}, RouteRandomly: true,
		}), "redis.NewFailoverClient"},
		{"one that caches", single(redis.Options{ClientSideCacheConfig: &redis.ClientSideCacheConfig{}}), "ClientSideCacheConfig"},
		{"of many options, for a cluster", redis.NewUniversalClient(&redis.UniversalOptions{
			Addrs: []string{"127.0.0.1:1", "127.0.0.1:2"}, ReadOnly: true,
		}), "reads from replicas"},
		{"of many options, for Sentinel", redis.NewUniversalClient(&redis.UniversalOptions{
			Addrs: []string{"127.0.0.1:1"}, MasterName: "m", RouteByLatency: true,
		}), "redis.NewFailoverClient"},
		{"for ever", single(redis.Options{ReadTimeout: -1}), "ContextTimeoutEnabled"},
		{"for ever, without deadlines", single(redis.Options{ReadTimeout: -2}), "ContextTimeoutEnabled"},
		{"for ever, a cluster", cluster(redis.ClusterOptions{ReadTimeout: -1}), "ContextTimeoutEnabled"},
		{"the context bounds it", single(redis.Options{ReadTimeout: -1, ContextTimeoutEnabled: true}), ""},
	} {
		_, err := New(row.client, Options{})
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: error %v, want %q", row.why, err, row.want)
		}
		if row.client != nil && row.client != redis.UniversalClient(none) {
			if c, ok := row.client.(struct{ *redis.Client }); !ok || c.Client != nil {
				_ = row.client.Close()
			}
		}
	}
}

// An infoHook changes what INFO tells.
type infoHook struct{ replace *strings.Replacer }

func (infoHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h infoHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if c, ok := cmd.(*redis.StringCmd); ok && c.Name() == "info" {
			c.SetVal(h.replace.Replace(c.Val()))
		}
		return err
	}
}

func (infoHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// TestServers starts nodes on servers with which it would go wrong later.
func TestServers(t *testing.T) {
	t.Parallel()
	one := redistest.StartServer(t)
	c := redistest.StartCluster(t)
	single := func(addr string, changes ...string) *Store {
		client := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
		t.Cleanup(func() { _ = client.Close() })
		client.AddHook(infoHook{strings.NewReplacer(changes...)})
		return newStore(t, client)
	}
	cluster := func(o redis.ClusterOptions) *Store {
		client := redis.NewClusterClient(&o)
		t.Cleanup(func() { _ = client.Close() })
		return newStore(t, client)
	}
	for _, row := range []struct {
		why  string
		s    *Store
		want string // in the error, "" for none
	}{
		{"a server", single(one.Addr), ""},
		{"Valkey", single(one.Addr, "redis_version:7.0.15", "server_name:valkey\r\nvalkey_version:8.1.3\r\nredis_version:7.2.4"), ""},
		{"one of a cluster", single(c.Servers[0].Addr), "use redis.NewClusterClient"},
		{"no cluster", cluster(redis.ClusterOptions{Addrs: []string{one.Addr}}), "use redis.NewClient"},
		{"what Sentinel watches", cluster(redis.ClusterOptions{
			ClusterSlots: func(context.Context) ([]redis.ClusterSlot, error) {
				return []redis.ClusterSlot{{End: 16383, Nodes: []redis.ClusterNode{{Addr: one.Addr}}}}, nil
			},
		}), "redis.NewFailoverClient"},
		{"a proxy that spreads keys", single(c.Servers[0].Addr, "cluster_enabled:1", "cluster_enabled:0"), "spreads keys"},
		{"Dragonfly", single(one.Addr, "redis_mode:", "dragonfly_version:df-v1.27.1\r\nredis_mode:"), "is Dragonfly"},
		{"Garnet", single(one.Addr, "redis_mode:", "garnet_version:1.0.60\r\nredis_mode:"), "is Garnet"},
		{"Kvrocks", single(one.Addr, "redis_mode:", "kvrocks_version:2.9.0\r\nredis_mode:"), "is Kvrocks"},
		{"an active replica", single(one.Addr, "role:master", "role:active-replica"), "active replica"},
		{"a replica", single(one.Addr, "role:master", "role:slave"), "is a replica"},
		{"an old server", single(one.Addr, "redis_version:7.0.15", "redis_version:6.0.20"), "6.2 or later"},
	} {
		n, err := row.s.Join(unhurried(t), newInbox(t), testJoin)
		if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: error %v, want %q", row.why, err, row.want)
		}
		if err == nil {
			_ = n.Leave(unhurried(t))
		}
	}
}

// TestDatabases runs two installations on one server, which only the number of
// the database tells apart. Neither may hear the other.
func TestDatabases(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	restrict(t, srv, append(documentedUser(t)[:1], "ACL SETUSER hotsock +select"))
	var nodes []*node
	var inboxes []*inbox
	for db := range 3 {
		client := redis.NewClient(&redis.Options{
			Addr: srv.Addr, DB: db, ContextTimeoutEnabled: true, Username: "hotsock", Password: "PASSWORD",
		})
		t.Cleanup(func() { _ = client.Close() })
		in := newInbox(t)
		n := joinAs(t, newStore(t, client), in, testJoin)
		mustWatch(t, n, "c")
		nodes, inboxes = append(nodes, n), append(inboxes, in)
	}
	for db, n := range nodes {
		if _, err := n.Subscribe(unhurried(t), store.SubscribeRequest{Channel: "c", Connection: "1"}); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e"})
		}
		// What is told to every node of an installation is, too.
		if err := n.tell(t.Context(), "", pack("lost", n.s.keys.channel("c").topic(), someID)); err != nil {
			t.Fatal(err)
		}
		inboxes[db].await("its own", back, func() bool { return len(inboxes[db].items) == 10 && inboxes[db].lost == 1 })
	}
	await.Pass(probePatience, "whoever heard the others has found a gap by then")
	for db, in := range inboxes {
		in.mu.Lock()
		if len(in.items) != 10 || in.lost != 1 {
			t.Errorf("database %d: %d items and %d losses, want 10 and 1", db, len(in.items), in.lost)
		}
		in.mu.Unlock()
		if err := nodes[db].Ready(unhurried(t)); err != nil {
			t.Errorf("database %d: not ready: %v", db, err)
		}
	}
}
