package hotsocktest

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hotsock-go/hotsock"
)

// A Node is one process of an installation. Its methods may be called
// concurrently.
type Node struct {
	// URL of the app on this node, without a slash at the end.
	URL string
	// Store is the link to the store.
	Store *Link

	s *Server

	mu      sync.Mutex
	handler *hotsock.Handler
	live    *process // nil while the node is stopped
	ending  sync.WaitGroup
}

// A process is a node from its start to its end.
type process struct {
	handler *hotsock.Handler
	dead    atomic.Bool // It was killed.
	http    *http.Server
	memory  *listener
	serving sync.WaitGroup
}

func newNode(s *Server, i int) *Node {
	return &Node{URL: fmt.Sprintf("http://node%d.hotsock.test", i+1), Store: newLink(), s: s}
}

// Handler returns the handler of the latest start.
func (n *Node) Handler() *hotsock.Handler {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.handler
}

// Start starts the node again after Stop or Kill, with the same URL. With the
// memory store it has lost its state. The fault of Store ends.
func (n *Node) Start() {
	n.s.t.Helper()
	n.ending.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.live != nil {
		n.s.t.Fatal("hotsocktest: the node is running")
	}
	n.Store.Heal()
	p, err := n.start()
	if err != nil {
		n.s.t.Fatalf("hotsocktest: cannot start the node: %v", err)
	}
	n.live, n.handler = p, p.handler
}

func (n *Node) start() (*process, error) {
	p := new(process)
	o, err := n.options(p)
	if err != nil {
		return nil, err
	}
	app := n.s.o.App
	if app == nil {
		app = n.alone
	}
	h, served, err := app(o)
	if err != nil {
		return nil, err
	}
	p.handler = h
	p.http = &http.Server{Handler: served, ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelWarn)} //nolint:gosec // Tests are no attackers.
	if !n.s.bubble {
		address := "127.0.0.1:0"
		if n.handler != nil { // It had an address before.
			address = strings.TrimPrefix(n.URL, "http://")
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			_ = h.Close()
			return nil, err
		}
		if n.handler == nil {
			n.URL = "http://" + l.Addr().String()
		}
		p.serve(l)
	}
	p.memory = n.s.network.listen(n.URL)
	p.serve(p.memory)
	return p, nil
}

func (p *process) serve(l net.Listener) {
	p.serving.Go(func() { _ = p.http.Serve(l) }) // until it is closed
}

// options are what the node's handler is made with.
func (n *Node) options(p *process) (hotsock.Options, error) {
	o := n.s.o.Handler
	o.Keys = append(slices.Clip(o.Keys), n.s.Key.Key())
	o.Events = n.s.Events.sinks(o.Events, &p.dead)
	st, err := n.s.backend.open(n)
	if err != nil {
		return o, err
	}
	if o.Scheduler != nil {
		st.scheduler = o.Scheduler
	}
	o.Store, o.Scheduler = st, st.Scheduler()
	return o, nil
}

// alone serves nothing but the handler.
func (n *Node) alone(o hotsock.Options) (*hotsock.Handler, http.Handler, error) {
	h, err := hotsock.New(o)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(n.s.o.Path, h)
	mux.Handle(strings.TrimSuffix(n.s.o.Path, "/")+"/", h)
	return h, mux, nil
}

// Stop shuts the node down as a deployment does: its clients are told, and so
// are the other nodes.
func (n *Node) Stop() {
	n.s.t.Helper()
	p := n.end()
	if p == nil {
		return
	}
	ctx, cancel := n.s.patient()
	defer cancel()
	if err := p.handler.Shutdown(ctx); err != nil {
		n.s.t.Errorf("hotsocktest: Shutdown: %v", err)
	}
	p.stopServing()
}

// Kill ends the node without notice, as a crash does: its connections are reset,
// and the other nodes find out when its NodeTimeout has passed.
func (n *Node) Kill() {
	p := n.end()
	if p == nil {
		return
	}
	p.dead.Store(true)
	n.Store.Down()
	p.memory.reset()
	n.ending.Go(func() {
		_ = p.handler.Close() // It cannot reach its store.
		p.stopServing()
	})
}

// end takes the process away, nil if there is none.
func (n *Node) end() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.live
	n.live = nil
	if p != nil {
		_ = p.memory.Close()
	}
	return p
}

func (p *process) stopServing() {
	_ = p.http.Close()
	p.serving.Wait()
}

// close ends the node with the test.
func (n *Node) close() {
	if p := n.end(); p != nil {
		if err := p.handler.Close(); err != nil {
			n.s.t.Logf("hotsocktest: Close: %v", err)
		}
		p.stopServing()
	}
	n.ending.Wait()
}
