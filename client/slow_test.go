package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

// A slowConn carries that many bytes a second in each direction.
type slowConn struct {
	net.Conn
	rate  int
	over  chan struct{} // closed with it
	close sync.Once
}

func (c *slowConn) Close() error {
	c.close.Do(func() { close(c.over) })
	return c.Conn.Close()
}

func (c *slowConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(len(b), 1000)])
	c.wait(n)
	return n, err
}

func (c *slowConn) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		var part int
		part, err = c.Conn.Write(b[:min(len(b), 1000)])
		b, n = b[part:], n+part
		c.wait(part)
	}
	return n, err
}

func (c *slowConn) wait(n int) {
	select {
	case <-time.After(time.Duration(n) * time.Second / time.Duration(c.rate)):
	case <-c.over:
	}
}

// slow makes the connections of a client slow.
func slow(c *http.Client, rate int) *http.Client {
	dial := c.Transport.(*http.Transport).DialContext
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			return &slowConn{Conn: conn, rate: rate, over: make(chan struct{})}, err
		},
	}}
}

// What is stored arrives over a slow link, and after a break once more.
func TestSlowSnapshot(t *testing.T) {
	for _, tt := range []struct{ entries, size, rate int }{
		{100, 30_000, 100_000},
		{100, 30_000, 50_000},
		{14, 30_000, 5_000},
	} {
		var st states
		o := Options{OnState: st.add}
		onHandler(t, o, nil, func(t *testing.T, h *hotsock.Handler, c *Client) {
			value := json.RawMessage(`"` + strings.Repeat("x", tt.size-2) + `"`)
			for i := range tt.entries {
				e := hotsock.Entry{Channel: "room", Key: fmt.Sprintf("key.%03d", i), Data: value}
				if _, err := h.SetStorage(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			o := c.opts
			o.HTTPClient = slow(o.HTTPClient, tt.rate)
			c, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			sub, err := c.Subscribe(ctx, "room", nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range tt.entries {
				if i == tt.entries/2 {
					c.mu.Lock()
					c.conn.cancel(errBroken)
					c.mu.Unlock()
				}
				event, err := sub.Next(ctx)
				if e, ok := event.(Entry); err != nil || !ok || e.Key != fmt.Sprintf("key.%03d", i) {
					t.Fatalf("got %T, %v, want entry %d", event, err, i)
				}
			}
			took := time.Since(began)
			if most := time.Duration(tt.entries*tt.size*3/2/tt.rate+5) * time.Second; took > most {
				t.Errorf("it took %v, more than %v", took, most)
			}
			if waits := st.waits(); len(waits) != 1 {
				t.Errorf("disconnected %d times: %v", len(waits), waits)
			}
		})
	}
}

// A single message may take many heartbeat intervals, in both directions.
func TestSlowMessage(t *testing.T) {
	text := strings.Repeat("x", 400_000)
	server := script(t, func(ctx context.Context, ws *websocket.Conn) {
		ws.SetReadLimit(int64(2 * len(text)))
		var saying sync.WaitGroup
		saying.Go(func() { say(ctx, ws, fmt.Sprintf(`{"event":"hotsock.subscribed","channel":%q}`, text)) })
		defer saying.Wait()
		_ = hear(ctx, ws, func(frame string) {
			if len(frame) > len(text) {
				say(ctx, ws, strings.Replace(pong(frame), "pong", "ack", 1))
			}
		})
	})
	var st states
	inBubble(t, server, Options{}, func(t *testing.T, c *Client) {
		o := c.opts
		o.HTTPClient, o.OnState = slow(o.HTTPClient, 2_000), st.add
		c, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Publish(t.Context(), "room", "e", text); err != nil {
			t.Error(err)
		}
		for _, w := range st.waits() {
			t.Errorf("disconnected: %v", w.Err)
		}
	})
}

// In fake time, a server that takes nothing more is left, though it goes on sending.
func TestStuckServer(t *testing.T) {
	server := script(t, func(ctx context.Context, ws *websocket.Conn) {
		for ctx.Err() == nil && ws.Write(ctx, websocket.MessageText, []byte(`{"event":"e","channel":"room"}`)) == nil {
			time.Sleep(time.Second)
		}
	})
	var st states
	inBubble(t, server, Options{OnState: st.add}, func(t *testing.T, _ *Client) {
		time.Sleep(80 * time.Second)
		if waits := st.waits(); len(waits) == 0 {
			t.Error("it is not left")
		}
	})
}

// Close takes a moment, also while a large message is on its way over a slow
// link.
func TestCloseOnSlowLink(t *testing.T) {
	server := script(t, func(ctx context.Context, ws *websocket.Conn) { _ = hear(ctx, ws, func(string) {}) })
	inBubble(t, server, Options{}, func(t *testing.T, c *Client) {
		o := c.opts
		o.HTTPClient = slow(o.HTTPClient, 2_000)
		c, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := c.Publish(ctx, "room", "e", strings.Repeat("x", 30_000)); !errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("got %v", err)
		}
		began := time.Now()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
