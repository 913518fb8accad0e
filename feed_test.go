package hotsock

import (
	"compress/gzip"
	"context"
	"errors"
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
	if deadlines { // Those of requests do not end feeds.
		s.Config.ReadTimeout, s.Config.WriteTimeout = time.Second, time.Second
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

func plainly(h http.Handler) http.Handler { return h }

// gzipped compresses all answers, as middleware does that does not look at them.
func gzipped(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer z.Close()
		h.ServeHTTP(&zipped{w, z}, r)
	})
}

// openly is gzipped with a writer that shows what is below.
func openly(h http.Handler) http.Handler {
	return gzipped(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(unwrapping{w.(*zipped)}, r) }))
}

type unwrapping struct{ *zipped }

func (w unwrapping) Unwrap() http.ResponseWriter { return w.under }

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
		t.Skip("not with -short: takes two seconds")
	}
	for _, row := range []struct {
		why              string
		http2, deadlines bool
		wrap             func(http.Handler) http.Handler
	}{
		{"HTTP/2", true, true, plainly},
		{"HTTP/1.1 over TLS, which is taken over", false, true, plainly},
		{"HTTP/1.1 below middleware that compresses", false, false, gzipped},
		{"HTTP/1.1 below the same that shows what is below", false, true, openly},
		{"HTTP/2 below middleware that compresses", true, false, gzipped},
		{"HTTP/2 below the same that shows what is below", true, true, openly},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			h, s := servedFeed(t, Options{}, row.http2, row.deadlines, row.wrap)
			c := wstest.Connect(t, s.URL, wstest.Options{HTTPClient: s.Client(), Feed: true})
			c.Subscribe("room")
			await.Pass(1200*time.Millisecond, "the time that a request may take")
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

// Who receives nothing of it is slow there, too.
func TestSlowHeldFeed(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: takes a second")
	}
	t.Parallel()
	h, s := servedFeed(t, Options{WriteTimeout: 400 * time.Millisecond}, true, true, plainly)
	c := wstest.Connect(t, s.URL, wstest.Options{HTTPClient: s.Client(), Feed: true})
	c.Subscribe("room")
	for range 400 { // more than HTTP/2 lets a server send ahead
		if _, err := h.Publish(t.Context(), Message{Channel: "room", Event: "e", Data: strings.Repeat("x", 30_000)}); err != nil {
			t.Fatal(err)
		}
	}
	await.That(t, "it to be gone", func() bool {
		s := h.Stats()
		return s.Connections == 0 && s.QueuedBytes == 0 && s.Disconnected["slow"] == 1
	})
	if err := c.Drain(); errors.Is(err, context.DeadlineExceeded) {
		t.Error("the client is not told")
	}
}
