package hotsocktest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// inWire runs a test in a bubble on a connection that nobody else has.
func inWire(t *testing.T, f func(t *testing.T, l *Link, client, server net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLink()
		w, err := l.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		client, server := w.client(), w.server()
		f(t, l, client, server)
		_ = client.Close()
		_ = server.Close()
		if len(l.wires) != 0 {
			t.Errorf("the link still has %d connections", len(l.wires))
		}
	})
}

func write(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if n, err := c.Write([]byte(text)); n != len(text) || err != nil {
		t.Errorf("Write = %d, %v", n, err)
	}
}

func read(t *testing.T, c net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
		t.Errorf("Read = %q, %v; want %q", b, err, want)
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestWire(t *testing.T) {
	inWire(t, func(t *testing.T, _ *Link, client, server net.Conn) {
		write(t, client, "hello")
		write(t, server, "welcome") // though nobody reads yet
		read(t, server, "hello")
		read(t, client, "welcome")

		// More than fits waits, and comes complete.
		long := bytes.Repeat([]byte("0123456789"), bufferSize/2)
		var writer sync.WaitGroup
		writer.Go(func() {
			write(t, client, string(long))
			_ = client.Close()
		})
		got, err := io.ReadAll(server)
		writer.Wait()
		if err != nil || !bytes.Equal(got, long) {
			t.Errorf("read %d bytes of %d, %v", len(got), len(long), err)
		}
		_, err = server.Write([]byte("x"))
		wantError(t, "writing to who has left", err, syscall.EPIPE)
		_, err = client.Read(make([]byte, 1))
		wantError(t, "reading from what was closed", err, net.ErrClosed)
		_, err = client.Write([]byte("x"))
		wantError(t, "writing to what was closed", err, net.ErrClosed)
		wantError(t, "closing again", client.Close(), net.ErrClosed)
		wantError(t, "a deadline for what was closed", client.SetDeadline(time.Now()), net.ErrClosed)
	})
}

func TestDeadlines(t *testing.T) {
	inWire(t, func(t *testing.T, _ *Link, client, server net.Conn) {
		begun := time.Now()
		_ = client.SetReadDeadline(begun.Add(time.Minute))
		_, err := client.Read(make([]byte, 1))
		wantError(t, "reading", err, os.ErrDeadlineExceeded)
		if d := time.Since(begun); d != time.Minute {
			t.Errorf("it took %v", d)
		}
		// One that comes while somebody waits counts, too.
		_ = client.SetReadDeadline(time.Time{})
		time.AfterFunc(time.Hour, func() { _ = client.SetReadDeadline(time.Unix(1, 0)) })
		_, err = client.Read(make([]byte, 1))
		wantError(t, "reading", err, os.ErrDeadlineExceeded)

		_ = client.SetReadDeadline(time.Time{})
		write(t, server, "later")
		read(t, client, "later")

		_ = client.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := client.Write(make([]byte, bufferSize+1))
		wantError(t, "writing", err, os.ErrDeadlineExceeded)
		if n != bufferSize {
			t.Errorf("wrote %d bytes", n)
		}
	})
}

func TestCut(t *testing.T) {
	inWire(t, func(t *testing.T, l *Link, client, server net.Conn) {
		write(t, client, "lost")
		l.Cut()
		for _, c := range []net.Conn{client, server} {
			_, err := c.Read(make([]byte, 1))
			wantError(t, "reading", err, syscall.ECONNRESET)
			_, err = c.Write([]byte("x"))
			wantError(t, "writing", err, syscall.ECONNRESET)
		}
		w, err := l.connect(t.Context())
		if err != nil {
			t.Fatalf("a new connection: %v", err)
		}
		_ = w.client().Close()
		_ = w.server().Close()
	})
}

func TestDown(t *testing.T) {
	inWire(t, func(t *testing.T, l *Link, client, _ net.Conn) {
		l.Down()
		_, err := client.Read(make([]byte, 1))
		wantError(t, "reading", err, syscall.ECONNRESET)
		_, err = l.connect(t.Context())
		wantError(t, "connecting", err, syscall.ECONNREFUSED)
		l.Heal()
		if _, err := l.connect(t.Context()); err != nil {
			t.Errorf("connecting to what was healed: %v", err)
		}
		l.Cut()
	})
}

func TestFreeze(t *testing.T) {
	inWire(t, func(t *testing.T, l *Link, client, server net.Conn) {
		l.Freeze()
		write(t, client, "up")
		write(t, server, "down")
		for _, c := range []net.Conn{client, server} {
			_ = c.SetReadDeadline(time.Now().Add(time.Hour))
			_, err := c.Read(make([]byte, 1))
			wantError(t, "reading", err, os.ErrDeadlineExceeded)
			_ = c.SetReadDeadline(time.Time{})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := l.connect(ctx)
		wantError(t, "connecting", err, context.DeadlineExceeded)

		// Nor does the end of one side reach the other.
		_ = client.Close()
		write(t, server, "!")
		time.AfterFunc(time.Hour, l.Heal)
		read(t, server, "up")
		_, err = server.Read(make([]byte, 1))
		wantError(t, "reading", err, io.EOF)
	})
}

func TestStall(t *testing.T) {
	inWire(t, func(t *testing.T, l *Link, client, server net.Conn) {
		l.Stall()
		write(t, client, "up")
		read(t, server, "up")
		_ = server.SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := server.Write(make([]byte, 2*bufferSize))
		wantError(t, "writing", err, os.ErrDeadlineExceeded)
		l.Heal()
		if m, err := io.ReadFull(client, make([]byte, n)); err != nil {
			t.Errorf("read %d bytes of %d, %v", m, n, err)
		}
		l.Stall()
		w, err := l.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		write(t, w.client(), "new ones can be made")
		l.Cut()
	})
}
