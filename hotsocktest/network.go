package hotsocktest

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// A network connects clients with the nodes of one installation, in memory.
type network struct {
	mu    sync.Mutex
	nodes map[string]*listener // by address
	turn  int                  // of the balanced address
	// beyond dials what is not a node; nil if nothing is.
	beyond func(ctx context.Context, network, address string) (net.Conn, error)
}

// listen replaces the listener at the URL.
func (n *network) listen(url string) *listener {
	l := &listener{conns: make(chan *wire), done: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[addressOf(url)] = l
	return l
}

// addressOf is what an HTTP client dials for a URL without a path.
func addressOf(url string) string {
	address := strings.TrimPrefix(url, "http://")
	if _, _, err := net.SplitHostPort(address); err != nil {
		address += ":80"
	}
	return address
}

// find returns who listens at the address: at the balanced one the nodes that
// run, in turn. It is nil for an address that is no node's.
func (n *network) find(address string) *listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	if address != addressOf(balanced) {
		return n.nodes[address]
	}
	var l *listener
	names := slices.Sorted(maps.Keys(n.nodes))
	for range names {
		l = n.nodes[names[n.turn%len(names)]]
		n.turn++
		if !l.isClosed() {
			break
		}
	}
	return l
}

func (n *network) dial(ctx context.Context, link *Link, network, address string) (net.Conn, error) {
	l := n.find(address)
	switch {
	case l != nil:
	case n.beyond != nil:
		return n.beyond(ctx, network, address)
	default:
		return nil, fmt.Errorf("hotsocktest: there is no %s here", address)
	}
	w, err := link.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("hotsocktest: cannot connect to %s: %w", address, err)
	}
	select {
	case l.conns <- w:
		return w.client(), nil
	case <-l.done:
		err = syscall.ECONNREFUSED
	case <-ctx.Done():
		err = ctx.Err()
	}
	link.forget(w)
	return nil, fmt.Errorf("hotsocktest: cannot connect to %s: %w", address, err)
}

// transport returns what HTTP clients on the link use.
func (n *network) transport(link *Link) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		return n.dial(ctx, link, network, address)
	}}
}

// A listener is where a node accepts connections.
type listener struct {
	conns chan *wire
	done  chan struct{}
	once  sync.Once

	mu    sync.Mutex
	wires []*wire // accepted and, when last looked at, open
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case w := <-l.conns:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.wires = append(slices.DeleteFunc(l.wires, (*wire).isClosed), w)
		return w.server(), nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// reset breaks all connections.
func (l *listener) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.wires {
		w.reset()
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *listener) isClosed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

func (l *listener) Addr() net.Addr { return serverAddr }
