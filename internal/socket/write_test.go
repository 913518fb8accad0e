package socket

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// full sends until the kernel takes no more, and returns how much that was.
func full(t *testing.T, c *Conn) (frames int) {
	t.Helper()
	if tcp, ok := c.below.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(64 << 10)
	}
	f := textFrame(strings.Repeat("f", 60_000))
	for before, same := 0, 0; same < 10; {
		await.Pass(20*time.Millisecond, "for the kernel to take what it takes")
		now := c.Queued()
		if same++; now != before || now == 0 {
			before, same = now, 0
		}
		for ; now < 4*f.Len(); now += f.Len() {
			c.Send(f)
			frames++
			before = 0
		}
	}
	return frames
}

// A client that receives nothing is told to be too slow after the timeout, and not
// before; one that goes on in time gets all.
func TestStall(t *testing.T) {
	t.Parallel()
	bothWays(t, testStall)
}

func testStall(t *testing.T, f *Flusher) {
	const timeout = 2 * time.Second
	t.Run("nothing is received", func(t *testing.T) {
		slow := make(chan struct{}, 1)
		c, _ := pair(t, Options{Flusher: f, QueueLimit: 1 << 30, WriteTimeout: timeout, TooSlow: func() { slow <- struct{}{} }})
		full(t, c)
		select {
		case <-slow:
		case <-time.After(10 * time.Second):
			t.Fatal("nobody was told")
		}
		c.Close(context.Background(), StatusTryAgainLater, "slow")
		if q := c.Queued(); q != 0 {
			t.Errorf("%d bytes are still queued", q)
		}
	})
	t.Run("it goes on just in time", func(t *testing.T) {
		c, client := pair(t, Options{Flusher: f, QueueLimit: 1 << 30, WriteTimeout: timeout})
		n := full(t, c)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		await.Pass(timeout/2, "while the client reads nothing")
		for i := range n {
			if _, b, err := client.Read(ctx); err != nil || len(b) != 60_000 {
				t.Fatalf("message %d: %d bytes, %v", i, len(b), err)
			}
		}
	})
}

// However much time has passed, as when the process stood still, one look says
// nothing: the client may have had no time of its own.
func TestLateLook(t *testing.T) {
	slow := make(chan struct{}, 1)
	c, _ := pair(t, Options{QueueLimit: 1 << 30, WriteTimeout: time.Hour, TooSlow: func() { slow <- struct{}{} }})
	full(t, c)
	c.look() // which finds what has changed since it is full
	for range looks - 1 {
		c.look()
	}
	if len(slow) != 0 {
		t.Error("the client is called slow too early")
	}
	if c.look(); len(slow) != 1 {
		t.Error("the client is not called slow")
	}
}

// What the kernel does not take waits for a goroutine of the connection's own, and
// the Flusher goes on with others.
func TestFullSocket(t *testing.T) {
	f := new(Flusher)
	t.Cleanup(f.Close)
	c, client := pair(t, Options{Flusher: f, QueueLimit: 1 << 30, WriteTimeout: time.Minute})
	other, otherClient := pair(t, Options{Flusher: f})
	n := full(t, c)
	other.Send(textFrame("others"))
	if _, b, err := otherClient.Read(t.Context()); err != nil || string(b) != "others" {
		t.Errorf("read %q, %v", b, err)
	}
	for i := range n {
		if _, b, err := client.Read(t.Context()); err != nil || len(b) != 60_000 {
			t.Fatalf("message %d: %d bytes, %v", i, len(b), err)
		}
	}
}

// A full socket takes nothing, which is no error.
func TestTryWriteToAFullSocket(t *testing.T) {
	if !canTry {
		t.Skip("not on this system")
	}
	c, _ := pair(t, Options{})
	resume := hold(c)
	defer resume()
	b := make([]byte, 1<<20)
	deadline := time.Now().Add(10 * time.Second)
	for empty := 0; empty < 10; {
		n, err := tryWrite(c.kernel, b)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("took %d bytes, %v", n, err)
		}
		if empty++; n > 0 {
			empty = 0
		}
		await.Pass(time.Millisecond, "for the kernel to take what it takes")
	}
	if n, known := unsentBytes(c.kernel); known && n == 0 {
		t.Error("nothing is unsent")
	}
}

// counted embeds a TCP connection, and counts what goes through it.
type counted struct {
	*net.TCPConn
	in, out *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	c.in.Add(int64(n))
	return n, err
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	c.out.Add(int64(n))
	return n, err
}

type countingListener struct {
	net.Listener
	in, out atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return counted{c.(*net.TCPConn), &l.in, &l.out}, nil
}

// A connection of the host's own, even one that embeds *net.TCPConn, is given
// everything: it may count, or encrypt.
func TestWrappedConnectionIsNotBypassed(t *testing.T) {
	for name, server := range map[string]func(*httptest.Server){
		"plain": (*httptest.Server).Start,
		"TLS":   (*httptest.Server).StartTLS,
	} {
		t.Run(name, func(t *testing.T) {
			f := new(Flusher)
			t.Cleanup(f.Close)
			accepted := make(chan *Conn, 1)
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := Accept(w, r, Options{ReadLimit: 1 << 20, QueueLimit: 1 << 20, WriteTimeout: time.Second, Flusher: f})
				if err != nil {
					t.Error(err)
				}
				accepted <- c
			}))
			l := &countingListener{Listener: s.Listener}
			s.Listener = l
			server(s)
			defer s.Close()
			client := wstest.Dial(t, s.URL, wstest.Options{HTTPClient: s.Client()}).WS
			c := <-accepted
			in, out := l.in.Load(), l.out.Load()

			message := strings.Repeat("m", 100_000)
			c.Send(textFrame(message))
			if _, b, err := client.Read(t.Context()); err != nil || string(b) != message {
				t.Fatalf("read %d bytes, %v", len(b), err)
			}
			go func() { _ = client.Write(t.Context(), websocket.MessageText, []byte(message)) }()
			if err := c.Wait(); err != nil {
				t.Error(err)
			}
			if b, err := nextMessage(c); err != nil || string(b) != message {
				t.Fatalf("read %d bytes, %v", len(b), err)
			}
			if in, out := l.in.Load()-in, l.out.Load()-out; in < 100_000 || out < 100_000 {
				t.Errorf("only %d and %d bytes went through the connection", in, out)
			}
			go func() { _, _, _ = client.Read(context.Background()) }()
			go readOn(c)
			c.Close(context.Background(), StatusGoingAway, "")
		})
	}
}

// A TLS connection survives that its client pauses in the middle of a record.
func TestStallOverTLS(t *testing.T) {
	accepted := make(chan *Conn, 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, Options{
			ReadLimit: 1 << 20, QueueLimit: 1 << 30, WriteTimeout: 2 * time.Second,
			TooSlow: func() { t.Error("too slow") },
		})
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}))
	defer s.Close()
	conn, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, wstest.Request("/"))
	c := <-accepted
	defer func() { c.Cut(); c.Close(context.Background(), StatusNormal, "") }()
	n := full(t, c)
	total := int64(n) * int64(textFrame(strings.Repeat("f", 60_000)).Len())
	await.Pass(time.Second, "while the client reads nothing")
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if got, err := io.CopyN(io.Discard, conn, total); err != nil {
		t.Fatalf("%d of %d bytes came: %v", got, total, err)
	}
}
