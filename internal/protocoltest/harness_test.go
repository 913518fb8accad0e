package protocoltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// A topology is a way in which an installation can be set up. What the
// protocol promises must not depend on it.
type topology struct {
	name string
	// stores returns a store for each node of a new installation.
	stores func(t *testing.T) []store.Store
}

var topologies = []topology{
	{"one node", func(*testing.T) []store.Store { return []store.Store{storememory.New()} }},
	{"two nodes", func(*testing.T) []store.Store {
		s := storememory.New()
		return []store.Store{s, s}
	}},
	{"two nodes on Redis", onRedis},
}

// everywhere runs a test in each topology. Options are set by set, which may
// be nil.
func everywhere(t *testing.T, set func(*hotsock.Options), f func(t *testing.T, e *env)) {
	t.Helper()
	t.Parallel()
	for _, top := range topologies {
		t.Run(top.name, func(t *testing.T) {
			if testing.Short() && top.name == "two nodes on Redis" {
				t.Skip("not with -short: needs a Redis server")
			}
			t.Parallel()
			f(t, newEnv(t, top.stores(t), set))
		})
	}
}

// An env is one installation and who talks to it.
type env struct {
	vars
	nodes  []*node
	http   *http.Client
	events *eventLog
	logs   *logBuffer
	// patience is how long to wait for what must come.
	patience time.Duration

	turn  atomic.Int64
	marks atomic.Int64
	// dialed counts connections.
	dialed atomic.Int64
}

// A node is a handler and where it is served.
type node struct {
	*hotsock.Handler
	base string // the URL that it is mounted under, without a slash at the end
}

// apiKeys are those of the server API on every node.
var apiKeys = []string{"first-api-key", "second-api-key"}

// options are what all nodes have in common.
func (e *env) options(s store.Store, set func(*hotsock.Options)) hotsock.Options {
	o := hotsock.Options{
		Keys:     []hotsock.Key{{Algorithm: hotsock.HS256, Secret: []byte(signingSecret)}},
		APIKeys:  apiKeys,
		Store:    s,
		Compress: true,
		Logger:   slog.New(slog.NewTextHandler(e.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		// The machine may be busy: a second is not much then.
		StoreTimeout: 10 * time.Second,
		// The clients read, and so answer pings, only when a test tells them to.
		PingInterval: -1,
	}
	if set != nil {
		set(&o)
	}
	if o.Events != nil {
		o.Events = e.events
	}
	return o
}

// newEnv starts a node on each store, behind a real server each.
func newEnv(t *testing.T, stores []store.Store, set func(*hotsock.Options)) *env {
	t.Helper()
	e := &env{http: &http.Client{}, events: new(eventLog), logs: new(logBuffer), patience: 20 * time.Second}
	transport := &http.Transport{}
	e.http.Transport = transport
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		e.logs.showIfFailed(t)
	})
	for _, s := range stores {
		h := e.start(t, s, set)
		srv := httptest.NewServer(mount(h))
		t.Cleanup(srv.Close)
		e.nodes = append(e.nodes, &node{h, srv.URL + "/rt"})
	}
	return e
}

// start makes a handler that is closed at the end of the test.
func (e *env) start(t *testing.T, s store.Store, set func(*hotsock.Options)) *hotsock.Handler {
	t.Helper()
	h, err := hotsock.New(e.options(s, set))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A test may have stopped it in its own way, in too short a time.
		if err := h.Close(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v", err)
		}
	})
	return h
}

// mount serves the handler as the README tells hosts to.
func mount(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/rt", h)
	mux.Handle("/rt/", h)
	return mux
}

// next spreads things over the nodes.
func (e *env) next() int { return int(e.turn.Add(1)) % len(e.nodes) }

// anyNode returns a node, not always the same.
func (e *env) anyNode() *node { return e.nodes[e.next()] }

func (e *env) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), e.patience)
}

// publish publishes as the host does, on any node.
func (e *env) publish(t *testing.T, m hotsock.Message) hotsock.PublishResult {
	t.Helper()
	ctx, cancel := e.context()
	defer cancel()
	p, err := e.anyNode().Publish(ctx, m)
	if err != nil {
		t.Fatalf("Publish: %v", err)
	}
	return p
}

// mark publishes something that nobody else does, and returns the frame that
// subscribers get. Whatever they were sent on the channel before, they get
// before it.
func (e *env) mark(t *testing.T, channel string) string {
	t.Helper()
	n := e.marks.Add(1)
	e.publish(t, hotsock.Message{Channel: channel, Event: "mark", Data: n})
	return fmt.Sprintf(`{"id":"$_","event":"mark","channel":%q,"data":%d}`, channel, n)
}

// quiet fails if any of the clients, all subscribed to the channel, has been
// sent anything that was not read.
func (e *env) quiet(t *testing.T, channel string, clients ...*client) {
	t.Helper()
	m := e.mark(t, channel)
	for _, c := range clients {
		c.expect(m)
	}
}

// A logBuffer has what the handlers logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) showIfFailed(t *testing.T) {
	if t.Failed() {
		t.Logf("the handlers logged:\n%s", l)
	}
}
