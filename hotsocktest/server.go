package hotsocktest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// Options of an installation. All have a default.
type Options struct {
	// Handler are the options of the nodes. The kit adds its Key to the Keys and
	// its own sink to the Events, and by default provides the Store and logs to
	// the test's output. Outside of bubbles, StoreTimeout defaults to 5 s, because
	// machines that run tests may be busy.
	Handler hotsock.Options
	// App makes the app under test, if a node serves more than the handler. It
	// gets the options for the handler, to which it may add its own, and returns
	// the handler and everything that the node serves. It must not replace Keys
	// and Events: to add a sink, set Events to hotsock.EventSinks(o.Events, sink).
	// It is called once for each start of a node. The kit closes the handler.
	// Defaults to a handler alone.
	App func(o hotsock.Options) (*hotsock.Handler, http.Handler, error)
	// Path is where the app mounts the handler. Defaults to "/rt".
	Path string
	// Key signs what [Server.Token] returns, and the nodes accept it. An app
	// that signs tokens itself gets the same one. Defaults to a new one.
	Key hotsock.SigningKey
	// Redis keeps the state in a miniredis rather than in memory, which is
	// slower. With several nodes this is always so, because in production they
	// share a Redis too.
	Redis bool
	// Nodes is how many nodes there are. Defaults to 1.
	Nodes int
	// Patience is how long to wait for what must come before the test fails.
	// Defaults to 10 s, and in a bubble, where waiting costs nothing, to a minute,
	// which is enough for clients to come back.
	Patience time.Duration
}

// A Server is an installation: nodes with their store, and the network to
// their clients. Its methods may be called concurrently. Failures end the test
// that started it.
type Server struct {
	// URL of the app, without a slash at the end. In a bubble only
	// [Server.HTTPClient] reaches it, and it leads to the nodes in turn;
	// otherwise it is the first node's, on the loopback interface.
	URL string
	// Nodes in the order of their numbers.
	Nodes []*Node
	// Key signs tokens.
	Key hotsock.SigningKey
	// Published is what was published.
	Published *Published
	// Events are what happened.
	Events *Events

	t       testing.TB
	o       Options
	bubble  bool
	network network
	backend backend
	link    *Link // of HTTPClient
	http    *http.Client
	waiting chan struct{} // holds one element while somebody waits
}

// balanced is the address that leads to any node.
const balanced = "http://hotsock.test"

// Start starts an installation that ends with the test. In a bubble of
// testing/synctest it has a clock that can be moved, and a network in memory
// only. Otherwise other programs can reach it as well.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{
		URL: balanced, t: t, o: o, bubble: inBubble(), link: newLink(),
		waiting: make(chan struct{}, 1),
	}
	s.Published, s.Events = &Published{s: s}, &Events{s: s}
	s.setDefaults()
	s.network.nodes = make(map[string]*listener)
	if !s.bubble {
		s.network.beyond = new(net.Dialer).DialContext
	}
	transport := s.network.transport(s.link)
	s.http = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.close()
	})
	s.backend = newBackend(s)
	for i := range s.o.Nodes {
		n := newNode(s, i)
		s.Nodes = append(s.Nodes, n)
		n.Start()
	}
	if !s.bubble {
		s.URL = s.Nodes[0].URL
	}
	return s
}

func (s *Server) setDefaults() {
	if s.o.Path == "" {
		s.o.Path = "/rt"
	}
	if s.Key = s.o.Key; s.Key.Algorithm == "" {
		s.Key = newKey()
	}
	s.o.Nodes = max(s.o.Nodes, 1)
	if s.o.Patience == 0 {
		s.o.Patience = time.Minute
		if !s.bubble {
			s.o.Patience = 10 * time.Second
		}
	}
	if s.o.Handler.StoreTimeout == 0 && !s.bubble {
		s.o.Handler.StoreTimeout = 5 * time.Second
	}
	if s.o.Handler.Logger == nil {
		s.o.Handler.Logger = slog.New(slog.NewTextHandler(s.t.Output(), nil))
	}
}

// close ends everything, in the order in which it depends on each other.
func (s *Server) close() {
	s.StoreUp()
	var nodes sync.WaitGroup
	for _, n := range s.Nodes {
		nodes.Go(n.close)
	}
	nodes.Wait()
	if s.backend != nil {
		s.backend.close()
	}
	if s.bubble {
		// What the Redis client had begun ends by its timeouts, of which the
		// store's longest is 10 s.
		time.Sleep(10 * time.Second)
		s.rest()
	}
}

// Handler returns the first node's handler.
func (s *Server) Handler() *hotsock.Handler { return s.Nodes[0].Handler() }

// HTTPClient reaches the nodes, in a bubble too.
func (s *Server) HTTPClient() *http.Client { return s.http }

// StoreDown makes the store unavailable to all nodes, until StoreUp.
func (s *Server) StoreDown() {
	for _, n := range s.Nodes {
		n.Store.Down()
	}
}

// StoreUp makes the store available again.
func (s *Server) StoreUp() {
	for _, n := range s.Nodes {
		n.Store.Heal()
	}
}

// patient bounds the wait for what must come.
func (s *Server) patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), s.o.Patience)
}
