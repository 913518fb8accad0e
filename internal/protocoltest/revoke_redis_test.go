package protocoltest

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	goredis "github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/need"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// storeAt returns a store with a client of its own.
func storeAt(t *testing.T, client goredis.UniversalClient) store.Store {
	t.Helper()
	s, err := storeredis.New(client, storeredis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func clientOf(t *testing.T, addr string) *goredis.Client {
	t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: addr, ContextTimeoutEnabled: true, MaxRetries: -1})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func needsRedis(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: needs a Redis server")
	}
	need.Program(t, "redis-server", "redis-server")
	t.Parallel()
}

func (e *env) revokeJim(t *testing.T, n int) error {
	t.Helper()
	_, err := e.nodes[n].Revoke(t.Context(), hotsock.Revocation{UID: "Jim", Until: time.Now().Add(time.Hour)})
	return err
}

// A Redis that has lost everything gets the revocations back from the nodes that live.
func TestRevocationsOutliveRedis(t *testing.T) {
	needsRedis(t)
	server := redistest.StartServer(t)
	e := newEnv(t, []store.Store{storeAt(t, clientOf(t, server.Addr)), storeAt(t, clientOf(t, server.Addr))}, nil)
	if err := e.revokeJim(t, 0); err != nil {
		t.Fatal(err)
	}
	server.Restart()
	client := server.Client()
	await.That(t, "the store to have it again", func() bool {
		keys, err := client.Keys(t.Context(), "*}:eo:*").Result()
		return err == nil && len(keys) == 1
	})
	e.nodes = append(e.nodes[:0], &node{e.start(t, storeAt(t, clientOf(t, server.Addr)), nil), ""})
	if n := e.nodes[0].Stats().Revocations; n != 1 {
		t.Errorf("a new node knows %d", n)
	}
}

// With an append-only file they outlive all nodes, too.
func TestRevocationsOutliveNodes(t *testing.T) {
	needsRedis(t)
	server := redistest.StartServer(t, "--appendonly", "yes", "--appendfsync", "always")
	e := newEnv(t, []store.Store{storeAt(t, clientOf(t, server.Addr))}, nil)
	if err := e.revokeJim(t, 0); err != nil {
		t.Fatal(err)
	}
	if err := e.nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	server.Restart()
	h := e.start(t, storeAt(t, clientOf(t, server.Addr)), nil)
	if n := h.Stats().Revocations; n != 1 {
		t.Errorf("a new node knows %d", n)
	}
}

// A node that is cut off is not waited for longer than usual, accepts nobody after a
// moment, and ends what it has when it hears of it.
func TestRevokeWhileCutOff(t *testing.T) {
	needsRedis(t)
	server := redistest.StartServer(t)
	proxy := redistest.NewProxy(t, server.Addr)
	e := newEnv(t, []store.Store{storeAt(t, clientOf(t, server.Addr)), storeAt(t, clientOf(t, proxy.Addr))},
		func(o *hotsock.Options) { o.StoreTimeout, o.NodeTimeout = time.Second, time.Minute })
	claims := issued("connect", "Jim", time.Second, "")
	jim := e.connectTo(t, 1, claims)
	proxy.Refuse()
	err := e.revokeJim(t, 0)
	if !errors.Is(err, &hotsock.Error{Code: hotsock.CodeUnavailable}) {
		t.Fatalf("a node is cut off: %v", err)
	}
	jim.ExpectNothing()
	await.That(t, "the node to notice", func() bool {
		c, a := e.dial(t, 1, "?token="+token(t, claims), nil)
		if c != nil {
			c.Cut()
		}
		return c == nil && a.status == http.StatusServiceUnavailable
	})
	proxy.Heal()
	jim.ExpectClose(websocket.StatusPolicyViolation, tokenRevoked)
	await.That(t, "the node to be back", func() bool {
		c, a := e.dial(t, 1, "?token="+token(t, claims), nil)
		if c != nil {
			t.Fatal("a revoked token connects")
		}
		return a.status == http.StatusUnauthorized
	})
	if err := e.revokeJim(t, 0); err != nil {
		t.Errorf("all nodes are there: %v", err)
	}
}

// In a cluster, all revocations are in one place.
func TestRevokeOnCluster(t *testing.T) {
	needsRedis(t)
	cluster := redistest.StartCluster(t)
	e := newEnv(t, []store.Store{storeAt(t, cluster.Client()), storeAt(t, cluster.Client())}, nil)
	jim := e.connectTo(t, 1, issued("connect", "Jim", time.Second, ""))
	for i := range 50 {
		if _, err := e.nodes[i%2].Revoke(t.Context(), hotsock.Revocation{TokenID: fmt.Sprint(i), Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.revokeJim(t, 0); err != nil {
		t.Fatal(err)
	}
	jim.ExpectClose(websocket.StatusPolicyViolation, tokenRevoked)
	if n := e.start(t, storeAt(t, cluster.Client()), nil).Stats().Revocations; n != 51 {
		t.Errorf("a new node knows %d", n)
	}
	if _, err := e.nodes[1].Revoke(t.Context(), hotsock.Revocation{IssuedBefore: time.Now(), Until: time.Now().Add(2 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for _, n := range e.nodes {
		if r := n.Stats().Revocations; r != 51 { // those by id are another matter
			t.Errorf("a node knows %d", r)
		}
	}
}
