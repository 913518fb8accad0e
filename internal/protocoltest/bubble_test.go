package protocoltest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// inBubble runs a test on n nodes on one memory store, in a bubble with a clock
// of its own: waiting costs nothing. The servers are reached over pipes.
func inBubble(t *testing.T, n int, set func(*hotsock.Options), f func(t *testing.T, e *env)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &env{events: new(eventLog), logs: new(logBuffer), patience: 10 * time.Hour}
		e.http = &http.Client{}
		servers := make(map[string]*pipeListener)
		transport := &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return servers[address].dial(ctx)
		}}
		e.http.Transport = transport
		t.Cleanup(func() {
			transport.CloseIdleConnections()
			e.logs.showIfFailed(t)
			synctest.Wait()
		})
		s := storememory.New()
		for i := range n {
			h := e.start(t, s, set)
			host := fmt.Sprintf("node%d", i)
			l := newPipeListener()
			servers[host+":80"] = l
			srv := &http.Server{Handler: mount(h)}
			go func() { _ = srv.Serve(l) }()
			t.Cleanup(func() { _ = srv.Close() })
			e.nodes = append(e.nodes, &node{h, "http://" + host + "/rt"})
		}
		f(t, e)
	})
}

// A pipeListener is a network of one address.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
