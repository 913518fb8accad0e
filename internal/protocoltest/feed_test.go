package protocoltest

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// Section 21. All other tests of this package can be run over feeds, too: -feeds.

// feed connects without a WebSocket, and reads hotsock.connected.
func (e *env) feed(t *testing.T, claims string, header http.Header) *client {
	t.Helper()
	c, refused := e.dialBy(t, true, e.next(), "?token="+url.QueryEscape(token(t, claims)), header)
	if c == nil {
		t.Fatalf("refused: %d %s", refused.status, refused.body)
	}
	c.Greet()
	return c
}

// post sends something by way of a node, and wants it to be taken. Any goroutine may call it.
func (c *client) post(node int, operation, body string) {
	res, err := c.e.http.Post(c.e.nodes[node].base+"/connection/"+operation+c.credentials(), "", strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		c.t.Errorf("%s %s is answered %s", operation, body, res.Status)
	}
}

// What goes over the line, for those who read it by themselves.
func TestFeedText(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.anyNode().base+"/stream", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token(t, user("", `{"room":{"autoSubscribe":true}}`)))
		res, err := e.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no", "Content-Encoding": "",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		lines := bufio.NewScanner(res.Body)
		expect := func(begins ...string) {
			t.Helper()
			for _, want := range begins {
				if !lines.Scan() || !strings.HasPrefix(lines.Text(), want) || want == "" && lines.Text() != "" {
					t.Fatalf("the line is %q (%v), want %q", lines.Text(), lines.Err(), want)
				}
			}
		}
		expect("retry: ", `data: {"event":"hotsock.connected",`, "", "id: ", `data: {"event":"hotsock.subscribed",`, "")
		e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: "two\nlines\r\n"})
		expect("id: ", `data: {"id":"`, "")
		for _, n := range e.nodes {
			if err := n.Shutdown(ctx); err != nil {
				t.Error(err)
			}
		}
		expect("event: close", `data: {"code":1001,"reason":"Going away, all answered"}`, "")
		if lines.Scan() {
			t.Errorf("after the end comes %q", lines.Text())
		}
	})
}

func TestFeedRefused(t *testing.T) {
	good := "?token=" + token(t, user("Jim", "{}"))
	for _, tt := range []struct {
		why, method, query, body string
		header                   []string
		status                   int
		code                     string
	}{
		{"no token", "GET", "", "", nil, 401, "UNAUTHORIZED"},
		{"several tokens", "GET", good + "&token=x", "", nil, 400, "INVALID_REQUEST"},
		{"a body, which nobody would read", "GET", good, "x", nil, 400, "INVALID_REQUEST"},
		{"another method", "POST", good, "", nil, 405, "METHOD_NOT_ALLOWED"},
		{"a HEAD would last for ever", "HEAD", good, "", nil, 405, ""},
		{"a page of another origin", "GET", good, "", []string{"Origin", "https://elsewhere.example"}, 403, "ORIGIN_DENIED"},
		{"an image of another site, with cookies and without an origin", "GET", good, "", []string{"Sec-Fetch-Site", "cross-site"}, 403, "ORIGIN_DENIED"},
		{"the same of another host of the site", "GET", good, "", []string{"Sec-Fetch-Site", "same-site"}, 403, "ORIGIN_DENIED"},
		{"a preflight of another origin", "OPTIONS", "", "", []string{"Origin", "https://elsewhere.example"}, 403, "ORIGIN_DENIED"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				a := e.request(t, e.next(), tt.method, "/stream"+tt.query, tt.body, tt.header...)
				if tt.code == "" {
					a.want(t, tt.status, "")
					return
				}
				a.wantError(t, tt.status, tt.code)
			})
		})
	}
}

// Pages of allowed origins may read what is answered to them.
func TestFeedOfAnotherOrigin(t *testing.T) {
	const origin = "https://app.example.com"
	everywhere(t, func(o *hotsock.Options) { o.AllowedOrigins = []string{"app.example.com"} }, func(t *testing.T, e *env) {
		a := e.request(t, e.next(), http.MethodOptions, "/stream", "", "Origin", origin, "Access-Control-Request-Method", "GET",
			"Access-Control-Request-Headers", "authorization,last-event-id,traceparent,x-evil")
		a.want(t, http.StatusNoContent, "")
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true", "Access-Control-Allow-Methods": "GET",
			"Access-Control-Allow-Headers": "Authorization, Last-Event-ID, traceparent",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		c := e.feed(t, user("Jim", "{}"), http.Header{"Origin": {origin}})
		c.ExpectNothing()
	})
}

// What is posted is carried out in its order, on whichever node it comes.
func TestPosted(t *testing.T) {
	ping := `{"event":"hotsock.ping","ref":"%d"}`
	many := func(n int) string {
		frames := make([]string, n)
		for i := range frames {
			frames[i] = fmt.Sprintf(ping, i)
		}
		return "[" + strings.Join(frames, ",") + "]"
	}
	for _, tt := range []struct {
		why, operation, body string
		status               int
		code                 string // of a refusal
		frames               []string
	}{
		{"one frame", "send", fmt.Sprintf(ping, 0), 202, "", []string{"hotsock.pong"}},
		{"white space around", "send", " \n[ " + fmt.Sprintf(ping, 0) + " ]\n", 202, "", []string{"hotsock.pong"}},
		{"several", "send", many(3), 202, "", []string{"hotsock.pong", "hotsock.pong", "hotsock.pong"}},
		{"none, as a sign of life", "send", "[]", 202, "", nil},
		{"what is wrong with one is told by a frame", "send", `{"event":`, 202, "", []string{"INVALID_JSON"}},
		{"and keeps no other from being carried out", "send", `[1,{},` + fmt.Sprintf(ping, 0) + `]`, 202, "", []string{"INVALID_JSON", "INVALID_REQUEST", "hotsock.pong"}},
		{"nothing", "send", "", 202, "", []string{"INVALID_JSON"}},
		{"an array that does not end", "send", "[" + fmt.Sprintf(ping, 0), 400, "INVALID_JSON", nil},
		{"more than an array", "send", "[] []", 400, "INVALID_JSON", nil},
		{"a member twice", "send", `[{"event":"a","event":"b"}]`, 400, "INVALID_JSON", nil},
		{"too many", "send", many(1001), 400, "INVALID_REQUEST", nil},
		{"too deep", "send", strings.Repeat("[", 100_000), 400, "INVALID_REQUEST", nil},
		{"as deep as a frame may be", "send", `[{"event":"e","channel":"c","data":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}]`, 202, "", []string{"PUBLISH_PERMISSION_DENIED"}},
		{"a frame that is too long", "send", `{"event":"` + strings.Repeat("x", 128<<10) + `"}`, 413, "PAYLOAD_TOO_LARGE", nil},
		{"a body that is too long", "send", strings.Repeat(" ", 256<<10+1), 413, "PAYLOAD_TOO_LARGE", nil},
		{"a code that no client has", "close", `{"code":1006}`, 400, "INVALID_REQUEST", nil},
		{"a code that is none", "close", `{"code":5000}`, 400, "INVALID_REQUEST", nil},
		{"no object", "close", "1000", 400, "INVALID_JSON", nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				c := e.feed(t, user("Jim", "{}"), nil)
				a := c.call(t, tt.operation, tt.body)
				if tt.code != "" {
					a.wantError(t, tt.status, tt.code)
				} else {
					a.want(t, tt.status, "{}")
				}
				for i, name := range tt.frames {
					if f := c.Expect(name); name == "hotsock.pong" && len(tt.frames) == 3 && tt.frames[0] == name && f.Ref != fmt.Sprint(i) {
						t.Errorf("answer %d is %s", i, f.Text)
					}
				}
				c.ExpectNothing()
			})
		})
	}
}

// Who may post, and until when.
func TestWhoPosts(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c, other := e.feed(t, user("Jim", "{}"), nil), e.feed(t, user("Jim", "{}"), nil)
		for why, query := range map[string]string{
			"nobody":           "",
			"another's secret": "?connectionId=" + c.ID + "&connectionSecret=" + other.Secret,
			"no such node":     "?connectionId=" + c.ID[:22] + "nonode&connectionSecret=" + c.Secret,
		} {
			for _, body := range []string{"[]", "[1"} { // and nobody learns what is wrong with it
				if a := e.request(t, e.next(), "POST", "/connection/send"+query, body); a.status != 401 {
					t.Errorf("%s: %d %s", why, a.status, a.body)
				}
			}
		}
		if !*feeds {
			socket := e.connect(t, user("Jim", "{}"))
			socket.call(t, "send", "[]").wantError(t, 400, "INVALID_REQUEST")
			socket.call(t, "close", "{}").wantError(t, 400, "INVALID_REQUEST")
		}
		c.call(t, "send", `[{"event":"hotsock.ping"}]`).want(t, 202, "{}")
		c.call(t, "close", `{"code":4000}`).want(t, 202, "{}")
		c.Expect("hotsock.pong") // what came before is carried out
		c.ExpectClose(4000, "")
		c.call(t, "send", "[]").wantError(t, 401, "UNAUTHORIZED")
	})
}

// An EventSource comes back with the last id, and gets everything once.
func TestLastEventID(t *testing.T) {
	const claims = `{"a":{"autoSubscribe":true,"historyStart":0},"b":{"autoSubscribe":true,"historyStart":0}}`
	everywhere(t, nil, func(t *testing.T, e *env) {
		say := func(channel string, n int) {
			e.publish(t, hotsock.Message{Channel: channel, Event: "e", Data: n})
		}
		got := func(c *client, channel string, n int) {
			t.Helper()
			c.expect(fmt.Sprintf(`{"id":"$_","event":"e","channel":%q,"data":%d}`, channel, n))
		}
		back := func(c *client, want string) *client {
			t.Helper()
			c.Cut()
			c = e.feed(t, user("", claims), http.Header{"Last-Event-Id": {c.LastEventID()}})
			for _, channel := range []string{"a", "b"} {
				if f := c.Expect("hotsock.subscribed"); f.Channel != channel || !strings.Contains(f.Text, want) {
					t.Fatalf("got %s, want it with %q", f.Text, want)
				}
			}
			return c
		}
		c := e.feed(t, user("", claims), nil)
		c.expect(`{"event":"hotsock.subscribed","channel":"a","data":{"autoSubscribed":true,"lastId":"$_"},"meta":{"uid":null,"umd":null}}`,
			`{"event":"hotsock.subscribed","channel":"b","data":{"autoSubscribed":true,"lastId":"$_"},"meta":{"uid":null,"umd":null}}`)
		c = back(c, `"recovered":true`) // before the first message
		say("a", 1)
		got(c, "a", 1)
		say("b", 2)
		say("a", 3)
		c.together(`{"id":"$_","event":"e","channel":"b","data":2}`, `{"id":"$_","event":"e","channel":"a","data":3}`)
		c.Cut()
		say("b", 4)
		say("b", 5)
		c = e.feed(t, user("", claims), http.Header{"Last-Event-Id": {c.LastEventID()}})
		c.Expect("hotsock.subscribed")
		c.Expect("hotsock.subscribed")
		got(c, "b", 4) // and goes again, in the middle of what it missed
		c.Cut()
		c = e.feed(t, user("", claims), http.Header{"Last-Event-Id": {c.LastEventID()}})
		c.Expect("hotsock.subscribed")
		c.Expect("hotsock.subscribed")
		got(c, "b", 5)
		say("a", 6)
		got(c, "a", 6)
		c = back(c, `"recovered":true`)
		for _, id := range []string{"x", "%%%", strings.Repeat("A", 100_000), "AAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
			c := e.feed(t, user("", claims), http.Header{"Last-Event-Id": {id}})
			if f := c.Expect("hotsock.subscribed"); !strings.Contains(f.Text, `"recovered":false`) {
				t.Errorf("after %.20q: %s", id, f.Text)
			}
		}
		e.quiet(t, "b", c)
	})
}

// The ids of a token with many channels know of the first 16 only: of the others the
// client is told that something may be missing.
func TestLastEventIDOfManyChannels(t *testing.T) {
	var claims []string
	for i := range 20 {
		claims = append(claims, fmt.Sprintf(`"c%02d":{"autoSubscribe":true,"historyStart":0}`, i))
	}
	everywhere(t, nil, func(t *testing.T, e *env) {
		all := user("", "{"+strings.Join(claims, ",")+"}")
		c := e.feed(t, all, nil)
		for range claims {
			c.Expect("hotsock.subscribed")
		}
		c.Cut()
		c = e.feed(t, all, http.Header{"Last-Event-Id": {c.LastEventID()}})
		for i := range claims {
			if f := c.Expect("hotsock.subscribed"); strings.Contains(f.Text, `"recovered":true`) != (i < 16) {
				t.Errorf("channel %d: %s", i, f.Text)
			}
		}
	})
}

// Who promises to answer pings and does not is gone as soon as with a WebSocket; who
// receives them, and promises nothing, is there.
func TestFeedLiveness(t *testing.T) {
	for _, tt := range []struct {
		why, query   string
		answers, end bool
	}{
		{"it only receives", "", false, false},
		{"it answers", "&pong=true", true, false},
		{"it promises to answer", "&pong=true", false, true},
	} {
		t.Run(tt.why, func(t *testing.T) {
			inBubble(t, 1, func(o *hotsock.Options) { o.PingInterval, o.IdleTimeout = 0, 48*time.Hour }, func(t *testing.T, e *env) {
				c, refused := e.dialBy(t, true, 0, "?token="+token(t, `{"scope":"connect"}`)+tt.query, nil)
				if refused != nil {
					t.Fatal(refused)
				}
				c.Greet()
				start := time.Now()
				var posting sync.WaitGroup
				if tt.answers {
					posting.Go(func() {
						for range 100 {
							time.Sleep(20 * time.Second)
							c.post(0, "send", "[]")
						}
						c.post(0, "close", "{}")
					})
				}
				if !tt.answers && !tt.end {
					go func() {
						time.Sleep(time.Hour)
						_ = c.e.nodes[0].Close()
					}()
				}
				_, err := c.TryNext()
				lived := time.Since(start)
				posting.Wait() // else the server is closed before it has answered
				if gone := strings.Contains(fmt.Sprint(err), "Ping timeout"); gone != tt.end || gone != (lived < 37*time.Second) {
					t.Errorf("ended after %v: %v", lived, err)
				}
			})
		})
	}
}
