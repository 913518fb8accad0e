package socket

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/await"
)

// A client that closes takes no more than the answer. Before it comes the end of
// what has been begun, and nothing of what waits.
func TestClientClosesWhileMuchIsQueued(t *testing.T) {
	bothWays(t, func(t *testing.T, f *Flusher) {
		c, client := rawPair(t, Options{Flusher: f, QueueLimit: 100 << 20, WriteTimeout: await.Patience})
		n := full(t, c)
		if _, err := client.conn.Write(masked(fin|opClose, []byte{0x03, 0xe8})); err != nil { // 1000
			t.Fatal(err)
		}
		_, err := nextMessage(c)
		if code := CloseCode(err); code != StatusNormal {
			t.Fatalf("read %v, which closes with %d", err, code)
		}
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			c.Close(context.Background(), CloseCode(err), "")
		}()
		got, err := io.ReadAll(client.in)
		if err != nil {
			t.Fatal(err)
		}
		messages, ok := bytes.CutSuffix(got, []byte{0x88, 2, 0x03, 0xe8})
		if size := textFrame(strings.Repeat("f", 60_000)).Len(); !ok || len(messages)%size != 0 || len(messages) >= n*size {
			t.Errorf("%d bytes of messages came of %d, each %d long, and the answer: %t", len(messages), n*size, size, ok)
		}
		<-closed
		c.Send(textFrame("late"))
		if q := c.Queued(); q != 0 {
			t.Errorf("%d bytes are queued after the end", q)
		}
	})
}

// Of a client that goes while much is queued for it, nothing is left, and nobody
// waits for it.
func TestClientGoesWhileMuchIsQueued(t *testing.T) {
	bothWays(t, func(t *testing.T, f *Flusher) {
		c, client := rawPair(t, Options{Flusher: f, QueueLimit: 100 << 20, WriteTimeout: await.Patience})
		full(t, c)
		if err := client.conn.(*net.TCPConn).SetLinger(0); err != nil { // which resets the connection
			t.Fatal(err)
		}
		_ = client.conn.Close()
		if _, err := nextMessage(c); err == nil || CloseCode(err) != StatusNone {
			t.Errorf("read %v", err)
		}
		c.Close(context.Background(), StatusGoingAway, "") // returns
		if q := c.Queued(); q != 0 {
			t.Errorf("%d bytes are queued", q)
		}
	})
}

// Close has waited for those who write. Who wants something written later, as the
// answer to a ping, must not start another.
func TestNobodyWritesAfterClose(t *testing.T) {
	bothWays(t, func(t *testing.T, f *Flusher) {
		c, _ := pair(t, Options{Flusher: f})
		if f != nil {
			f.Close() // so that it cannot be asked to
		}
		c.Cut()
		c.Close(context.Background(), StatusNormal, "")
		c.mu.Lock()
		defer c.mu.Unlock()
		c.out.pong = controlFrame(opPong, nil)
		c.flush()
		if c.writing {
			t.Error("somebody writes")
		}
	})
}
