package socket

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both sides of an accepted WebSocket.
func pair(t *testing.T, o Options) (*Conn, *websocket.Conn) {
	t.Helper()
	return pairOffering(t, o, o.Compress)
}

// pairOffering is pair with a client that offers compression or does not.
func pairOffering(t *testing.T, o Options, compress bool) (*Conn, *websocket.Conn) {
	t.Helper()
	if o.ReadLimit == 0 {
		o.ReadLimit = 1 << 20
	}
	if o.QueueLimit == 0 {
		o.QueueLimit = 1 << 20
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 5 * time.Second
	}
	if o.Overflow == nil {
		o.Overflow = func() { t.Error("unexpected overflow") }
	}
	accepted := make(chan *Conn, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, o)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}))
	t.Cleanup(s.Close)
	offer := &websocket.DialOptions{}
	if compress {
		offer.CompressionMode = websocket.CompressionNoContextTakeover
	}
	client, _, err := websocket.Dial(t.Context(), s.URL, offer)
	if err != nil {
		t.Fatal(err)
	}
	client.SetReadLimit(-1)
	t.Cleanup(func() { _ = client.CloseNow() })
	c := <-accepted
	t.Cleanup(func() { c.Cut(); c.Close(context.Background(), websocket.StatusNormalClosure, "") })
	return c, client
}

// bothWays runs a test of a connection that has a Flusher and of one that has
// none.
func bothWays(t *testing.T, test func(t *testing.T, f *Flusher)) {
	t.Run("Alone", func(t *testing.T) { test(t, nil) })
	t.Run("Flusher", func(t *testing.T) {
		f := new(Flusher)
		t.Cleanup(f.Close)
		test(t, f)
	})
}

func textFrame(payload string) Frame {
	return Finish(append(Start(len(payload)), payload...))
}

func payloadOf(f Frame) string { return string(f.payload()) }

func readBuffer512() []byte { return make([]byte, 0, 512) }

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
		for {
			if _, err := c.Read(readBuffer512); err != nil {
				return
			}
		}
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
		code websocket.StatusCode
	}{
		{"text", func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageText, []byte(`{"a":"ü"}`))
		}, `{"a":"ü"}`, 0},
		{"longer than the buffer", func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageText, bytes.Repeat([]byte("z"), 1000))
		}, strings.Repeat("z", 1000), 0},
		{"binary", func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageBinary, []byte("x"))
		}, "", websocket.StatusUnsupportedData},
		{"bad UTF-8, which the WebSocket library lets through", func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageText, []byte{'a', 0xff})
		}, "", websocket.StatusInvalidFramePayloadData},
		{"over the limit", func(ctx context.Context, c *websocket.Conn) error {
			return c.Write(ctx, websocket.MessageText, make([]byte, 2001))
		}, "", websocket.StatusMessageTooBig},
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
			got, err := c.Read(readBuffer512)
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
			if got := <-closed; got != tt.code {
				t.Errorf("closed with %v for %v, want %v", got, err, tt.code)
			}
		})
	}
}

func TestCloseSendsWhatIsQueued(t *testing.T) { bothWays(t, testCloseSendsWhatIsQueued) }

func testCloseSendsWhatIsQueued(t *testing.T, f *Flusher) {
	c, client := pair(t, Options{Flusher: f})
	for range 100 {
		c.Send(textFrame(strings.Repeat("q", 500)))
	}
	go func() { _, _ = c.Read(readBuffer512) }()
	go c.Close(context.Background(), websocket.StatusGoingAway, "Going away")
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
	c, _ := pair(t, Options{Flusher: f, QueueLimit: 10_000, WriteTimeout: 100 * time.Millisecond, Overflow: func() {
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
	c.Close(context.Background(), websocket.StatusTryAgainLater, "slow")
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("closing a dead client took %v", d)
	}
	c.Send(textFrame("ignored"))
}

func TestSendAll(t *testing.T) { bothWays(t, testSendAll) }

// What was asked for may wait beside other frames, as much as they may.
func testSendAll(t *testing.T, f *Flusher) {
	const limit = 1 << 10
	overflows := 0
	c, client := pair(t, Options{QueueLimit: limit, Flusher: f, Overflow: func() { overflows++ }})
	c.net.mu.Lock() // so that nothing is written
	c.Send(textFrame("first"))
	for taken := false; !taken; {
		c.mu.Lock()
		taken = len(c.queue) == 0
		c.mu.Unlock()
		runtime.Gosched()
	}

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
	c.net.mu.Unlock()
	x := payloadOf(half)
	for _, want := range []string{"first", x, "a", x, "b", "c"} {
		if _, got, err := client.Read(t.Context()); err != nil || string(got) != want {
			t.Fatalf("read %.20q, %v, want %.20q", got, err, want)
		}
	}
	// With nothing waiting, everything begins anew.
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
	go func() { _, _ = c.Read(readBuffer512) }()
	go func() { _, _, _ = client.Read(context.Background()) }()
	if err := client.Ping(t.Context()); err != nil {
		t.Errorf("the pong met an old deadline: %v", err)
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
