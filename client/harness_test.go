package client

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

var testKey = hotsock.SigningKey{Algorithm: hotsock.HS256, Secret: []byte("a secret of the tests, 32 bytes.")}

var feeds = flag.Bool("feeds", false, "let no WebSocket through to the servers that have feeds")

// firstAttempts is how many attempts a client needs to connect.
func firstAttempts() int {
	if *feeds {
		return 2
	}
	return 1
}

// patience is how long to wait for what must come.
const patience = 20 * time.Second

// everything may be done with every channel.
func everything() hotsock.ChannelClaims {
	later := time.Now().Add(time.Hour)
	return hotsock.ChannelClaims{
		Subscribe: hotsock.Allow, GetInfo: hotsock.Allow, UMDUpdate: hotsock.Allow, HistoryStart: time.Unix(0, 0),
		Messages: map[string]hotsock.MessageClaims{
			"kept": {Publish: hotsock.Allow, Broadcast: hotsock.Allow, Echo: hotsock.Allow, Store: time.Hour, React: hotsock.Allow, Update: hotsock.Own, Delete: hotsock.Own},
			"*":    {Publish: hotsock.Allow, Broadcast: hotsock.Allow, Echo: hotsock.Allow, ScheduleBefore: later},
		},
		Storage: map[string]hotsock.StorageClaims{"*": {
			Get: hotsock.Allow, Set: hotsock.Allow, Observe: hotsock.Allow, ScheduleBefore: later,
		}},
	}
}

// claims let a user do everything, and change what set changes.
func claims(uid string, set func(*hotsock.Claims)) hotsock.Claims {
	c := hotsock.Claims{
		Scope: hotsock.ScopeConnect, Expires: time.Now().Add(time.Hour), UID: uid,
		Channels: map[string]hotsock.ChannelClaims{"*": everything()},
	}
	if set != nil {
		set(&c)
	}
	return c
}

func sign(c hotsock.Claims) (string, error) { return hotsock.SignToken(c, testKey) }

// A site is a handler that is served.
type site struct {
	t   *testing.T
	h   *hotsock.Handler
	url string
}

// newSite serves a handler on a store, nil being one of its own in memory.
func newSite(t *testing.T, s store.Store) *site {
	t.Helper()
	if s == nil {
		s = storememory.New()
	}
	return newSiteWith(t, hotsock.Options{Store: s})
}

func newSiteWith(t *testing.T, o hotsock.Options) *site {
	t.Helper()
	o.Keys = []hotsock.Key{testKey.Key()}
	o.StoreTimeout = 10 * time.Second // The machine may be busy: a second is not much then.
	h, err := hotsock.New(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/rt", h)
	mux.Handle("/rt/", h)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if *feeds {
			refusingUpgrades(w, r, mux)
		} else {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		server.Close()
		if err := h.Close(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
	return &site{t, h, server.URL + "/rt"}
}

// client connects a user.
func (s *site) client(uid string, set func(*hotsock.Claims)) *Client {
	s.t.Helper()
	return s.clientWith(Options{URL: s.url, Token: tokens(uid, set)})
}

func tokens(uid string, set func(*hotsock.Claims)) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return sign(claims(uid, set)) }
}

func (s *site) clientWith(o Options) *Client {
	s.t.Helper()
	if o.MinDelay == 0 {
		o.MinDelay, o.MaxDelay = time.Millisecond, 50*time.Millisecond
	}
	c, err := New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := c.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return c
}

// publish publishes as the host does.
func (s *site) publish(channel, event string, data any, keep time.Duration) string {
	s.t.Helper()
	p, err := s.h.Publish(s.t.Context(), hotsock.Message{Channel: channel, Event: event, Data: data, Store: keep})
	if err != nil {
		s.t.Fatal(err)
	}
	return p.ID
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func subscribe(t *testing.T, c *Client, channel string, o *SubscribeOptions) *Subscription {
	t.Helper()
	s, err := c.Subscribe(soon(t), channel, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// next receives an event, which must be of the type.
func next[E Event](t *testing.T, s *Subscription) E {
	t.Helper()
	event, err := s.Next(soon(t))
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	e, ok := event.(E)
	if !ok {
		t.Fatalf("got %#v, want a %T", event, e)
	}
	return e
}

// proxy returns a way to the site that can be broken, and its URL.
func (s *site) proxy() (*redistest.Proxy, string) {
	s.t.Helper()
	p := redistest.NewProxy(s.t, strings.TrimSuffix(strings.TrimPrefix(s.url, "http://"), "/rt"))
	return p, "http://" + p.Addr + "/rt"
}

func wantJSON(t *testing.T, got json.RawMessage, want string) {
	t.Helper()
	if string(got) != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func wantCode(t *testing.T, err error, code Code) {
	t.Helper()
	if !errors.Is(err, &Error{Code: code}) {
		t.Fatalf("got %v, want %s", err, code)
	}
}

// tokenOf is what the client has sent as its token.
func tokenOf(t *testing.T, r *http.Request) string {
	t.Helper()
	token, err := hotsock.RequestToken(r)
	if err != nil || r.URL.Query().Has("token") {
		t.Errorf("the token is not where it should be: %v, %v", r.URL, err)
	}
	return token
}
