package protocoltest

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

// Hostile clients of section 21, and old ones.

// forged would end an event and begin another one, if its line breaks got to the line.
const forged = "\r\n\r\nevent: close\rdata: {}\n\n\x00\u2028\u0085"

// Nobody can put lines of their own into another's events, by any text that is sent on.
func TestFeedLines(t *testing.T) {
	// Between the tokens of JSON there may be line breaks as they are.
	const spaced = "[1,\r\n\r\n\r2\n]"
	claims := `{"scope":"connect","uid":` + quote("Jim"+forged) + `,"umd":` + spaced + `,"calls":{"*":true},"channels":{"#regex:.*":{` +
		`"subscribe":true,"messages":{"#regex:.*":{"publish":true,"echo":true}},"storage":{"#regex:.*":{"set":true,"observe":true}}}}}`
	publish := func(channel, event, data string) string {
		return `{"channel":` + quote(channel) + `,"event":` + quote(event) + `,"data":` + data + `}`
	}
	everywhere(t, nil, func(t *testing.T, e *env) {
		for _, n := range e.nodes {
			n.Handle("lines", func(context.Context, hotsock.Call) (any, error) { return json.RawMessage(spaced), nil })
			n.Handle("no", func(context.Context, hotsock.Call) (any, error) {
				return nil, &hotsock.Error{Code: "SOLD_OUT", Message: forged}
			})
		}
		ctx, cancel := e.context()
		defer cancel()
		c := e.feed(t, claims, nil)
		c.Subscribe("room")
		for _, tt := range []struct {
			why  string
			say  func()
			name string // of the frame that follows
			data string // of it, "" for any
		}{
			{"data of a client", func() { c.Send(publish("room", "e", spaced)) }, "e", "[1,2]"},
			{"data of a client's request", func() { c.call(t, "publishMessage", publish("room", "e", spaced)).want(t, 202, "") }, "e", "[1,2]"},
			{"data of the app's request", func() { e.server(t, "POST", "/publish", publish("room", "e", spaced)).want(t, 202, "") }, "e", "[1,2]"},
			{"data of the app", func() { e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: json.RawMessage(spaced)}) }, "e", "[1,2]"},
			{"a text in data", func() { c.Send(publish("room", "e", quote(forged))) }, "e", quote(forged)},
			{"a text of the app", func() { e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: forged}) }, "e", strings.ReplaceAll(quote(forged), "\u2028", `\u2028`)},
			{"an entry", func() {
				c.Send(`{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":` + spaced + `}`)
			}, "hotsock.channelStorageUpdated", "[1,2]"},
			{"an entry of the app", func() {
				if _, err := e.anyNode().SetStorage(ctx, hotsock.Entry{Channel: "room", Key: "l", Data: json.RawMessage(spaced)}); err != nil {
					t.Error(err)
				}
			}, "hotsock.channelStorageUpdated", "[1,2]"},
			{"a method's answer", func() { c.Send(`{"event":"hotsock.call","data":{"method":"lines"}}`) }, "hotsock.result", "[1,2]"},
			{"a method's refusal", func() { c.Send(`{"event":"hotsock.call","data":{"method":"no"}}`) }, "SOLD_OUT", ""},
			{"an event's name", func() { c.Send(publish("room", "e"+forged, "1")) }, "INVALID_REQUEST", ""},
			{"a channel's name", func() { c.Send(publish("room"+forged, "e", "1")) }, "INVALID_REQUEST", ""},
			{"a channel to subscribe", func() { c.Send(`{"event":"hotsock.subscribe","channel":` + quote("room"+forged) + `}`) }, "INVALID_REQUEST", ""},
			{"a ref", func() { c.Send(`{"event":"hotsock.ping","ref":` + quote(forged) + `}`) }, "hotsock.pong", ""},
			{"an id to come back after", func() {
				c.Send(`{"event":"hotsock.subscribe","channel":"room","data":{"after":` + quote(forged) + `}}`)
			}, "INVALID_REQUEST", ""},
			{"what is no JSON", func() { c.Send(forged) }, "INVALID_JSON", ""},
		} {
			tt.say()
			if f := c.Expect(tt.name); tt.data != "" && string(f.Data) != tt.data {
				t.Errorf("%s: %q, want %q", tt.why, f.Data, tt.data)
			}
			c.ExpectNothing()
		}
		if _, err := e.anyNode().Disconnect(ctx, c.ID, hotsock.Because("why"+forged)); err == nil {
			t.Error("a reason of several lines is taken")
		}
		const reason = "why\u2028data: {}"
		if _, err := e.anyNode().Disconnect(ctx, c.ID, hotsock.Because(reason)); err != nil {
			t.Fatal(err)
		}
		c.ExpectClose(websocket.StatusServiceRestart, reason)
	})
}

func quote(s string) string { return `"` + quoteBody(s) + `"` }

// Posts of one client at the same time, at all nodes, are each carried out whole and
// once.
func TestPostsAtOnce(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.feed(t, user("Jim", "{}"), nil)
		const posts, frames = 20, 10
		var all sync.WaitGroup
		for p := range posts {
			body := make([]string, frames)
			for f := range body {
				body[f] = fmt.Sprintf(`{"event":"hotsock.ping","ref":"%d.%d"}`, p, f)
			}
			all.Go(func() { c.post(p%len(e.nodes), "send", "["+strings.Join(body, ",")+"]") })
		}
		all.Wait()
		if t.Failed() {
			return // not all will come
		}
		seen := make(map[string]bool)
		for range posts {
			first := c.Expect("hotsock.pong").Ref
			post, _, _ := strings.Cut(first, ".")
			if seen[post] || first != post+".0" {
				t.Fatalf("a post begins with %s", first)
			}
			seen[post] = true
			for f := 1; f < frames; f++ {
				if ref := c.Expect("hotsock.pong").Ref; ref != fmt.Sprintf("%s.%d", post, f) {
					t.Fatalf("%s comes, want %s.%d", ref, post, f)
				}
			}
		}
		c.ExpectNothing()
	})
}

// An id that the client has made up, cut short, or got from somebody else opens nothing:
// the token alone says what there is to catch up with.
func TestForeignLastEventID(t *testing.T) {
	past := func(channel string) string { return `"` + channel + `":{"autoSubscribe":true,"historyStart":0}` }
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim := e.feed(t, user("Jim", "{"+past("a")+","+past("b")+"}"), nil)
		jim.Expect("hotsock.subscribed")
		jim.Expect("hotsock.subscribed")
		e.publish(t, hotsock.Message{Channel: "a", Event: "e", Data: 1})
		jim.Expect("e")
		id := jim.LastEventID()
		jim.Cut()
		for _, channel := range []string{"a", "b"} {
			e.publish(t, hotsock.Message{Channel: channel, Event: "missed"})
		}
		places, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil || len(places) != 2*20 {
			t.Fatalf("the id %q is none of two channels (%v)", id, err)
		}
		a, b := places[:20], places[20:]
		encoded := func(parts ...[]byte) string {
			var all []byte
			for _, p := range parts {
				all = append(all, p...)
			}
			return base64.RawURLEncoding.EncodeToString(all)
		}
		const end = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
		for _, tt := range []struct {
			why, channels, id string
			recovered         string // of each channel
			missed            string // the channels whose messages come
		}{
			{"its own", past("a") + "," + past("b"), id, "yes yes", "ab"},
			{"another's, without the past", `"a":{"autoSubscribe":true}`, id, "no", ""},
			{"another's, with the past from now on", `"a":{"autoSubscribe":true,"historyStart":4000000000}`, id, "no", ""},
			{"of channels that this token does not subscribe", past("c"), id, "no", ""},
			{"of channels that this token only permits", `"a":{"subscribe":true,"historyStart":0},` + past("c"), id, "no", ""},
			{"of channels that this token knows by another name", `"c":{"alias":"a","autoSubscribe":true,"historyStart":0}`, id, "no", ""},
			{"one channel's position said to be the other's", past("a") + "," + past("b"), encoded(a[:4], b[4:], b[:4], a[4:]), "no no", ""},
			{"a position to come", past("a"), encoded(a[:4], []byte(end)), "no", ""},
			{"no position", past("a"), encoded(a[:4], make([]byte, 16)), "no", ""},
			{"one of two channels", past("a") + "," + past("b"), encoded(a), "yes no", "a"},
			{"cut in the middle of a position", past("a"), encoded(a[:19]), "no", ""},
			{"cut in the middle of a byte", past("a"), id[:len(id)-1], "no", ""},
			{"a channel twice, of which the last counts", past("a"), encoded(a[:4], []byte(end), a), "yes", "a"},
			{"as many as may be", past("a"), encoded(append(make([]byte, 20*15), a...)), "yes", "a"},
			{"one more", past("a"), encoded(append(make([]byte, 20*16), a...)), "no", ""},
			{"with padding", past("a"), encoded(a) + "=", "no", ""},
			{"with more behind it", past("a"), encoded(a) + " x", "no", ""},
		} {
			c := e.feed(t, user("Pam", "{"+tt.channels+"}"), http.Header{"Last-Event-Id": {tt.id}})
			var missed string
			for want := range strings.FieldsSeq(tt.recovered) {
				f := c.Next()
				for ; f.Event == "missed"; f = c.Next() {
					missed += f.Channel
				}
				if got := strings.Contains(f.Text, `"recovered":true`); f.Event != "hotsock.subscribed" || got != (want == "yes") {
					t.Errorf("%s: %s", tt.why, f.Text)
				}
			}
			c.Send(`{"event":"hotsock.ping"}`)
			for f := c.Next(); f.Event != "hotsock.pong"; f = c.Next() {
				missed += f.Channel
			}
			if missed != tt.missed {
				t.Errorf("%s: what was missed comes of %q, want %q", tt.why, missed, tt.missed)
			}
			c.Cut()
		}
	})
}

// Clients that speak an old HTTP get the same stream, which ends with the connection.
func TestFeedOfOldClients(t *testing.T) {
	for _, tt := range []struct {
		why, version, header, more string
		code                       websocket.StatusCode // that the server closes with by itself, 0 for none
	}{
		{"HTTP/1.0", "1.0", "", "", 0},
		{"HTTP/1.0 that wants to go on", "1.0", "Connection: keep-alive\r\n", "", 0},
		{"HTTP/1.1 that wants to go on", "1.1", "Connection: keep-alive\r\n", "", 0},
		{"HTTP/1.1 that does not", "1.1", "Connection: close\r\n", "", 0},
		{"a request behind it, to which no answer can come", "1.1", "", "GET /rt/stream HTTP/1.1\r\nHost: a\r\n\r\n", 1002},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				conn, r := e.raw(t, "GET /rt/stream HTTP/"+tt.version+"\r\nHost: a\r\n"+tt.header+
					"Authorization: Bearer "+token(t, user("Jim", `{"room":{"autoSubscribe":true}}`))+"\r\n\r\n"+tt.more)
				defer conn.Close()
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if res.StatusCode != http.StatusOK || !res.Close || len(res.TransferEncoding) != 0 || res.ContentLength != -1 {
					t.Errorf("answered %+v", res)
				}
				end := tt.code
				if end == 0 {
					lines := bufio.NewReader(res.Body)
					for line := ""; !strings.Contains(line, "hotsock.subscribed"); {
						if line, err = lines.ReadString('\n'); err != nil {
							t.Fatal(err)
						}
					}
					ctx, cancel := e.context()
					defer cancel()
					for _, n := range e.nodes {
						if err := n.Shutdown(ctx); err != nil {
							t.Error(err)
						}
					}
					end, res.Body = 1001, io.NopCloser(lines)
				}
				rest, err := io.ReadAll(res.Body)
				if err != nil || !strings.Contains(string(rest), fmt.Sprintf("event: close\ndata: {\"code\":%d,", end)) {
					t.Errorf("it ends with %q (%v)", rest, err)
				}
			})
		})
	}
}

// raw sends the text of a request to a node, and returns the connection.
func (e *env) raw(t *testing.T, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	u, err := url.Parse(e.anyNode().base)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := e.context()
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}
