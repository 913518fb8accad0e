package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/pipe"
)

// inBubble runs a test in a bubble, with a client of a server that the test
// makes.
func inBubble(t *testing.T, server http.Handler, o Options, f func(t *testing.T, c *Client)) {
	t.Helper()
	inBubbleAt(t, "ws://pipe/rt", server, o, f)
}

// inBubbleAt is inBubble with another URL.
func inBubbleAt(t *testing.T, url string, server http.Handler, o Options, f func(t *testing.T, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := servePipe(t, server)
		o.URL, o.HTTPClient = url, p
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
	l := pipe.Listen()
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
		_ = server.Serve(l)
	}()
	transport := &http.Transport{DialContext: l.DialContext}
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

const hello = `{"event":"hotsock.connected","data":{"connectionId":"c","connectionSecret":"s"},"meta":{"uid":null,"umd":null}}`

// script is a server that says hello, and then what the function says.
func script(t *testing.T, f func(ctx context.Context, ws *websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !isUpgrade(r) {
			http.NotFound(w, r) // It has WebSockets only.
			return
		}
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

// pong answers a ping.
func pong(ping string) string {
	var f struct{ Ref string }
	_ = json.Unmarshal([]byte(ping), &f)
	return fmt.Sprintf(`{"event":"hotsock.pong","data":{},"ref":%q}`, f.Ref)
}
