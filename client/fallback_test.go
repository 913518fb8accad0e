package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
)

// Where no WebSocket gets through, the second attempt is a feed.
func TestFallback(t *testing.T) {
	cut := func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	}
	for _, tt := range []struct {
		name    string
		upgrade func(w http.ResponseWriter, r *http.Request) // nil: reaches the server without its headers
		inURL   bool
	}{
		{name: "refused as malformed", upgrade: answerStatus(http.StatusBadRequest)},
		{name: "forbidden", upgrade: answerStatus(http.StatusForbidden)},
		{name: "not found", upgrade: answerStatus(http.StatusNotFound)},
		{name: "refused by what knows that it is an upgrade", upgrade: answerStatus(http.StatusUpgradeRequired)},
		{name: "not implemented", upgrade: answerStatus(http.StatusNotImplemented)},
		{name: "no valid answer for the proxy", upgrade: answerStatus(http.StatusBadGateway)},
		{name: "no answer in time for the proxy", upgrade: answerStatus(http.StatusGatewayTimeout)},
		{name: "a page of the proxy's own", upgrade: answerStatus(http.StatusOK)},
		{name: "without the headers of an upgrade"},
		{name: "cut off", upgrade: cut},
		{name: "the token in the URL", upgrade: answerStatus(http.StatusForbidden), inURL: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, nil)
			url := s.behind(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				switch {
				case isUpgrade(r) && tt.upgrade != nil:
					tt.upgrade(w, r)
					return
				case isUpgrade(r):
					r.Header.Del("Upgrade")
					r.Header.Del("Connection")
				case r.URL.Query().Has("token") != (tt.inURL && isFeed(r)):
					t.Errorf("the token is not where it should be: %v", r.URL)
				}
				next.ServeHTTP(w, r)
			})
			var st states
			c := s.clientWith(Options{URL: url, Token: tokens("Jim", nil), OnState: st.add, TokenInURL: tt.inURL})
			sub := subscribe(t, c, "room", nil)
			for i := range 5 {
				if _, err := c.Publish(soon(t), "room", "e", i); err != nil {
					t.Fatal(err)
				}
				wantJSON(t, next[Message](t, sub).Data, fmt.Sprint(i))
			}
			if waits := st.waits(); len(waits) != 1 {
				t.Errorf("%d attempts failed, want one: %v", len(waits), waits)
			}
			st.mu.Lock()
			defer st.mu.Unlock()
			if last := st.all[len(st.all)-1]; last.Status != Connected || !last.Feed {
				t.Errorf("the state is %+v", last)
			}
		})
	}
}

// The server's own refusals, and a server that is away, are no reason.
func TestNoFallback(t *testing.T) {
	for _, tt := range []struct {
		name     string
		err      error
		sent     bool
		expected bool
	}{
		{"a server that is away", errors.New("connection refused"), false, false},
		{"silence", context.DeadlineExceeded, true, true},
		{"a refused token", &refusal{err: &Error{Code: CodeUnauthorized}, status: 401}, true, false},
		{"a refused page", &refusal{err: &Error{Code: CodeOriginDenied}, status: 403}, true, false},
		{"a server that stops", &refusal{err: &Error{Code: CodeUnavailable}, status: 503}, true, false},
		{"an upgrade without its headers", &refusal{err: &Error{Code: CodeInvalidRequest}, status: 426}, true, true},
		{"a server without feeds", &refusal{err: &Error{Code: CodeNotFound}, status: 404}, true, true},
		{"a balancer without a server", &refusal{status: 503}, true, false},
		{"a proxy that wants a password", &refusal{status: 407}, true, false},
		{"a balancer that limits rates", &refusal{status: 429}, true, false},
		{"the app's own authentication", &refusal{status: 401}, true, false},
		{"a server that closes the connection", &closedError{}, true, false},
		{"a proxy that tunnels nothing", fmt.Errorf("%w 403", errNoTunnel), false, true},
	} {
		if got := blocked(tt.err, tt.sent); got != tt.expected {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

// A fallback takes as many attempts as there is reason to doubt, and ends.
func TestWhenToFallBack(t *testing.T) {
	now := time.Unix(1e9, 0)
	var f fallback
	type outcome int
	const (
		works outcome = iota
		isBlocked
		isAway
	)
	attempt := func(feed bool, o outcome) {
		t.Helper()
		if got := f.next(now); got != feed {
			t.Fatalf("the attempt is by feed: %v, want %v", got, feed)
		}
		if o == works {
			f.connected(now)
		} else {
			f.refused(o == isBlocked)
		}
	}
	const socket, feed = false, true
	attempt(socket, isAway)
	attempt(socket, isBlocked)
	attempt(feed, isBlocked) // None gets through.
	attempt(socket, isBlocked)
	attempt(feed, isAway) // Whether feeds get through is not known yet.
	attempt(socket, isBlocked)
	now = now.Add(longestTrial) // The server asked for that.
	attempt(feed, works)
	attempt(feed, isAway) // soon after
	attempt(feed, works)
	now = now.Add(firstTrial)
	attempt(socket, isBlocked)
	attempt(feed, works)
	now = now.Add(firstTrial) // Trials are rarer and rarer,
	attempt(feed, works)
	for range 20 {
		now = now.Add(longestTrial)
		attempt(socket, isBlocked)
		attempt(feed, works)
	}
	now = now.Add(longestTrial)
	attempt(socket, works)     // and end with the first that succeeds.
	attempt(socket, isBlocked) // A server that restarts does that,
	attempt(socket, isAway)
	attempt(socket, isBlocked)
	attempt(socket, isBlocked)
	attempt(feed, isBlocked) // so this is no proxy.
	for range 3 {
		attempt(socket, isBlocked)
	}
	attempt(feed, works)
	attempt(feed, isBlocked)
	attempt(socket, isBlocked) // Feeds have worked since WebSockets did.
	attempt(feed, works)
	now = now.Add(longestTrial)
	attempt(socket, works)
	f.mute() // It carried nothing more.
	attempt(feed, isAway)
	attempt(socket, works)
	f.mute()
	attempt(feed, works)
}

// An upgrade without an answer costs the time of one attempt.
func TestSilentUpgrade(t *testing.T) {
	var st states
	behindInBubble(t, Options{OnState: st.add}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if isUpgrade(r) {
			<-r.Context().Done()
			return
		}
		next.ServeHTTP(w, r)
	}, func(t *testing.T, c *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 22*time.Second)
		defer cancel()
		if err := c.Connect(ctx); err != nil || len(st.waits()) != 1 {
			t.Errorf("got %v after %v", err, st.waits())
		}
	})
}

// A feed gives way to a WebSocket as soon as one gets through and no command waits, and
// nobody notices.
func TestGoesBack(t *testing.T) {
	through, asked := false, 0
	var st states
	behindInBubble(t, Options{OnState: st.add}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if isUpgrade(r) {
			asked++
		}
		if through {
			next.ServeHTTP(w, r)
			return
		}
		refusingUpgrades(w, r, next)
	}, func(t *testing.T, c *Client) {
		sub, err := c.Subscribe(t.Context(), "room", nil)
		if err != nil {
			t.Fatal(err)
		}
		through = true
		c.mu.Lock()
		first := c.conn
		c.mu.Unlock()
		busy := func(is bool) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if delete(first.pending, "busy"); is {
				first.pending["busy"] = func(*frame) error { return nil }
			}
		}
		busy(true)
		sent := 0
		publish := func(d time.Duration) {
			for range int(d / time.Second) {
				time.Sleep(time.Second)
				if _, err := c.Publish(t.Context(), "room", "e", sent); err != nil {
					t.Fatal(err)
				}
				sent++
			}
		}
		publish(2 * firstTrial)
		if asked != 1 || c.ConnectionID() != first.id {
			t.Errorf("asked %d times for a WebSocket while a command waits", asked)
		}
		busy(false)
		publish(5 * time.Second)
		if id := c.ConnectionID(); asked != 2 || id == first.id || id == "" {
			t.Errorf("asked %d times for a WebSocket, and the connection is %q", asked, id)
		}
		for i := range sent {
			wantJSON(t, next[Message](t, sub).Data, fmt.Sprint(i))
		}
		publish(2 * longestTrial / 60)
		st.mu.Lock()
		defer st.mu.Unlock()
		want := []State{
			{Status: Connecting}, {Status: Waiting, Feed: true}, {Status: Connecting}, {Status: Connected, Feed: true}, {Status: Connected},
		}
		if len(st.all) != len(want) || asked != 2 {
			t.Fatalf("asked %d times, and was %+v", asked, st.all)
		}
		for i, got := range st.all {
			if got.Status != want[i].Status || got.Feed != want[i].Feed {
				t.Errorf("state %d is %+v", i, got)
			}
		}
	})
}

// Trials in vain disturb nobody, and are rarer and rarer.
func TestTrialsInVain(t *testing.T) {
	for _, tt := range []struct {
		why     string
		upgrade func(c *Client, w http.ResponseWriter, r *http.Request, next http.Handler)
	}{
		{"refused", func(_ *Client, w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusForbidden)
		}},
		{"silent", func(_ *Client, _ http.ResponseWriter, r *http.Request, _ http.Handler) { <-r.Context().Done() }},
		{"a command begins meanwhile", func(c *Client, w http.ResponseWriter, r *http.Request, next http.Handler) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if n := c.conn; n != nil {
				n.pending["busy"] = func(*frame) error { return nil }
				time.AfterFunc(time.Minute, func() {
					c.mu.Lock()
					defer c.mu.Unlock()
					delete(n.pending, "busy")
				})
				next.ServeHTTP(w, r)
				return
			}
			w.WriteHeader(http.StatusForbidden)
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var client *Client
			asked, tokens := 0, 0
			var st states
			ready := make(chan struct{})
			o := Options{OnState: st.add, Token: func(context.Context) (string, error) {
				tokens++
				return sign(claims("Jim", func(c *hotsock.Claims) { c.Expires = time.Now().Add(24 * time.Hour) }))
			}}
			behindInBubble(t, o, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if isUpgrade(r) {
					asked++
					<-ready
					tt.upgrade(client, w, r, next)
					return
				}
				next.ServeHTTP(w, r)
			}, func(t *testing.T, c *Client) {
				client = c
				close(ready)
				if err := c.Connect(t.Context()); err != nil {
					t.Fatal(err)
				}
				id := c.ConnectionID()
				time.Sleep(100 * time.Minute) // The server ends it after two hours.
				synctest.Wait()
				if len(st.waits()) != 1 || c.ConnectionID() != id {
					t.Errorf("the feed was disturbed: %+v", st.all)
				}
				// After at most 1, 4 and 16 minutes, then every hour; at least half of that.
				if asked < 5 || asked > 7 || tokens != asked+1 {
					t.Errorf("asked %d times for a WebSocket, and %d times for a token", asked, tokens)
				}
			})
		})
	}
}

// Close waits neither for a feed that does not begin nor for a trial.
func TestCloseWhileFallingBack(t *testing.T) {
	for _, tt := range []struct {
		why    string
		silent func(r *http.Request) bool
		after  time.Duration
	}{
		{"a feed that does not begin", isFeed, 10 * time.Second},
		{"a trial", isUpgrade, 20*time.Second + firstTrial + time.Second},
	} {
		t.Run(tt.why, func(t *testing.T) {
			asked := false
			behindInBubble(t, Options{}, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if tt.silent(r) {
					asked = true
					<-r.Context().Done()
					return
				}
				refusingUpgrades(w, r, next)
			}, func(t *testing.T, c *Client) {
				time.Sleep(tt.after)
				synctest.Wait()
				began := time.Now()
				_ = c.Close()
				if took := time.Since(began); took > time.Second || !asked {
					t.Errorf("closing took %v", took)
				}
			})
		})
	}
}
