package socket

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestFrameLengths(t *testing.T) { bothWays(t, testFrameLengths) }

func testFrameLengths(t *testing.T, f *Flusher) {
	c, client := pair(t, Options{Flusher: f})
	// The three forms of the length, at their bounds.
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 300000} {
		payload := strings.Repeat("x", n)
		f := textFrame(payload)
		if got := payloadOf(f); got != payload {
			t.Errorf("payload of %d bytes has %d", n, len(got))
		}
		c.Send(f)
		typ, got, err := client.Read(t.Context())
		if err != nil || typ != websocket.MessageText || string(got) != payload {
			t.Errorf("%d bytes: read %v of %d bytes, %v", n, typ, len(got), err)
		}
	}
}

func TestOrderOfConcurrentSends(t *testing.T) { bothWays(t, testOrderOfConcurrentSends) }

func testOrderOfConcurrentSends(t *testing.T, f *Flusher) {
	c, client := pair(t, Options{Flusher: f})
	const senders, each = 8, 500
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				c.Send(textFrame(string(rune('a'+s)) + strings.Repeat("i", i)))
			}
		})
	}
	next := make(map[byte]int)
	for range senders * each {
		_, b, err := client.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(b)-1 != next[b[0]] {
			t.Fatalf("sender %c: message %d instead of %d", b[0], len(b)-1, next[b[0]])
		}
		next[b[0]]++
	}
	wg.Wait()
}

func TestControlFramesBetweenFrames(t *testing.T) { bothWays(t, testControlFramesBetweenFrames) }

func testControlFramesBetweenFrames(t *testing.T, f *Flusher) {
	c, client := pair(t, Options{Flusher: f})
	ctx := t.Context()
	go func() {
		readOn(c)
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 200 {
			c.Send(textFrame(strings.Repeat("y", 3000)))
		}
	}()
	received := make(chan error, 1)
	go func() {
		for range 200 {
			_, b, err := client.Read(ctx)
			if err == nil && string(b) != strings.Repeat("y", 3000) {
				err = errors.New("a frame was torn by a pong")
			}
			if err != nil {
				received <- err
				return
			}
		}
		received <- nil
		_, _, _ = client.Read(ctx) // takes the last pongs
	}()
	for range 20 {
		if err := client.Ping(ctx); err != nil {
			t.Fatal(err)
		}
	}
	<-done
	if err := <-received; err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	tests := []struct {
		name string
		send func(ctx context.Context, c *websocket.Conn) error
		want string
		code Code
	}{
		{"text", func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageText, []byte(`{"a":"ü"}`))
		}, `{"a":"ü"}`, 0},
		{"longer than the buffer", func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageText, bytes.Repeat([]byte("z"), 1000))
		}, strings.Repeat("z", 1000), 0},
		{"binary", func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageBinary, []byte("x"))
		}, "", StatusUnsupportedData},
		{"bad UTF-8, which the WebSocket library lets through", func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageText, []byte{'a', 0xff})
		}, "", StatusInvalidText},
		{"over the limit", func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageText, make([]byte, 2001))
		}, "", StatusTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, client := pair(t, Options{ReadLimit: 2000})
			closed := make(chan websocket.StatusCode, 1)
			go func() {
				_, _, err := client.Read(context.Background())
				closed <- websocket.CloseStatus(err)
			}()
			if err := tt.send(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			got, err := nextMessage(c)
			if string(got) != tt.want {
				t.Errorf("read %q", got)
			}
			if tt.code == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			c.Close(t.Context(), CloseCode(err), "")
			if got := <-closed; Code(got) != tt.code {
				t.Errorf("closed with %v for %v, want %v", got, err, tt.code)
			}
		})
	}
}

func TestWriteDeadlineIsExtended(t *testing.T) { bothWays(t, testWriteDeadlineIsExtended) }

func testWriteDeadlineIsExtended(t *testing.T, f *Flusher) {
	c, client := pair(t, Options{Flusher: f, WriteTimeout: 50 * time.Millisecond})
	for range 4 {
		c.Send(textFrame("hello"))
		if _, _, err := client.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The deadline of the write before must not count for the next.
		<-time.After(120 * time.Millisecond)
	}
	go readOn(c)
	go func() { _, _, _ = client.Read(context.Background()) }()
	if err := client.Ping(t.Context()); err != nil {
		t.Errorf("the pong met an old deadline: %v", err)
	}
}

// What the library has written, a pong say, had a deadline, which must not count
// for frames that are written long after it.
func TestFrameAfterAPong(t *testing.T) { bothWays(t, testFrameAfterAPong) }

func testFrameAfterAPong(t *testing.T, f *Flusher) {
	c, client := pair(t, Options{Flusher: f, WriteTimeout: 20 * time.Millisecond})
	go readOn(c)
	read := make(chan error, 1)
	go func() {
		_, _, err := client.Read(context.Background())
		read <- err
	}()
	if err := client.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-time.After(60 * time.Millisecond) // more than twice the timeout
	c.Send(textFrame("hello"))
	if err := <-read; err != nil {
		t.Error(err)
	}
}

// A client that takes its time gets everything, whole and in order, although
// most writes are cut short by the kernel.
func TestPartialWrites(t *testing.T) { bothWays(t, testPartialWrites) }

func testPartialWrites(t *testing.T, f *Flusher) {
	c, client := pair(t, Options{Flusher: f, QueueLimit: 1 << 30})
	const n = 300
	for i := range n {
		c.Send(textFrame(strings.Repeat(string(rune('a'+i%26)), 50_000)))
	}
	for i := range n {
		_, b, err := client.Read(t.Context())
		if err != nil || string(b) != strings.Repeat(string(rune('a'+i%26)), 50_000) {
			t.Fatalf("frame %d: %d bytes, %v", i, len(b), err)
		}
		if i%50 == 0 {
			c.Send(textFrame("more"))
			defer func() {
				if _, b, err := client.Read(t.Context()); err != nil || string(b) != "more" {
					t.Errorf("read %d bytes, %v", len(b), err)
				}
			}()
		}
	}
}
