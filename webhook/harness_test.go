package webhook

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// secret is one that all sinks here sign with.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func key(t *testing.T, text string) Key {
	t.Helper()
	k, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func event(id string) hotsock.Event {
	return hotsock.Event{
		Source: "hotsock.v1", Type: hotsock.EventChannelUpdated, DataType: "channel", ID: id,
		Data: hotsock.EventChannelData{Name: "room", SubscriptionsCount: 1},
	}
}

// A received request.
type received struct {
	at     time.Time
	header http.Header
	body   []byte
}

// An inbox keeps what endpoints receive, and decides what they answer.
type inbox struct {
	// answer is given the number of the request, from 1. nil says 204.
	answer func(w http.ResponseWriter, r *http.Request, n int)

	mu  sync.Mutex
	got []received
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.got = append(b.got, received{time.Now(), r.Header, body})
	n := len(b.got)
	b.mu.Unlock()
	if b.answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	b.answer(w, r, n)
}

func (b *inbox) requests() []received {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]received(nil), b.got...)
}

func (b *inbox) ids() (out []string) {
	for _, r := range b.requests() {
		out = append(out, r.header.Get(headerID))
	}
	return out
}

// serve runs an inbox behind a real server.
func serve(t *testing.T, b *inbox) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(b)
	t.Cleanup(s.Close)
	return s
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// newTestSink returns a sink that may reach the loopback addresses, for one
// endpoint if there are none in the options.
func newTestSink(t *testing.T, url string, o Options) *Sink {
	t.Helper()
	if o.AllowNetworks == nil {
		o.AllowNetworks = loopback
	}
	o.AllowHTTP = true
	if o.Endpoints == nil {
		o.Endpoints = []Endpoint{{URL: url, Keys: []Key{key(t, secret)}}}
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Shutdown(ended()) })
	return s
}

// ended is a context that has.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// A logBook is a log that several goroutines write.
type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// doer is a transport without a network, for tests with fake time.
type doer func(r *http.Request) (*http.Response, error)

func (d doer) RoundTrip(r *http.Request) (*http.Response, error) { return d(r) }

// inboxTransport hands requests to an inbox directly.
func inboxTransport(b *inbox) doer {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		return w.Result(), nil
	}
}

// fakeSink is for use in a bubble.
func fakeSink(t *testing.T, b *inbox, o Options) *Sink {
	t.Helper()
	if o.Endpoints == nil {
		o.Endpoints = []Endpoint{{URL: "https://receiver.example/hook", Keys: []Key{key(t, secret)}}}
	}
	o.setDefaults()
	s, err := newSink(o, &http.Client{Transport: inboxTransport(b)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func handle(t *testing.T, s *Sink, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := s.HandleEvent(t.Context(), event(id)); err != nil {
			t.Fatal(err)
		}
	}
}
