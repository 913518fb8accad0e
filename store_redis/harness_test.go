package storeredis

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/store/storetest"
)

// kill ends a node as the death of its process would: nothing is removed.
func (n *node) kill() {
	n.left.Store(true)
	n.stop()
}

// A miniHarness runs on miniredis, with fake time.
type miniHarness struct {
	m *miniredis.Miniredis
}

// newMiniHarness makes one in a bubble.
func newMiniHarness(t *testing.T) storetest.Harness {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	t.Cleanup(m.Close)
	// What the clients had begun ends by its timeouts: time goes on for it only
	// here, and it must not dial a server that is being closed.
	t.Cleanup(func() { time.Sleep(maxTimeout) })
	return &miniHarness{m}
}

func (h *miniHarness) Open(t *testing.T) store.Store {
	c := redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:6379", ContextTimeoutEnabled: true, DisableIdentity: true,
		Dialer: func(context.Context, string, string) (net.Conn, error) {
			c, err := h.m.Dial()
			if err != nil {
				return nil, err
			}
			return newBufferedConn(c), nil
		},
	})
	t.Cleanup(func() { _ = c.Close() })
	s, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A bufferedConn never blocks a writer, as a socket does not in these tests. A
// pipe would: the client writes a whole pipeline before it reads an answer,
// and the server does not read on before its answer is read.
type bufferedConn struct {
	net.Conn
	writes chan []byte
	closed chan struct{}
	once   sync.Once
}

func newBufferedConn(c net.Conn) *bufferedConn {
	b := &bufferedConn{Conn: c, writes: make(chan []byte, 1<<12), closed: make(chan struct{})}
	go func() {
		for {
			select {
			case w := <-b.writes:
				if _, err := c.Write(w); err != nil {
					return
				}
			case <-b.closed:
				return
			}
		}
	}()
	return b
}

func (b *bufferedConn) Write(p []byte) (int, error) {
	select {
	case b.writes <- bytes.Clone(p):
		return len(p), nil
	case <-b.closed:
		return 0, net.ErrClosed
	}
}

func (b *bufferedConn) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Conn.Close()
}

func (h *miniHarness) Kill(_ *testing.T, _ store.Store, n store.Node) { n.(*node).kill() }

func (h *miniHarness) Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (h *miniHarness) Now() time.Time { return time.Now() }

// A realHarness runs on real servers, in real time.
type realHarness struct {
	newClient func() redis.UniversalClient
	// prefix keeps tests apart that share the servers.
	prefix string
}

func (h *realHarness) Open(t *testing.T) store.Store {
	c := h.newClient()
	t.Cleanup(func() { _ = c.Close() })
	s, err := New(c, Options{KeyPrefix: h.prefix, Logger: testLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *realHarness) Kill(_ *testing.T, _ store.Store, n store.Node) { n.(*node).kill() }

func (h *realHarness) Advance(d time.Duration) { await.Pass(d, "as the suite says") }

// Now is right because the servers run on this machine.
func (h *realHarness) Now() time.Time { return time.Now() }

var prefixes atomic.Int64

func newRealHarness(newClient func() redis.UniversalClient) func(*testing.T) storetest.Harness {
	return func(t *testing.T) storetest.Harness {
		t.Parallel()
		return &realHarness{newClient: newClient, prefix: fmt.Sprintf("hotsock:t%d:", prefixes.Add(1))}
	}
}

func testLogger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// TestConformanceOnServer and the next one run as the users that docs/redis.md
// describes, so they may do no more than that. On the server, scripts fail that
// do not declare their keys; a cluster accepts what is in the same slot.
func TestConformanceOnServer(t *testing.T) {
	t.Parallel()
	s := redistest.StartServer(t)
	restrict(t, s, documentedUser(t)[:1])
	storetest.Run(t, newRealHarness(func() redis.UniversalClient {
		client := redis.NewClient(&redis.Options{
			Addr: s.Addr, ContextTimeoutEnabled: true, Username: "hotsock", Password: "PASSWORD",
		})
		client.AddHook(declaredHook{})
		return client
	}))
}

func TestConformanceOnCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	for _, s := range c.Servers {
		restrict(t, s, documentedUser(t))
	}
	storetest.Run(t, newRealHarness(func() redis.UniversalClient {
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: c.Addrs(), ContextTimeoutEnabled: true, Username: "hotsock", Password: "PASSWORD",
		})
	}))
}
