package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

const apiKey = "the key of another program"

// start starts an app with that router and what withHealth adds.
func start(t *testing.T, o hotsocktest.Options, mount func(rt *hotsock.Handler) http.Handler) *hotsocktest.Server {
	t.Helper()
	o.App = func(o hotsock.Options) (*hotsock.Handler, http.Handler, error) {
		o.APIKeys = []string{apiKey}
		rt, err := hotsock.New(o)
		if err != nil {
			return nil, nil, err
		}
		return rt, withHealth(rt, mount(rt)), nil
	}
	return hotsocktest.Start(t, o)
}

// call sends a request with the API key, and returns the answer.
func call(t *testing.T, s *hotsocktest.Server, method, path, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	resp, err := s.HTTPClient().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// Through each router a WebSocket connects, hears what is published over HTTP,
// uses the client's HTTP API, and ends when the server goes. Channel names may
// have a slash.
func TestRouters(t *testing.T) {
	for name, mount := range routers {
		for _, path := range []string{"/rt", "/rt/"} {
			t.Run(name+" "+path, func(t *testing.T) {
				s := start(t, hotsocktest.Options{Path: path}, mount)
				jim := s.Connect(t, hotsocktest.Everything("jim"))
				sub := jim.Subscribe("room/1")

				status, answer := call(t, s, http.MethodPost, "/rt/publish", `{"channel":"room/1","event":"news","data":17}`)
				if status/100 != 2 {
					t.Fatalf("publish: %d %s", status, answer)
				}
				sub.Expect("news", 17)
				jim.Publish("room/1", "chat", "hi")
				if info, err := jim.ChannelInfo(t.Context(), "room/1"); err != nil || info.Subscriptions != 1 {
					t.Errorf("over the client's HTTP API: %+v, %v", info, err)
				}
				if status, answer = call(t, s, http.MethodGet, "/rt/channels/room%2F1", ""); status != http.StatusOK ||
					!strings.Contains(answer, `"name":"room/1"`) {
					t.Errorf("channel: %d %s", status, answer)
				}
				if status, answer = call(t, s, http.MethodGet, "/rt/nothing", ""); status != http.StatusNotFound ||
					!strings.Contains(answer, string(hotsock.CodeNotFound)) {
					t.Errorf("an unknown path: %d %s", status, answer)
				}
			})
		}
	}
}

// Where the API of the whole app is mounted with StripPrefix, nothing changes.
func TestStripPrefixBelow(t *testing.T) {
	s := start(t, hotsocktest.Options{Path: "/api/rt"}, withStripPrefix)
	sub := s.Connect(t, hotsocktest.Everything("jim")).Subscribe("room")
	if status, answer := call(t, s, http.MethodPost, "/api/rt/publish", `{"channel":"room","event":"news"}`); status/100 != 2 {
		t.Fatalf("publish: %d %s", status, answer)
	}
	sub.Expect("news", nil)
}

// A node says that it is not ready while its store is away, and goes on living.
func TestHealth(t *testing.T) {
	s := start(t, hotsocktest.Options{}, withServeMux)
	for _, step := range []struct {
		change func()
		ready  int
	}{
		{func() {}, http.StatusOK},
		{s.StoreDown, http.StatusServiceUnavailable},
		{s.StoreUp, http.StatusOK},
	} {
		step.change()
		if status, _ := call(t, s, http.MethodGet, "/readyz", ""); status != step.ready {
			t.Errorf("readyz: %d, want %d", status, step.ready)
		}
		if status, _ := call(t, s, http.MethodGet, "/livez", ""); status != http.StatusOK {
			t.Errorf("livez: %d", status)
		}
	}
}

// A server with TLS and HTTP/2 serves WebSockets, over HTTP/1.1.
func TestTLS(t *testing.T) {
	key := hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: bytes.Repeat([]byte("k"), 32)}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(withServeMux(rt))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = rt.Close() })

	c, err := client.New(client.Options{
		URL: server.URL + "/rt", HTTPClient: server.Client(),
		Token: func(context.Context) (string, error) {
			claims := hotsocktest.Everything("jim")
			claims.Scope, claims.Expires = hotsock.ScopeConnect, time.Now().Add(time.Minute)
			return hotsock.SignToken(claims, key)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := c.Publish(ctx, "room", "chat", "hi"); err != nil {
		t.Error(err)
	}
}

// Middleware that the guide warns of: what it breaks, and what it does not.
func TestMiddleware(t *testing.T) {
	tests := map[string]struct {
		wrap func(http.Handler) http.Handler
		want int
	}{
		"http.TimeoutHandler": {
			func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "") },
			http.StatusInternalServerError,
		},
		"a writer without Unwrap": {
			func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
				})
			},
			http.StatusInternalServerError,
		},
		"a writer with Unwrap": {
			func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					h.ServeHTTP(unwrapper{w}, r)
				})
			},
			http.StatusSwitchingProtocols,
		},
		"chi's Timeout":  {middleware.Timeout(time.Nanosecond), http.StatusServiceUnavailable},
		"chi's Compress": {middleware.Compress(gzip.BestSpeed, "application/json"), http.StatusSwitchingProtocols},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, hotsocktest.Options{}, func(rt *hotsock.Handler) http.Handler {
				r := chi.NewRouter()
				r.Use(test.wrap)
				r.Mount("/rt", rt)
				return r
			})
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
				s.URL+"/rt?token="+s.Token(hotsocktest.Everything("jim")), nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{
				"Connection": "Upgrade", "Upgrade": "websocket", "Accept-Encoding": "gzip",
				"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
			} {
				r.Header.Set(name, value)
			}
			resp, err := s.HTTPClient().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != test.want {
				t.Errorf("%s, want %d", resp.Status, test.want)
			}
		})
	}
}

// A connection outlives the context of the request that made it.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{}, func(rt *hotsock.Handler) http.Handler {
			return middleware.Timeout(time.Second)(withServeMux(rt))
		})
		socket := s.Dial(t, hotsocktest.Everything("jim"))
		s.Advance(time.Minute)
		socket.Send(`{"event":"hotsock.ping"}`)
		socket.Expect(`{"event":"hotsock.pong","data":{}}`)
	})
}

type unwrapper struct{ http.ResponseWriter }

func (w unwrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }
