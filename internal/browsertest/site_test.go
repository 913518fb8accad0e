package browsertest

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/js"
)

//go:embed testdata/client
var clientPage embed.FS

// strictPolicy lets a page run scripts of its own server only.
const strictPolicy = "default-src 'none'; script-src 'self'; connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*; img-src data:; " +
	"base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

var testKey = hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("a secret that is only for these tests")}

// A site is a page that uses the client, and beside it the handler, in this
// process.
type site struct {
	t   *testing.T
	rt  *hotsock.Handler
	url string
	// addr is where it listens.
	addr string
}

// startSite serves until the test ends.
func startSite(t *testing.T, opts hotsock.Options) *site {
	t.Helper()
	opts.Keys = []hotsock.Key{testKey.Key()}
	rt, err := hotsock.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, rt: rt}
	s.serve(rt)
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serve serves the page, and the handler under /rt.
func (s *site) serve(rt http.Handler) {
	s.t.Helper()
	files, err := fs.Sub(clientPage, "testdata/client")
	if err != nil {
		s.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/rt", rt)
	mux.Handle("/rt/", rt)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", strictPolicy)
		http.FileServerFS(files).ServeHTTP(w, r)
	})
	mux.Handle("/frameworks/", http.StripPrefix("/frameworks/", http.FileServer(http.Dir(bundles()))))
	mux.HandleFunc("/open", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `<!doctype html><title>A page without a policy</title><link rel="icon" href="data:,">`)
	})
	server := httptest.NewServer(mux)
	s.t.Cleanup(server.Close)
	s.url, s.addr = server.URL+"/", server.Listener.Addr().String()
}

// token signs a token with these claims, beside scope and expiry.
func (s *site) token(scope, claims string) string {
	s.t.Helper()
	return signed(s.t, scope, claims)
}

func signed(t *testing.T, scope, claims string) string {
	t.Helper()
	all := map[string]any{"scope": scope, "exp": time.Now().Add(time.Hour).Unix()}
	if err := json.Unmarshal([]byte(claims), &all); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var c hotsock.Claims
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	token, err := hotsock.SignToken(c, testKey)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// publish publishes from the server.
func (s *site) publish(channel, event string, data any) {
	s.t.Helper()
	if _, err := s.rt.Publish(s.t.Context(), hotsock.Message{Channel: channel, Event: event, Data: data}); err != nil {
		s.t.Fatal(err)
	}
}

// openClient opens the page and makes a client there, called "client", whose
// token has these claims.
func (b *browser) openClient(name, url, claims string) *page {
	b.t.Helper()
	p := b.open(name, url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	run[any](p, `
		globalThis.client = new hotsock.Client({ token: async () => args[0] });
		globalThis.errors = record(client, "error");
		client.connect();
		await until(() => client.state === "open");
	`, signed(b.t, "connect", claims))
	return p
}

// run runs the body of an async function with these args on the page, and
// returns what it returns.
func run[T any](p *page, body string, args ...any) T {
	p.t.Helper()
	encoded, err := json.Marshal(append([]any{}, args...)) // never null
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.ctx, deadline)
	defer cancel()
	expression := fmt.Sprintf("(async (...args) => {%s})(...%s)", body, encoded)
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.failf("%s: %v", body, err)
	}
	return v
}

// clientOr serves the client for browsers, and lets h answer everything else.
func clientOr(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/client.js") {
			js.Serve(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}
