package hotsock

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// servedFeed is a handler for Jim behind a server that is not the test's own to make: with
// HTTP/2, or middleware.
func servedFeed(t *testing.T, o Options, http2, deadlines bool, wrap func(http.Handler) http.Handler) (*Handler, *httptest.Server) {
	t.Helper()
	o.Authenticate = func(*http.Request) (*Claims, error) { return everything("Jim"), nil }
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(wrap(h))
	s.EnableHTTP2 = http2
	if deadlines { // Those of requests do not end feeds. They count for TLS, too.
		s.Config.ReadTimeout, s.Config.WriteTimeout = requestTime, requestTime
	}
	s.StartTLS()
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		s.Close()
	})
	return h, s
}

// requestTime is how long a request may take, also on a busy machine.
const requestTime = 3 * time.Second

func plainly(h http.Handler) http.Handler { return h }

// gzipped compresses all answers, as middleware does that does not look at them.
func gzipped(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z, _ := gzip.NewWriterLevel(w, gzip.NoCompression) // The level is good, and takes no time.
		defer z.Close()
		h.ServeHTTP(&zipped{w, z}, r)
	})
}

// wrapping is gzipped with another writer.
func wrapping(wrap func(w *zipped) http.ResponseWriter) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return gzipped(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(wrap(w.(*zipped)), r) }))
	}
}

// openly has a writer that shows what is below, and withDeadlines one with no more of it than
// deadlines.
var (
	openly        = wrapping(func(w *zipped) http.ResponseWriter { return unwrapping{w} })
	withDeadlines = wrapping(func(w *zipped) http.ResponseWriter { return deadlined{w} })
)

type unwrapping struct{ *zipped }

func (w unwrapping) Unwrap() http.ResponseWriter { return w.under }

type deadlined struct{ *zipped }

func (w deadlined) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(w.under).SetWriteDeadline(t)
}

// A broken writer has a method that it cannot keep.
type broken struct{ *zipped }

func (broken) SetWriteDeadline(time.Time) error { return http.ErrNotSupported }

type zipped struct {
	under http.ResponseWriter
	z     *gzip.Writer
}

func (w *zipped) Header() http.Header         { return w.under.Header() }
func (w *zipped) Write(b []byte) (int, error) { return w.z.Write(b) }
func (w *zipped) WriteHeader(status int)      { w.under.WriteHeader(status) }

func (w *zipped) Flush() {
	_ = w.z.Flush()
	w.under.(http.Flusher).Flush()
}

// A feed that cannot be taken over from its server works as well, and lets the server be
// shut down.
func TestHeldFeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: takes four seconds")
	}
	for _, row := range []struct {
		why              string
		http2, deadlines bool
		wrap             func(http.Handler) http.Handler
	}{
		{"HTTP/2", true, true, plainly},
		{"HTTP/1.1 over TLS, which is taken over", false, true, plainly},
		{"HTTP/1.1 below middleware that compresses", false, false, withDeadlines},
		{"HTTP/1.1 below the same that shows what is below", false, true, openly},
		{"HTTP/2 below middleware that compresses", true, false, withDeadlines},
		{"HTTP/2 below the same that shows what is below", true, true, openly},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			h, s := servedFeed(t, Options{}, row.http2, row.deadlines, row.wrap)
			c := wstest.Connect(t, s.URL, wstest.Options{HTTPClient: s.Client(), Feed: true})
			c.Subscribe("room")
			await.Pass(requestTime+200*time.Millisecond, "the time that a request may take")
			for _, data := range []string{"1", `"` + strings.Repeat("x", 30_000) + `"`, "3"} {
				c.Send(`{"event":"e","channel":"room","data":` + data + `}`)
				if f := c.Expect("e"); string(f.Data) != data {
					t.Errorf("got %d bytes of data, want %d", len(f.Data), len(data))
				}
			}
			gone := wstest.Connect(t, s.URL, wstest.Options{HTTPClient: s.Client(), Feed: true})
			gone.Cut()
			await.That(t, "the client that is gone to be missed", func() bool { return h.Stats().Connections == 1 })
			ctx, cancel := context.WithTimeout(context.Background(), await.Patience)
			defer cancel()
			if err := errors.Join(s.Config.Shutdown(ctx), h.Shutdown(ctx)); err != nil {
				t.Errorf("the server waits for the feed: %v", err)
			}
			c.ExpectClose(websocket.StatusGoingAway, "Going away, all answered")
		})
	}
}

// What could not be ended if its client did not read is refused, and the log says why.
func TestFeedsNotHeld(t *testing.T) {
	for _, row := range []struct {
		why   string
		http2 bool
		wrap  func(http.Handler) http.Handler
	}{
		{"HTTP/2 below a writer that can be flushed only", true, gzipped},
		{"HTTP/1.1 below the same", false, gzipped},
		{"deadlines that are none", true, wrapping(func(w *zipped) http.ResponseWriter { return broken{w} })},
		{"a writer that cannot be flushed", true, func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "") }},
	} {
		t.Run(row.why, func(t *testing.T) {
			var log bytes.Buffer
			h, s := servedFeed(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, row.http2, false, row.wrap)
			res, err := s.Client().Get(s.URL + "/stream")
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			s.Close() // after which nobody logs
			if res.StatusCode != http.StatusInternalServerError || !strings.Contains(log.String(), "does not support flushing and write deadlines") {
				t.Errorf("answered %s, and the log says %s", res.Status, log.String())
			}
			if n := h.Stats().Connections; n != 0 {
				t.Errorf("there are %d connections", n)
			}
		})
	}
}

// Who receives nothing of a feed, or too little, is slow as with a WebSocket, and holds up
// nobody.
func TestSlowFeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: takes a second")
	}
	for _, row := range []struct {
		why          string
		http2, drips bool
		wrap         func(http.Handler) http.Handler
	}{
		{"HTTP/2", true, false, plainly},
		{"HTTP/1.1", false, false, plainly},
		{"HTTP/1.1, held", false, false, withDeadlines},
		{"some bytes now and then", false, true, plainly},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			h, s := servedFeed(t, Options{WriteTimeout: 400 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}, row.http2, false, row.wrap)
			client := s.Client()
			if row.drips {
				client = dripped(client)
				t.Cleanup(client.CloseIdleConnections)
			}
			c := wstest.Connect(t, s.URL, wstest.Options{HTTPClient: client, Feed: true})
			c.Subscribe("room")
			ended := make(chan error, 1)
			if row.drips {
				go func() { ended <- c.Drain() }()
			}
			data := strings.Repeat("x", 30_000)
			gone := func() bool { return h.Stats().Disconnected["slow"] == 1 }
			for i := range 2000 { // more than HTTP/2 lets a server send ahead, and the kernel takes
				if gone() {
					break
				}
				if _, err := h.Publish(t.Context(), Message{Channel: "room", Event: "e", Data: data}); err != nil {
					t.Fatal(err)
				}
				if i%10 == 9 && !row.drips { // Too much at once would end it before its writer has to wait.
					await.That(t, "what waits to be written, or it to be gone", func() bool { return h.Stats().QueuedBytes == 0 || gone() })
				}
			}
			await.That(t, "it to be gone", func() bool {
				s := h.Stats()
				return s.Connections == 0 && s.QueuedBytes == 0 && gone()
			})
			stopped := make(chan error, 1)
			go func() { stopped <- h.Close() }()
			await.That(t, "the handler to stop, though its client does not read", func() bool { return len(stopped) == 1 })
			if row.drips {
				c.Cut() // It has not read yet what the kernel has.
			} else {
				ended <- c.Drain()
			}
			if err := <-ended; errors.Is(err, context.DeadlineExceeded) {
				t.Error("the client is not told")
			}
		})
	}
}

// dripped has what a client reads come a little at a time.
func dripped(c *http.Client) *http.Client {
	slow := c.Transport.(*http.Transport).Clone()
	slow.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return dripping{conn}, err
	}
	return &http.Client{Transport: slow}
}

type dripping struct{ net.Conn }

func (c dripping) Read(b []byte) (int, error) {
	await.Pass(time.Millisecond, "what the next bytes take")
	return c.Conn.Read(b[:min(len(b), 200)])
}
