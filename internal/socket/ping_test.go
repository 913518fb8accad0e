package socket

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
)

const (
	pingInterval = 25 * time.Second
	pongTimeout  = 10 * time.Second
)

// A watched is a connection in fake time that is attended, as its owner does it,
// and read.
type watched struct {
	*Conn
	client net.Conn
	frames *bufio.Reader
	made   time.Time
	gone   chan time.Duration // receives the age at which the client is gone
}

// watch runs a test with a connection whose client writes and reads as the test
// says.
func watch(t *testing.T, test func(t *testing.T, w *watched)) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		defer client.Close()
		test(t, attend(t, server, client))
	})
}

func attend(t *testing.T, server, client net.Conn) *watched {
	c, err := acceptOn(server, Options{
		ReadLimit: 1 << 16, QueueLimit: 10 << 20, WriteTimeout: time.Minute, PingInterval: pingInterval, PongTimeout: pongTimeout,
		TooSlow: func() { t.Error("too slow") },
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{c, client, bufio.NewReader(client), time.Now(), make(chan time.Duration, 1)}
	if _, err := http.ReadResponse(w.frames, nil); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		readOn(c)
	}()
	go func() {
		for {
			next, gone := c.Attend()
			if gone {
				w.gone <- time.Since(w.made)
				return
			}
			select {
			case <-time.After(next):
			case <-over:
				return
			}
		}
	}()
	return w
}

// pings reads frames, and returns when the client is pinged.
func (w *watched) pings(t *testing.T, n int, answer bool) (at []time.Duration) {
	t.Helper()
	for len(at) < n {
		f, err := readFrame(w.frames)
		if err != nil {
			t.Fatal(err)
		}
		if f.first != fin|opPing {
			continue
		}
		at = append(at, time.Since(w.made))
		if answer {
			w.send(t, masked(fin|opPong, nil))
		}
	}
	return at
}

func (w *watched) send(t *testing.T, b []byte) {
	t.Helper()
	if _, err := w.client.Write(b); err != nil {
		t.Fatal(err)
	}
}

// drain reads all that comes.
func (w *watched) drain() { go func() { _, _ = io.Copy(io.Discard, w.frames) }() }

// A client that answers is pinged when it has been silent for the interval, and not
// at the same time as all others.
func TestPings(t *testing.T) {
	var first []time.Duration
	for range 40 {
		watch(t, func(t *testing.T, w *watched) {
			at := w.pings(t, 4, true)
			first = append(first, at[0])
			for i := range at[1:] {
				if d := at[i+1] - at[i]; d > pingInterval || d < pingInterval-pingInterval/batches {
					t.Errorf("ping %d comes %v after the one before", i+1, d)
				}
			}
			if len(w.gone) != 0 {
				t.Error("a client that answers is gone")
			}
		})
	}
	slices.Sort(first)
	if first[0] < pingInterval/2 || first[39] > pingInterval || first[30]-first[10] < pingInterval/20 {
		t.Errorf("the first pings come at %v", first)
	}
}

// Whoever says nothing is gone in time; whatever a client says is a sign of life.
func TestSilence(t *testing.T) {
	slowly := func(t *testing.T, w *watched, b []byte, pause time.Duration) {
		for _, piece := range singly(b) {
			w.send(t, piece)
			time.Sleep(pause)
		}
	}
	for _, row := range []struct {
		what string
		// do is what the client does until it falls silent.
		do func(t *testing.T, w *watched)
	}{
		{"nothing", func(_ *testing.T, w *watched) { w.drain() }},
		{"it answers some", func(t *testing.T, w *watched) { w.pings(t, 3, true); w.drain() }},
		{"it answers late", func(t *testing.T, w *watched) {
			for range 3 {
				w.pings(t, 1, false)
				time.Sleep(pongTimeout - time.Second)
				w.send(t, masked(fin|opPong, nil))
			}
			w.drain()
		}},
		{"half a message", func(t *testing.T, w *watched) {
			w.drain()
			slowly(t, w, masked(text, []byte("half of a message"))[:15], pingInterval+pongTimeout-2*time.Second)
		}},
		{"messages instead of a pong", func(t *testing.T, w *watched) {
			w.drain()
			for range 5 {
				w.send(t, masked(text, []byte("m")))
				time.Sleep(pingInterval + pongTimeout - 2*time.Second)
			}
		}},
		{"pings of its own", func(t *testing.T, w *watched) {
			w.drain()
			for range 10 {
				time.Sleep(20 * time.Second)
				w.send(t, masked(fin|opPing, nil))
			}
		}},
	} {
		t.Run(row.what, func(t *testing.T) {
			watch(t, func(t *testing.T, w *watched) {
				row.do(t, w)
				synctest.Wait() // until what was sent last has been noted
				silent := time.Duration(w.Conn.in.heard.Load())
				if len(w.gone) != 0 {
					t.Fatalf("it is gone after %v, before it fell silent", <-w.gone)
				}
				if d := <-w.gone - silent; d > pingInterval+pongTimeout || d < pongTimeout {
					t.Errorf("it is gone %v after it fell silent", d)
				}
			})
		})
	}
}

// A ping goes before the messages that have not been begun, and does not count.
func TestPingBeforeMessages(t *testing.T) { bothWays(t, testPingBeforeMessages) }

func testPingBeforeMessages(t *testing.T, f *Flusher) {
	c, client := rawPair(t, Options{Flusher: f, QueueLimit: 30, PingInterval: 1, PongTimeout: time.Hour})
	resume := hold(c)
	c.Send(textFrame("1"))
	c.Send(textFrame("2"))
	before := c.Queued()
	if _, gone := c.Attend(); gone {
		t.Error("gone at once")
	}
	if n := c.Queued(); n != before {
		t.Errorf("a ping of %d bytes is queued", n-before)
	}
	resume()
	for _, want := range []frame{{fin | opPing, nil}, {text, []byte("1")}, {text, []byte("2")}} {
		if first, payload, err := client.next(); err != nil || first != want.first || string(payload) != string(want.payload) {
			t.Fatalf("%x %q, %v instead of %x %q", first, payload, err, want.first, want.payload)
		}
	}
}

// Only messages count as something sent: else pings would keep every connection
// from being idle.
func TestPingIsNoMessage(t *testing.T) { bothWays(t, testPingIsNoMessage) }

func testPingIsNoMessage(t *testing.T, f *Flusher) {
	c, client := rawPair(t, Options{Flusher: f, PingInterval: 1, PongTimeout: time.Hour})
	go readOn(c)
	sent := c.LastSent()
	expect := func(want byte) {
		t.Helper()
		if first, _, err := client.next(); err != nil || first != want {
			t.Fatalf("%x, %v instead of %x", first, err, want)
		}
	}
	c.Attend()
	expect(fin | opPing)
	client.send(masked(fin|opPing, nil))
	expect(fin | opPong)
	if !c.LastSent().Equal(sent) {
		t.Error("a control frame counts as a message")
	}
}

// A pong that was asked for does not count for the rate limit, and does not make
// Wait return, however it comes. Others do both. The owner is told of it.
func TestPongThatWasAskedFor(t *testing.T) {
	pong, message := masked(fin|opPong, []byte("x")), masked(text, []byte("m"))
	for _, row := range []struct {
		what     string
		pings    int
		send     [][]byte
		tolerate int // calls
		answered int // calls
		returns  bool
	}{
		{"one", 1, [][]byte{pong}, 0, 1, false},
		{"two", 2, [][]byte{append(bytes.Clone(pong), pong...)}, 0, 2, false},
		{"one too many", 1, [][]byte{pong, pong}, 1, 1, true},
		{"nobody asked", 0, [][]byte{pong}, 1, 0, true},
		{"a message behind it", 1, [][]byte{append(bytes.Clone(pong), message...)}, 1, 1, true},
		{"in pieces", 1, singly(pong), 0, 1, true},
	} {
		t.Run(row.what, func(t *testing.T) {
			if !canTry {
				t.Skip("connections cannot be waited for on this system")
			}
			var mu sync.Mutex
			calls, answered := 0, 0
			c, client := rawPair(t, Options{PingInterval: 1, PongTimeout: time.Hour, Tolerate: func() bool {
				mu.Lock()
				defer mu.Unlock()
				calls++
				return true
			}, Answered: func() {
				mu.Lock()
				defer mu.Unlock()
				answered++
			}})
			c.mu.Lock()
			c.ping.unanswered = uint16(row.pings)
			c.mu.Unlock()
			returned, over := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(over)
				if c.Wait() == nil {
					close(returned)
				}
				readOn(c)
			}()
			sent := 0
			for _, b := range row.send {
				client.send(b)
				sent += len(b)
				await.That(t, "all that was sent", func() bool {
					n, all := c.Heard()
					return int(n) >= sent && all
				})
			}
			mu.Lock()
			if calls != row.tolerate {
				t.Errorf("%d frames count, want %d", calls, row.tolerate)
			}
			if answered != row.answered {
				t.Errorf("the owner is told of %d answers, want %d", answered, row.answered)
			}
			mu.Unlock()
			select {
			case <-returned:
				if !row.returns {
					t.Error("Wait has returned")
				}
			default:
				if row.returns {
					t.Error("Wait has not returned")
				}
			}
			c.Cut()
			<-over
			c.Close(context.Background(), StatusNormal, "")
		})
	}
}

// A client whose kernel takes everything, and that answers nothing, is gone; over
// TCP and TLS, with messages on their way and without.
func TestFrozenClient(t *testing.T) {
	const timeout = 2 * time.Second
	for name, connect := range map[string]func(t *testing.T) (server, client net.Conn){"TCP": tcpPipe, "TLS": tlsPipe} {
		for busy, pause := range map[string]time.Duration{"silent": time.Hour, "busy": 10 * time.Millisecond} {
			t.Run(name+" "+busy, func(t *testing.T) {
				t.Parallel()
				server, client := connect(t)
				c, err := acceptOn(server, Options{
					ReadLimit: 100, QueueLimit: 1 << 20, WriteTimeout: time.Minute, PingInterval: time.Second, PongTimeout: timeout,
				})
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				go readOn(c)
				done := make(chan struct{})
				var sending sync.WaitGroup
				defer sending.Wait()
				defer close(done)
				sending.Go(func() {
					for {
						select {
						case <-time.After(pause):
							c.Send(textFrame("something"))
						case <-done:
							return
						}
					}
				})
				start := time.Now()
				for {
					next, gone := c.Attend()
					if gone {
						break
					}
					await.Pass(next, "until the next look")
				}
				if d := time.Since(start); d < timeout || d > 5*timeout {
					t.Errorf("gone after %v", d)
				}
				c.Cut()
				c.Close(context.Background(), StatusNormal, "")
			})
		}
	}
}
