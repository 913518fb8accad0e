package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

func isUpgrade(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

func isFeed(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/stream") }

// behind serves the site behind something on the way, and returns the URL.
func (s *site) behind(middle func(w http.ResponseWriter, r *http.Request, next http.Handler)) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { middle(w, r, s.h) }))
	s.t.Cleanup(server.Close)
	return server.URL + "/rt"
}

// refusingUpgrades is what lets no WebSocket through.
func refusingUpgrades(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if isUpgrade(r) {
		http.Error(w, "no WebSockets here", http.StatusForbidden)
		return
	}
	next.ServeHTTP(w, r)
}

func answerStatus(status int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// behindInBubble runs a test in a bubble, with a client of a handler behind something on
// the way.
func behindInBubble(t *testing.T, o Options, middle func(w http.ResponseWriter, r *http.Request, next http.Handler), f func(t *testing.T, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{testKey.Key()}})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		way := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { middle(w, r, h) })
		bodies := new(bodyWatch)
		o.URL, o.HTTPClient = "ws://pipe/", servePipe(t, way)
		bodies.RoundTripper, o.HTTPClient.Transport = o.HTTPClient.Transport, bodies
		if o.Token == nil {
			o.Token = tokens("Jim", nil)
		}
		c, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = c.Close()
			if n := bodies.open.Load(); n != 0 {
				t.Errorf("%d bodies of answers were not closed", n)
			}
		}()
		f(t, c)
	})
}

// A bodyWatch counts the bodies of answers that are open.
type bodyWatch struct {
	http.RoundTripper
	open atomic.Int64
}

func (w *bodyWatch) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	w.open.Add(1)
	body := watchedBody{res.Body, sync.OnceFunc(func() { w.open.Add(-1) })}
	res.Body = body
	if both, ok := body.ReadCloser.(io.ReadWriteCloser); ok { // a WebSocket
		res.Body = struct {
			io.Writer
			watchedBody
		}{both, body}
	}
	return res, nil
}

type watchedBody struct {
	io.ReadCloser
	closed func()
}

func (b watchedBody) Close() error {
	b.closed()
	return b.ReadCloser.Close()
}

// A server of 0.2 has no feeds, and one behind a proxy that holds events back has none
// that is of use: the client says so, and tries both kinds in turn.
func TestNoFeedEither(t *testing.T) {
	for _, tt := range []struct {
		name   string
		middle func(w http.ResponseWriter, r *http.Request, next http.Handler)
		want   string
	}{
		{"0.2", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			r.URL.Path = "/nothing" // The answer is the same.
			next.ServeHTTP(w, r)
		}, "NOT_FOUND"},
		{"all held back", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&holdingBack{w, false}, r)
		}, "deadline exceeded"},
		{"events held back", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			next.ServeHTTP(&holdingBack{w, true}, r)
		}, "held it back"},
		{"another page", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			fmt.Fprint(w, "Welcome!")
		}, "200 OK"},
		{"an answer that does not end", func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusForbidden)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "deadline exceeded"},
		{"cut off", func(http.ResponseWriter, *http.Request, http.Handler) {
			panic(http.ErrAbortHandler)
		}, "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var through atomic.Bool // WebSockets come
			var asked, feeds atomic.Int64
			var st states
			middle := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				asked.Add(1)
				switch {
				case isUpgrade(r) && through.Load():
					next.ServeHTTP(w, r)
				case isUpgrade(r):
					w.WriteHeader(http.StatusForbidden)
				default:
					feeds.Add(1)
					tt.middle(w, r, next)
				}
			}
			behindInBubble(t, Options{OnState: st.add, TokenInURL: true}, middle, func(t *testing.T, c *Client) {
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				waits := st.waits()
				for n, w := range waits {
					if isOfFeed := n%2 == 1; isOfFeed != strings.Contains(w.Err.Error(), tt.want) || strings.Contains(w.Err.Error(), "token") {
						t.Errorf("the error %d is %q", n, w.Err)
					}
				}
				if all, n := asked.Load(), feeds.Load(); all > int64(len(waits)+1) || n > all/2 || n < 3 {
					t.Errorf("asked %d times, %d for a feed, in %d attempts", all, n, len(waits))
				}
				through.Store(true)
				if err := c.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// holdingBack keeps small answers until they are complete.
type holdingBack struct {
	http.ResponseWriter
	begun bool
}

func (*holdingBack) Flush() {}

func (h *holdingBack) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(h.ResponseWriter).SetWriteDeadline(t)
}

func (h *holdingBack) WriteHeader(status int) {
	if !h.begun {
		h.ResponseWriter.WriteHeader(status)
	}
}

// Feeds break, and subscriptions catch up over the next one.
func TestFeedsCatchUp(t *testing.T) {
	s := newSite(t, nil)
	var hold sync.Mutex
	c := s.clientWith(Options{
		URL: s.behind(refusingUpgrades),
		Token: func(context.Context) (string, error) {
			hold.Lock()
			defer hold.Unlock()
			return sign(claims("Jim", nil))
		},
	})
	sub := subscribe(t, c, "room", nil)
	for i := range 20 {
		hold.Lock() // The next connection has to wait for what is published here.
		c.mu.Lock()
		c.conn.link.cut()
		c.mu.Unlock()
		s.publish("room", "e", i, 0)
		s.publish("room", "e", -i, 0)
		hold.Unlock()
		wantJSON(t, next[Message](t, sub).Data, fmt.Sprint(i))
		wantJSON(t, next[Message](t, sub).Data, fmt.Sprint(-i))
		if err := c.Connect(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// Commands that wait for each other share requests, and keep their order.
func TestFeedGathersCommands(t *testing.T) {
	const commands = 200
	posts := 0
	var release chan struct{}
	behindInBubble(t, Options{}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/send") {
			if posts++; posts == 2 {
				<-release
			}
		}
		refusingUpgrades(w, r, next)
	}, func(t *testing.T, c *Client) {
		release = make(chan struct{})
		sub, err := c.Subscribe(t.Context(), "room", nil)
		if err != nil {
			t.Fatal(err)
		}
		var publishing sync.WaitGroup
		for i := range commands {
			publishing.Go(func() {
				if _, err := c.Publish(t.Context(), "room", "e", i); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		close(release)
		for i := range commands {
			wantJSON(t, next[Message](t, sub).Data, fmt.Sprint(i))
		}
		publishing.Wait()
		if posts != 3 {
			t.Errorf("%d requests, want one to subscribe and two", posts)
		}
	})
}

// What the server ends says why, and a client that closes is known to have left.
func TestEndsOfFeeds(t *testing.T) {
	s := newSite(t, nil)
	var st states
	c := s.clientWith(Options{URL: s.behind(refusingUpgrades), Token: tokens("Jim", nil), OnState: st.add})
	if err := c.Connect(soon(t)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.h.DisconnectUser(t.Context(), "Jim", hotsock.Because("You have moved")); n != 1 || err != nil {
		t.Fatalf("DisconnectUser: %d, %v", n, err)
	}
	await.That(t, "the end", func() bool { return len(st.waits()) == 2 })
	if err := st.waits()[1].Err; Reason(err) != "You have moved" {
		t.Errorf("got %v", err)
	}
	if err := c.Connect(soon(t)); err != nil {
		t.Fatal(err)
	}
	connected := func() int { return s.h.Stats().Connections }
	if n := connected(); n != 1 {
		t.Errorf("%d connections", n)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	await.That(t, "no connection", func() bool { return connected() == 0 })
	c = s.clientWith(Options{URL: s.behind(refusingUpgrades), Token: tokens("Ann", nil)})
	if err := c.Connect(soon(t)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.h.DisconnectUser(t.Context(), "Ann", hotsock.StayAway()); n != 1 || err != nil {
		t.Fatalf("DisconnectUser: %d, %v", n, err)
	}
	<-c.done
	if err := c.Connect(soon(t)); !errors.Is(err, ErrStayAway) {
		t.Errorf("got %v", err)
	}
}

// What Token asks for itself arrives, which says nothing of the server.
func TestTokenIsNoReason(t *testing.T) {
	s := newSite(t, nil)
	var st states
	c := s.clientWith(Options{OnState: st.add, URL: "http://127.0.0.1:1/rt", Token: func(ctx context.Context) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
		if err != nil {
			return "", err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", err
		}
		_ = res.Body.Close()
		return sign(claims("Jim", nil))
	}})
	await.That(t, "three attempts", func() bool { return len(st.waits()) > 2 })
	_ = c.Close()
	for _, w := range st.waits() {
		if w.Feed {
			t.Errorf("%+v", w)
		}
	}
}

// A gateway that speaks nothing but HTTP/2 has no WebSockets.
func TestOnlyHTTP2(t *testing.T) {
	s := newSite(t, nil)
	server := httptest.NewUnstartedServer(s.h)
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{NextProtos: []string{"h2"}, GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
		if !slices.Contains(i.SupportedProtos, "h2") {
			return nil, errors.New("HTTP/2 only")
		}
		return nil, nil
	}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake
	server.StartTLS()
	t.Cleanup(server.Close)
	var st states
	c := s.clientWith(Options{URL: server.URL, Token: tokens("Jim", nil), HTTPClient: server.Client(), OnState: st.add})
	sub := subscribe(t, c, "room", nil)
	for i := range 3 {
		if _, err := c.Publish(soon(t), "room", "e", i); err != nil {
			t.Fatal(err)
		}
		wantJSON(t, next[Message](t, sub).Data, fmt.Sprint(i))
	}
	if waits := st.waits(); len(waits) != 1 {
		t.Errorf("%d attempts failed, want one: %v", len(waits), waits)
	}
}
