package socket

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
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
		b, err := nextMessage(c)
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
	if _, err := conn.Write(append([]byte(wstest.Request("/")), behind...)); err != nil {
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
	_, resp, err := wstest.Try(t, s.URL, wstest.Options{})
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
			wstest.Dial(t, s.URL, wstest.Options{}).Cut()
		})
	}
}

// Offers of compression are accepted in every form that can be had, and else
// declined, so that the connection does without.
func TestNegotiate(t *testing.T) {
	const plain = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
	const window = plain + "; server_max_window_bits=15"
	for _, row := range []struct {
		want   string
		offers []string
	}{
		{"", nil},
		{"", []string{""}},
		{plain, []string{"permessage-deflate"}},
		{plain, []string{"permessage-deflate; client_max_window_bits"}}, // browsers
		{plain, []string{" permessage-deflate ;client_max_window_bits = 8 ; client_no_context_takeover;server_no_context_takeover"}},
		{plain, []string{`permessage-deflate; client_max_window_bits="15"`}},
		{window, []string{"permessage-deflate; server_max_window_bits=15"}},
		{window, []string{"permessage-deflate; server_max_window_bits=15; client_max_window_bits"}},
		{"", []string{"permessage-deflate; server_max_window_bits=14"}},
		{"", []string{"permessage-deflate; server_max_window_bits"}},
		{"", []string{"permessage-deflate; server_max_window_bits=16"}},
		{"", []string{"permessage-deflate; client_max_window_bits=7"}},
		{"", []string{"permessage-deflate; client_max_window_bits=16"}},
		{"", []string{"permessage-deflate; client_max_window_bits=08"}},
		{"", []string{"permessage-deflate; client_max_window_bits="}},
		{"", []string{"permessage-deflate; client_max_window_bits; client_max_window_bits=9"}},
		{"", []string{"permessage-deflate; client_no_context_takeover=1"}},
		{"", []string{"permessage-deflate; server_no_context_takeover; server_no_context_takeover"}},
		{"", []string{"permessage-deflate; unknown"}},
		{"", []string{"permessage-deflate;"}},
		{"", []string{"x-webkit-deflate-frame"}},
		{"", []string{"permessage-bzip2, other; permessage-deflate"}},
		// The first that can be had.
		{plain, []string{"permessage-bzip2, permessage-deflate"}},
		{plain, []string{"permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits"}},
		{window, []string{"other", "permessage-deflate; server_max_window_bits=10, permessage-deflate; server_max_window_bits=15, permessage-deflate"}},
	} {
		if got := negotiate(http.Header{"Sec-Websocket-Extensions": row.offers}); got != row.want {
			t.Errorf("%q: %q, want %q", row.offers, got, row.want)
		}
	}
}

// An answer to the handshake that the kernel does not take at once is sent whole,
// and before all else.
func TestLongAnswer(t *testing.T) { bothWays(t, testLongAnswer) }

func testLongAnswer(t *testing.T, f *Flusher) {
	server, client := tcpPipe(t)
	defer client.Close()
	_ = server.(*net.TCPConn).SetWriteBuffer(64 << 10)
	w := &onConn{ResponseRecorder: httptest.NewRecorder(), conn: server}
	value := strings.Repeat("v", 4<<20)
	w.Header().Set("X-Long", value)
	c, err := Accept(w, httptest.NewRequest(http.MethodGet, "/", nil), Options{QueueLimit: 1 << 20, WriteTimeout: time.Minute, Flusher: f})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background(), StatusNormal, "")
	defer c.Cut()
	c.Send(textFrame("first"))
	_ = client.SetReadDeadline(time.Now().Add(20 * time.Second))
	in := bufio.NewReader(client)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.Header.Get("X-Long") != value {
		t.Fatalf("the answer has not come as it was: %v", err)
	}
	if got, err := readFrame(in); err != nil || string(got.payload) != "first" {
		t.Errorf("read %q, %v", got.payload, err)
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
