package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

func TestBackoff(t *testing.T) {
	b := backoff{min: time.Second, max: 30 * time.Second}
	for n, seconds := range []int{1, 2, 4, 8, 16, 30, 30, 30} {
		bound := time.Duration(seconds) * time.Second
		longest := time.Duration(0)
		for range 1000 {
			b.failures = n
			d := b.next(0)
			if d < 0 || d > bound {
				t.Fatalf("delay %d is %v", n, d)
			}
			longest = max(longest, d)
		}
		if longest < bound*9/10 {
			t.Errorf("the longest of 1,000 delays is %v, want almost %v", longest, bound)
		}
	}
	b.failures = 1000
	if d := b.next(time.Minute); d < time.Minute || d > 90*time.Second {
		t.Errorf("the delay after a minute that was asked for is %v", d)
	}
	b.reset()
	if d := b.next(0); d > time.Second {
		t.Errorf("the first delay is %v", d)
	}
}

// states records what OnState is told.
type states struct {
	mu  sync.Mutex
	all []State
}

func (s *states) add(st State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, st)
}

// waits returns those with a delay.
func (s *states) waits() (waits []State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.all {
		if st.Status == Waiting {
			waits = append(waits, st)
		}
	}
	return waits
}

// A server that refuses is asked again, later and later; what it says of when is
// heeded.
func TestRefusedConnections(t *testing.T) {
	attempts := 0
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		attempts++
		if token := tokenOf(t, r); token != fmt.Sprint(attempts) {
			t.Errorf("attempt %d with the token %q", attempts, token)
		}
		switch attempts {
		case 1:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"code":"UNAUTHORIZED","message":"no"}}`)
		case 2:
			w.Header().Set("Retry-After", "100")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"error":{"code":"UNAVAILABLE","message":"later"}}`)
		case 3:
			w.Header().Set("Retry-After", "99999999999999999999")
			w.WriteHeader(http.StatusBadGateway)
		case 4:
			w.Header().Set("Retry-After", "1000000")
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"code":"UNAUTHORIZED","message":"no"}}`)
		}
	})
	var st states
	calls := 0
	o := Options{OnState: st.add, Token: func(context.Context) (string, error) {
		calls++
		return fmt.Sprint(calls), nil
	}}
	inBubble(t, server, o, func(t *testing.T, c *Client) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		_, err := c.Publish(ctx, "room", "e", nil)
		wantCode(t, err, CodeUnauthorized)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		waits := st.waits()
		for n, want := range []struct {
			code        Code
			least, most time.Duration
		}{
			{CodeUnauthorized, 0, time.Second},
			{CodeUnavailable, 100 * time.Second, 102 * time.Second},
			{"", 0, 4 * time.Second},
			{"", 5 * time.Minute, 5*time.Minute + 8*time.Second},
			{CodeUnauthorized, 0, 16 * time.Second},
			{CodeUnauthorized, 0, 30 * time.Second},
		} {
			got := waits[n]
			if got.Delay < want.least || got.Delay > want.most {
				t.Errorf("delay %d is %v, want %v to %v", n, got.Delay, want.least, want.most)
			}
			if want.code != "" {
				wantCode(t, got.Err, want.code)
			}
		}
		if err := waits[2].Err.Error(); !strings.Contains(err, "502") {
			t.Errorf("the error is %q", err)
		}
	})
}

// Delays start again only after a connection that has lasted and answered.
func TestShortConnections(t *testing.T) {
	for _, tt := range []struct {
		name    string
		life    time.Duration
		answers bool
		grow    bool
	}{
		{"a second", time.Second, true, true},
		{"a minute, and all that should come is still on its way", time.Minute, false, true},
		{"a minute", time.Minute, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) { shortConnections(t, tt.life, tt.answers, tt.grow) })
	}
}

func shortConnections(t *testing.T, life time.Duration, answers, grow bool) {
	t.Helper()
	server := script(t, func(ctx context.Context, ws *websocket.Conn) {
		ctx, cancel := context.WithCancel(ctx)
		defer time.AfterFunc(life, func() {
			_ = ws.Close(websocket.StatusPolicyViolation, "go away")
			cancel()
		}).Stop()
		_ = hear(ctx, ws, func(frame string) {
			if answers {
				say(ctx, ws, pong(frame))
			} else {
				say(ctx, ws, `{"event":"e","channel":"room"}`)
			}
		})
	})
	var st states
	inBubble(t, server, Options{OnState: st.add}, func(t *testing.T, _ *Client) {
		time.Sleep(30 * time.Minute)
		waits := st.waits()
		long := 0
		for _, w := range waits[5:] {
			if w.Delay > 10*time.Second {
				long++
			}
			// Who gets no answer tries without a WebSocket, too.
			if text := w.Err.Error(); !strings.Contains(text, "go away") && (answers || !strings.Contains(text, "404")) {
				t.Fatalf("the reason is %v", w.Err)
			}
			if !grow && w.Delay > time.Second {
				t.Errorf("a delay is %v", w.Delay)
			}
		}
		if grow && long < len(waits)/3 {
			t.Errorf("only %d of %d delays are long", long, len(waits))
		}
	})
}

func TestTokenErrors(t *testing.T) {
	broken := errors.New("the app is down")
	calls := 0
	var st states
	o := Options{OnState: st.add, Token: func(context.Context) (string, error) {
		calls++
		if calls == 5 {
			return "", fmt.Errorf("signed out: %w", Permanent(broken))
		}
		return "", broken
	}}
	inBubble(t, http.NotFoundHandler(), o, func(t *testing.T, c *Client) {
		_, err := c.Subscribe(t.Context(), "room", nil)
		if !errors.Is(err, broken) || calls != 5 {
			t.Errorf("got %v after %d calls", err, calls)
		}
		if err := c.Connect(t.Context()); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if waits := st.waits(); len(waits) != 4 || !errors.Is(waits[0].Err, broken) {
			t.Errorf("got %v", waits)
		}
		if last := st.all[len(st.all)-1]; last.Status != Closed || !errors.Is(last.Err, broken) {
			t.Errorf("the last state is %v", last)
		}
	})
}

// A server that is silent is noticed, one that answers pings is not left.
func TestSilence(t *testing.T) {
	var answers bool
	server := script(t, func(ctx context.Context, ws *websocket.Conn) {
		_ = hear(ctx, ws, func(string) {
			if answers {
				say(ctx, ws, `{"event":"hotsock.pong","data":{}}`)
			}
		})
	})
	for _, a := range []bool{true, false} {
		answers = a
		var st states
		inBubble(t, server, Options{OnState: st.add}, func(t *testing.T, _ *Client) {
			time.Sleep(52 * time.Second)
			waits := st.waits()
			if answers && len(waits) > 0 {
				t.Errorf("left: %v", waits[0].Err)
			}
			if !answers && (len(waits) == 0 || !errors.Is(waits[0].Err, errSilent)) {
				t.Errorf("got %v", waits)
			}
		})
	}
}

// A connect that hangs is given up.
func TestConnectTimeout(t *testing.T) {
	server := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	var st states
	inBubble(t, server, Options{OnState: st.add}, func(t *testing.T, _ *Client) {
		time.Sleep(21 * time.Second)
		if waits := st.waits(); len(waits) != 1 || !errors.Is(waits[0].Err, context.DeadlineExceeded) {
			t.Errorf("got %v", waits)
		}
	})
}

// onHandler runs a test in a bubble, with a handler and a client of Jim's.
func onHandler(t *testing.T, o Options, set func(*hotsock.Claims), f func(t *testing.T, h *hotsock.Handler, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{testKey.Key()}})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		o.URL, o.HTTPClient, o.Token = "ws://pipe/", servePipe(t, h), tokens("Jim", set)
		c, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		f(t, h, c)
	})
}

// A token's heartbeat timeout is met.
func TestHeartbeats(t *testing.T) {
	var st states
	often := Options{OnState: st.add, HeartbeatInterval: 4 * time.Second}
	timeout := func(c *hotsock.Claims) { c.HeartbeatTimeout = 5 * time.Second }
	onHandler(t, often, timeout, func(t *testing.T, _ *hotsock.Handler, _ *Client) {
		time.Sleep(time.Hour)
		if waits := st.waits(); len(waits) > 0 {
			t.Errorf("disconnected: %v", waits[0].Err)
		}
	})
}

// Who is disconnected is told why in the server's words.
func TestDisconnectedByServer(t *testing.T) {
	var st states
	onHandler(t, Options{OnState: st.add}, nil, func(t *testing.T, h *hotsock.Handler, c *Client) {
		if err := c.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := h.DisconnectUser(t.Context(), "Jim", hotsock.Because("You have moved")); n != 1 || err != nil {
			t.Fatalf("DisconnectUser: %d, %v", n, err)
		}
		synctest.Wait()
		waits := st.waits()
		if len(waits) != 1 || waits[0].Err.Error() != `hotsock: disconnected by the server: "You have moved" (1012)` ||
			websocket.CloseStatus(waits[0].Err) != websocket.StatusServiceRestart || Reason(waits[0].Err) != "You have moved" {
			t.Errorf("got %v", waits)
		}
		// It comes back, and stays away when it is asked to.
		if err := c.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := h.DisconnectUser(t.Context(), "Jim", hotsock.Because("Closed"), hotsock.StayAway()); n != 1 || err != nil {
			t.Fatalf("DisconnectUser: %d, %v", n, err)
		}
		time.Sleep(time.Hour)
		if err := c.Connect(t.Context()); !errors.Is(err, ErrStayAway) || Reason(err) != "Closed" || len(st.waits()) != 1 {
			t.Errorf("got %v, after %v", err, st.waits())
		}
	})
}

// Errors and states must not tell tokens or secrets.
func TestNoSecretsInErrors(t *testing.T) {
	const secret = "a-secret-of-somebody"
	var st states
	for _, url := range []string{"http://127.0.0.1:1/rt", "http://[::1", "http://127.0.0.1:1/" + secret + "\x7f"} {
		c, err := New(Options{
			URL: url + "?key=" + secret, OnState: st.add,
			Token: func(context.Context) (string, error) { return secret, nil },
		})
		if err != nil {
			st.add(State{Err: err})
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		st.add(State{Err: c.Connect(ctx)})
		cancel()
		c.mu.Lock()
		n := newConn(c, nil, connectedData{"id", secret}, "")
		c.mu.Unlock()
		st.add(State{Err: c.request(t.Context(), n, "getChannelInfo", struct{}{}, nil)})
		_ = c.Close()
	}
	failures := 0
	for _, s := range st.all {
		if s.Err == nil {
			continue
		}
		failures++
		if strings.Contains(s.Err.Error(), secret) {
			t.Errorf("%v", s.Err)
		}
	}
	if failures < 4 {
		t.Errorf("there were only %d errors", failures)
	}
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct{ url, want string }{
		{"ws://a/rt", "http://a/rt"},
		{"wss://a/rt/?x=1#f", "https://a/rt/?x=1"},
		{"https://a", "https://a"},
		{"https://a/b c?x=y z&x=%20", "https://a/b%20c?x=y+z&x=+"},
	} {
		u, err := parseURL(tt.url)
		if err != nil || u.String() != tt.want {
			t.Errorf("%s: got %v, %v, want %s", tt.url, u, err, tt.want)
		}
	}
	for _, o := range []Options{
		{},
		{URL: "ftp://a"},
		{URL: "http:///rt"},
		{URL: "http://:80/rt"},
		{URL: "http://a/rt?x=%zz"},
		{URL: "http://a/rt?x=1;y=2"},
		{URL: "a/rt"},
		{URL: "://"},
		{URL: "http://a", MinDelay: time.Hour},
		{URL: "http://a", MaxQueueSize: -1},
		{URL: "http://a", MaxQueueSize: math.MaxInt},
		{URL: "http://a", MaxFrameSize: math.MaxInt},
		{URL: "http://a", ConnectTimeout: -1},
		{URL: "http://a", ConnectTimeout: math.MaxInt64},
		{URL: "http://a", ConnectTimeout: 20}, // seconds were meant
		{URL: "http://a", MinDelay: math.MinInt64},
		{URL: "http://a", MaxDelay: math.MaxInt64},
		{URL: "http://a", HeartbeatInterval: 25},
		{URL: "http://a", HeartbeatInterval: math.MaxInt64},
	} {
		if c, err := New(o); err == nil {
			_ = c.Close()
			t.Errorf("%+v was accepted", o)
		}
	}
}
