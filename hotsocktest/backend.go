package hotsocktest

import (
	"context"
	"net"
	"sync"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// A backend gives each node its store.
type backend interface {
	open(n *Node) (*nodeStore, error)
	close()
}

func newBackend(s *Server) backend {
	switch {
	case s.o.Handler.Store != nil:
		return given{s.o.Handler.Store}
	case s.o.Redis, s.o.Nodes > 1:
		return newMini(s)
	}
	return memory{}
}

// given is the app's own store.
type given struct{ store store.Store }

func (g given) open(n *Node) (*nodeStore, error) {
	return &nodeStore{Store: g.store, scheduler: g.store.Scheduler(), published: n.s.Published, link: n.Store}, nil
}

func (given) close() {}

// memory is what a process that starts has.
type memory struct{}

func (memory) open(n *Node) (*nodeStore, error) { return given{storememory.New()}.open(n) }

func (memory) close() {}

// mini is a miniredis that all nodes share.
type mini struct {
	server *miniredis.Miniredis

	mu      sync.Mutex
	clients []*redis.Client // one for each start of a node
	ended   bool            // no more connections
}

func newMini(s *Server) *mini {
	m := &mini{server: miniredis.NewMiniRedis()}
	m.server.ClockTTL(true)
	// The server is made with the first connection.
	c, err := m.server.Dial()
	if err != nil {
		s.t.Fatalf("hotsocktest: %v", err)
	}
	_ = c.Close()
	return m
}

func (m *mini) open(n *Node) (*nodeStore, error) {
	client := redis.NewClient(&redis.Options{
		// Nobody is there: with a name, it would be looked up.
		Addr:                  "127.0.0.1:6379",
		ContextTimeoutEnabled: true, DisableIdentity: true,
		// After more failures to connect than that, the client looks for its
		// server in a goroutine that may outlive it by a second.
		PoolSize: 1 << 14,
		Dialer:   func(ctx context.Context, _, _ string) (net.Conn, error) { return m.dial(ctx, n.Store) },
	})
	m.mu.Lock()
	m.clients = append(m.clients, client)
	m.mu.Unlock()
	st, err := storeredis.New(client, storeredis.Options{})
	if err != nil {
		return nil, err
	}
	return &nodeStore{Store: st, scheduler: st.Scheduler(), published: n.s.Published}, nil
}

func (m *mini) dial(ctx context.Context, link *Link) (net.Conn, error) {
	w, err := link.connect(ctx)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		link.forget(w)
		return nil, net.ErrClosed
	}
	m.server.Server().ServeConn(w.server())
	return w.client(), nil
}

func (m *mini) close() {
	m.mu.Lock()
	m.ended = true
	clients := m.clients
	m.mu.Unlock()
	for _, c := range clients {
		_ = c.Close()
	}
	m.server.Close()
}
