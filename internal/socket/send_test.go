package socket

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestCloseSendsWhatIsQueued(t *testing.T) { bothWays(t, testCloseSendsWhatIsQueued) }

func testCloseSendsWhatIsQueued(t *testing.T, f *Flusher) {
	c, client := pair(t, Options{Flusher: f})
	for range 100 {
		c.Send(textFrame(strings.Repeat("q", 500)))
	}
	go readOn(c)
	go c.Close(context.Background(), StatusGoingAway, "Going away")
	n := 0
	for {
		_, _, err := client.Read(t.Context())
		if err == nil {
			n++
			continue
		}
		var ce websocket.CloseError
		if !errors.As(err, &ce) || ce.Code != websocket.StatusGoingAway || ce.Reason != "Going away" {
			t.Errorf("closed with %v", err)
		}
		break
	}
	if n != 100 {
		t.Errorf("%d of 100 frames came before the close", n)
	}
}

func TestOverflow(t *testing.T) { bothWays(t, testOverflow) }

func testOverflow(t *testing.T, f *Flusher) {
	over := make(chan struct{})
	var once sync.Once
	c, _ := pair(t, Options{Flusher: f, QueueLimit: 10_000, WriteTimeout: 100 * time.Millisecond, TooSlow: func() {
		once.Do(func() { close(over) })
	}})
	// The client reads nothing: sooner or later the kernel takes no more.
	for i := 0; ; i++ {
		c.Send(textFrame(strings.Repeat("o", 5000)))
		select {
		case <-over:
		default:
			if i > 100_000 {
				t.Fatal("no overflow after 500 MB")
			}
			continue
		}
		break
	}
	start := time.Now()
	c.Close(context.Background(), StatusTryAgainLater, "slow")
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("closing a dead client took %v", d)
	}
	c.Send(textFrame("ignored"))
}

// hold keeps what is queued from being written, until resume is called.
func hold(c *Conn) (resume func()) {
	for {
		c.mu.Lock()
		if !c.writing {
			c.writing = true
			c.mu.Unlock()
			break
		}
		c.mu.Unlock()
		runtime.Gosched()
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.writing = false
		c.flush()
	}
}

func TestSendAll(t *testing.T) { bothWays(t, testSendAll) }

// What was asked for may wait beside other frames, as much as they may.
func testSendAll(t *testing.T, f *Flusher) {
	const limit = 1 << 10
	overflows := 0
	c, client := pair(t, Options{QueueLimit: limit, Flusher: f, TooSlow: func() { overflows++ }})
	resume := hold(c)
	c.Send(textFrame("first"))

	half := textFrame(strings.Repeat("x", limit/2-10))
	if !c.SendAll([]Frame{half, textFrame("a")}) {
		t.Error("what is within the limit was refused")
	}
	c.Send(half)
	if c.SendAll([]Frame{half, half}) {
		t.Error("more than the limit was taken")
	}
	if !c.SendAll([]Frame{textFrame("b")}) {
		t.Error("the rest of the limit was refused")
	}
	c.Send(textFrame("c"))
	if overflows > 0 {
		t.Error("what was asked for counts against what was not")
	}
	resume()
	x := payloadOf(half)
	for _, want := range []string{"first", x, "a", x, "b", "c"} {
		if _, got, err := client.Read(t.Context()); err != nil || string(got) != want {
			t.Fatalf("read %.20q, %v, want %.20q", got, err, want)
		}
	}
	// With nothing waiting, everything starts over.
	if !c.SendAll([]Frame{half, textFrame("d")}) {
		t.Error("refused, with nothing waiting")
	}
	for _, want := range []string{x, "d"} {
		if _, got, err := client.Read(t.Context()); err != nil || string(got) != want {
			t.Fatalf("read %.20q, %v, want %.20q", got, err, want)
		}
	}
	if c.SendAll([]Frame{textFrame(strings.Repeat("x", limit))}) {
		t.Error("more than may ever wait was taken")
	}
	c.Cut()
	if !c.SendAll([]Frame{half, half, half}) {
		t.Error("a closed connection has a limit")
	}
}

func TestOneFrameLargerThanTheQueue(t *testing.T) { bothWays(t, testOneFrameLargerThanTheQueue) }

func testOneFrameLargerThanTheQueue(t *testing.T, f *Flusher) {
	c, client := pair(t, Options{Flusher: f, QueueLimit: 100})
	c.Send(textFrame(strings.Repeat("l", 1000))) // else nothing could ever be sent
	if _, b, err := client.Read(t.Context()); err != nil || len(b) != 1000 {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
}

func TestSendAfterFlusherClosed(t *testing.T) {
	f := new(Flusher)
	c, client := pair(t, Options{Flusher: f})
	f.Close()
	f.Close() // again does nothing
	c.Send(textFrame("still"))
	if _, b, err := client.Read(t.Context()); err != nil || string(b) != "still" {
		t.Errorf("read %q, %v", b, err)
	}
}
