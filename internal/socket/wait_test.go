package socket

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// Who has gone without a close frame is sent none: it would be an error, and
// nobody would read it.
func TestNoHandshakeWithWhoHasGone(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, Options{ReadLimit: 1 << 16, QueueLimit: 1 << 16, WriteTimeout: time.Second, TooSlow: func() {}})
		if err != nil {
			t.Error(err)
			return
		}
		if err := c.Wait(); err == nil {
			t.Error("there is something to read")
		}
		c.Close(context.Background(), StatusGoingAway, "bye")
	}))
	defer s.Close()
	client := requestUpgrade(t, s, nil)
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(client)
	if _, after, ok := strings.Cut(string(b), "\r\n\r\n"); !ok || after != "" || err != nil {
		t.Errorf("the client was sent %q, %v", b, err)
	}
}

func TestCloseWhileWaiting(t *testing.T) {
	for range 50 {
		c, client := pair(t, Options{})
		waited := make(chan error, 1)
		go func() {
			err := c.Wait()
			if err == nil {
				_, err = nextMessage(c)
			}
			waited <- err
		}()
		closed := make(chan error, 1)
		go func() {
			_, _, err := client.Read(context.Background())
			closed <- err
		}()
		start := time.Now()
		c.Close(context.Background(), StatusGoingAway, "bye")
		if err := <-closed; websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Fatalf("the client was told %v", err)
		}
		if err := <-waited; err == nil {
			t.Fatal("read something from a closed connection")
		}
		if d := time.Since(start); d > 4*time.Second {
			t.Fatalf("the handshake took %v: somebody ate the answer", d)
		}
		if err := c.Wait(); err == nil {
			t.Fatal("a closed connection has something to read")
		}
	}
}

// Messages that come in pieces, together, and while the connection waits all
// arrive.
func TestWaitAndRead(t *testing.T) {
	c, client := pair(t, Options{})
	const n = 500
	go func() {
		for i := range n {
			_ = client.Write(context.Background(), websocket.MessageText, []byte(strings.Repeat("m", i*37%9000)))
		}
	}()
	for i := range n {
		if err := c.Wait(); err != nil {
			t.Fatal(err)
		}
		b, err := nextMessage(c)
		if err != nil || len(b) != i*37%9000 {
			t.Fatalf("message %d: %d bytes, %v", i, len(b), err)
		}
	}
	_ = client.CloseNow()
	if err := c.Wait(); err == nil {
		t.Error("a closed connection has something to read")
	}
}
