package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// A pipe is a network with one server, in memory, as bubbles of fake time
// require.
type pipe struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

// inBubble runs a test in a bubble, with a client of a server that the test
// makes.
func inBubble(t *testing.T, server http.Handler, o Options, f func(t *testing.T, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := servePipe(t, server)
		o.URL, o.HTTPClient = "ws://pipe/rt", p
		c, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(t, c)
	})
}

// servePipe serves a handler until the end of the test, and returns a client
// that reaches it.
func servePipe(t *testing.T, h http.Handler) *http.Client {
	p := &pipe{conns: make(chan net.Conn), done: make(chan struct{})}
	var mu sync.Mutex
	var handling sync.WaitGroup // hijacked connections are unknown to the server
	over := false
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if over {
			mu.Unlock()
			return
		}
		handling.Add(1)
		mu.Unlock()
		defer handling.Done()
		h.ServeHTTP(w, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(p)
	}()
	transport := &http.Transport{DialContext: p.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-served
		mu.Lock()
		over = true
		mu.Unlock()
		handling.Wait()
	})
	return &http.Client{Transport: transport}
}

func (p *pipe) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipe) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipe) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

const hello = `{"event":"hotsock.connected","data":{"connectionId":"c","connectionSecret":"s"},"meta":{"uid":null,"umd":null}}`

// script is a server that says hello, and then what the function says.
func script(t *testing.T, f func(ctx context.Context, ws *websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.CloseNow()
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		say(ctx, ws, hello)
		f(ctx, ws)
	}
}

// say sends frames, for as long as the client wants them.
func say(ctx context.Context, ws *websocket.Conn, frames ...string) {
	for _, f := range frames {
		_ = ws.Write(ctx, websocket.MessageText, []byte(f))
	}
}

// hear reads until the client has gone, and returns how it did.
func hear(ctx context.Context, ws *websocket.Conn, on func(frame string)) error {
	for {
		_, b, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		on(string(b))
	}
}
