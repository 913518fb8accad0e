package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

// What the handler tells arrives, signed with every key, and can be read.
func TestHandler(t *testing.T) {
	b := new(inbox)
	k, next := key(t, secret), key(t, "whsk_"+base64Of(32))
	s := newTestSink(t, "", Options{Endpoints: []Endpoint{
		{URL: serve(t, b).URL + "/hook?x=1", Keys: []Key{k, next}, Types: []string{hotsock.EventMessagePublished}},
	}})
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{{Algorithm: hotsock.HS256, Secret: []byte(strings.Repeat("k", 32))}}, Events: s})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	for i := range 20 {
		if _, err := rt.Publish(t.Context(), hotsock.Message{Channel: "c", Event: "e", Data: i, EmitEvent: true}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(rt.Shutdown(t.Context()), s.Shutdown(t.Context()), s.Shutdown(t.Context())); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, r := range b.requests() {
		for _, k := range []Key{k, next} {
			if err := Verify(r.header, r.body, k); err != nil {
				t.Errorf("%s: %v", k, err)
			}
		}
		var e hotsock.Event
		if err := json.Unmarshal(r.body, &e); err != nil {
			t.Fatal(err)
		}
		if e.ID != r.header.Get(headerID) || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("the event %s came with %v", e.ID, r.header)
		}
		seen[string(e.Data.(hotsock.EventMessageData).Data)] = true
	}
	if len(seen) != 20 || len(b.requests()) != 20 {
		t.Errorf("%d requests with %d different events", len(b.requests()), len(seen))
	}
	if diff := cmp.Diff([]Stats{{Delivered: 20}}, s.Stats()); diff != "" {
		t.Error(diff)
	}
	if err := s.HandleEvent(t.Context(), hotsock.Event{ID: "1", Type: hotsock.EventMessagePublished}); !errors.Is(err, ErrShutdown) {
		t.Errorf("after the shutdown: %v", err)
	}
}

// Over TLS, with whom it is told to trust and nobody else.
func TestTLS(t *testing.T) {
	b := new(inbox)
	server := httptest.NewUnstartedServer(b)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = newSilentLog()
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	if err := newTestSink(t, server.URL, Options{TLS: &tls.Config{RootCAs: pool}}).Deliver(t.Context(), event("1")); err != nil {
		t.Error(err)
	}
	if err := newTestSink(t, server.URL, Options{}).Deliver(t.Context(), event("2")); err == nil {
		t.Error("a stranger's certificate is accepted")
	}
	if got := b.ids(); !slices.Equal(got, []string{"1"}) {
		t.Errorf("received %v", got)
	}
}

// What an endpoint answers decides.
func TestAnswers(t *testing.T) {
	elsewhere := new(inbox)
	target := serve(t, elsewhere).URL
	for _, tt := range []struct {
		answer func(w http.ResponseWriter, r *http.Request, n int)
		ok     bool
		why    string
	}{
		{func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(299) }, true, "any 2xx"},
		{func(w http.ResponseWriter, r *http.Request, _ int) {
			http.Redirect(w, r, target, http.StatusTemporaryRedirect)
		}, false, "a redirect"},
		{func(w http.ResponseWriter, r *http.Request, _ int) { http.Redirect(w, r, target, http.StatusFound) }, false, "another redirect"},
		{func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusNotModified) }, false, "not modified"},
		{func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusBadRequest) }, false, "refused"},
		{func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusInternalServerError) }, false, "broken"},
		{func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }, false, "hangs"},
		{func(w http.ResponseWriter, r *http.Request, _ int) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(strings.Repeat("x", 4096)))
			}
		}, true, "an endless body"},
		{func(w http.ResponseWriter, r *http.Request, _ int) {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, true, "a body that never comes"},
		{func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("X", strings.Repeat("x", 2*maxAnswerHeader))
		}, false, "a long header"},
		{func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }, false, "breaks off"},
	} {
		s := newTestSink(t, serve(t, &inbox{answer: tt.answer}).URL, Options{Timeout: 200 * time.Millisecond})
		if err := s.Deliver(t.Context(), event("1")); (err == nil) != tt.ok {
			t.Errorf("%s: err = %v", tt.why, err)
		}
		_ = s.Shutdown(t.Context())
	}
	if got := elsewhere.ids(); len(got) != 0 {
		t.Errorf("redirects were followed: %v", got)
	}
}

// A flaky endpoint gets every event in the end; a hanging one beside it takes
// nothing from it.
func TestFlaky(t *testing.T) {
	flaky := &inbox{answer: func(w http.ResponseWriter, _ *http.Request, n int) {
		switch n % 3 {
		case 0:
			w.WriteHeader(http.StatusInternalServerError)
		case 1:
			panic(http.ErrAbortHandler)
		}
	}}
	hanging := &inbox{answer: func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }}
	keys := []Key{key(t, secret)}
	s := newTestSink(t, "", Options{
		RetryAfter: time.Millisecond, MaxAttempts: 1000, QueueSize: 100,
		Endpoints: []Endpoint{{URL: serve(t, flaky).URL, Keys: keys}, {URL: serve(t, hanging).URL, Keys: keys}},
	})
	for i := range 50 {
		handle(t, s, strconv.Itoa(i))
	}
	await.That(t, "all events", func() bool { return s.Stats()[0].Delivered == 50 })
	if got := s.Stats()[1]; got.Waiting != 50 || got.Delivered != 0 {
		t.Errorf("the hanging one: %+v", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "50 events were not sent") {
		t.Errorf("Shutdown: %v", err)
	}
	for _, r := range flaky.requests() {
		if err := Verify(r.header, r.body, keys...); err != nil {
			t.Errorf("an attempt is not signed: %v", err)
		}
	}
}

// Errors and logs say which host it was, and nothing more of the URL.
func TestNothingSecretIsLogged(t *testing.T) {
	var log logBook
	b := &inbox{answer: func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusInternalServerError) }}
	server := serve(t, b)
	s := newTestSink(t, server.URL+"/path-secret?token=query-secret", Options{Logger: log.logger(), RetryAfter: time.Millisecond, MaxAttempts: 3})
	handle(t, s, "1")
	await.That(t, "the end", func() bool { return s.Stats()[0].GivenUp == 1 })
	server.Close()
	err := s.Deliver(t.Context(), event("2"))
	_, newErr := New(Options{Endpoints: []Endpoint{{URL: "https://x\x00/path-secret", Keys: []Key{key(t, secret)}}}})
	text := log.String() + fmt.Sprint(err, newErr, s.Shutdown(t.Context()))
	if !strings.Contains(text, strings.TrimPrefix(server.URL, "http://")) || err == nil || newErr == nil {
		t.Errorf("the host is not named: %s", text)
	}
	for _, s := range []string{"path-secret", "query-secret", secret[6:]} {
		if strings.Contains(text, s) {
			t.Errorf("%s is in %s", s, text)
		}
	}
}

// For workers that try again themselves: one attempt at each endpoint, an error
// for those that failed, no queue.
func TestDeliver(t *testing.T) {
	good, bad, gone := new(inbox), new(inbox), new(inbox)
	bad.answer = func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusInternalServerError) }
	gone.answer = func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusGone) }
	keys := []Key{key(t, secret)}
	s := newTestSink(t, "", Options{Endpoints: []Endpoint{
		{URL: serve(t, bad).URL, Keys: keys},
		{URL: serve(t, gone).URL, Keys: keys},
		{URL: serve(t, good).URL, Keys: keys},
		{URL: serve(t, good).URL, Keys: keys, Types: []string{hotsock.EventConnected}},
	}})
	for _, id := range []string{"1", "2"} {
		var status *statusError
		if err := s.Deliver(t.Context(), event(id)); !errors.As(err, &status) || status.code != 500 {
			t.Errorf("err = %v", err)
		}
	}
	if err := s.Deliver(t.Context(), event("a.b")); err == nil {
		t.Error("an id with a dot is accepted")
	}
	for want, b := range map[string]*inbox{"[1 2]": bad, "[1]": gone} {
		if got := fmt.Sprint(b.ids()); got != want {
			t.Errorf("received %v, want %s", got, want)
		}
	}
	if diff := cmp.Diff([]Stats{{GivenUp: 2}, {Disabled: true}, {Delivered: 2}, {}}, s.Stats()); diff != "" {
		t.Error(diff)
	}
}

func TestBadOptions(t *testing.T) {
	k := key(t, secret)
	public := Key{public: key(t, "whsk_"+base64Of(32)).public}
	one := func(url string, keys ...Key) Options { return Options{Endpoints: []Endpoint{{URL: url, Keys: keys}}} }
	good := []Endpoint{{URL: "https://a.example", Keys: []Key{k}}}
	for _, o := range []Options{
		{},
		one("http://a.example", k), one("ftp://a.example", k), one("a.example", k), one("https://", k), one("", k),
		one("https://user@a.example", k), one("https://a.example#f", k), one("https://a.example"), one("https://a.example", Key{}),
		one("https://a.example", k, public), one("https://10.0.0.1", k),
		{Endpoints: good, Timeout: -1},
		{Endpoints: good, RetryAfter: -1},
		{Endpoints: good, MaxAttempts: -1},
		{Endpoints: good, QueueSize: -1},
		{Endpoints: good, Concurrency: -1},
	} {
		if s, err := New(o); err == nil {
			t.Errorf("%+v is accepted", o)
			_ = s.Shutdown(t.Context())
		}
	}
}
