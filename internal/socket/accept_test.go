package socket

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestFramesRightBehindTheRequest(t *testing.T) {
	got := make(chan string, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, Options{ReadLimit: 1 << 16, QueueLimit: 1 << 16, WriteTimeout: time.Second, TooSlow: func() {}})
		if err != nil {
			t.Error(err)
			return
		}
		// There is something, though nothing more will come.
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
		b, err := c.Read(readBuffer512)
		if err != nil {
			t.Error(err)
		}
		got <- string(b)
		c.Cut()
		c.Close(context.Background(), StatusNormal, "")
	}))
	defer s.Close()
	payload := strings.Repeat("e", 1500) // more than the reader's buffer
	frame := append([]byte{0x81, 0x80 | 126, byte(len(payload) >> 8), byte(len(payload) & 0xff), 0, 0, 0, 0}, payload...)
	requestUpgrade(t, s, frame)
	if g := <-got; g != payload {
		t.Errorf("read %d bytes of %d", len(g), len(payload))
	}
}

// requestUpgrade is a client that sends its request and something right behind
// it.
func requestUpgrade(t *testing.T, s *httptest.Server, behind []byte) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	request := []byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	if _, err := conn.Write(append(request, behind...)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

// hiding is what a careless middleware does.
type hiding struct{ http.ResponseWriter }

func TestNotHijackable(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := CheckWriter(hiding{w}); !errors.Is(err, ErrNotHijackable) {
			t.Errorf("CheckWriter: %v", err)
		}
		if _, err := Accept(hiding{w}, r, Options{}); !errors.Is(err, ErrNotHijackable) {
			t.Errorf("Accept: %v", err)
		}
		w.WriteHeader(http.StatusTeapot) // nothing else has been written
	}))
	defer s.Close()
	_, resp, err := websocket.Dial(t.Context(), s.URL, nil)
	if err == nil || resp == nil || resp.StatusCode != http.StatusTeapot {
		t.Errorf("dial: %v, %v", resp, err)
	}
}

// waiting keeps the status until something of the body comes, as gin's writer
// does.
type waiting struct {
	http.ResponseWriter
	status int
}

func (w *waiting) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *waiting) WriteHeader(status int)      { w.status = status }
func (w *waiting) WriteHeaderNow()             { w.ResponseWriter.WriteHeader(w.status) }

// unwrapping is what a careful middleware does.
type unwrapping struct{ http.ResponseWriter }

func (w unwrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestWriterThatWaits(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"bare":    func(w http.ResponseWriter) http.ResponseWriter { return w },
		"wrapped": func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{w} },
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := Accept(wrap(&waiting{ResponseWriter: w}), r, Options{WriteTimeout: time.Second})
				if err != nil {
					t.Error(err)
					return
				}
				c.Cut()
			}))
			defer s.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			ws, _, err := websocket.Dial(ctx, s.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = ws.CloseNow()
		})
	}
}

func BenchmarkFanOutEnqueue(b *testing.B) {
	c := &Conn{out: queue{limit: 1 << 62}, writing: true}
	f := textFrame(strings.Repeat("b", 300))
	b.ReportAllocs()
	for b.Loop() {
		c.Send(f)
		if len(c.out.frames) == 64 {
			c.out.frames, c.out.bytes = c.out.frames[:0], 0
		}
	}
}
