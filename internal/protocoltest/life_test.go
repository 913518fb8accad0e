package protocoltest

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

// Section 4: the first message, to the byte.
func TestConnected(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ids := make(map[string]bool)
		for claims, meta := range map[string]string{
			`{"scope":"connect"}`:                                             `{"uid":null,"umd":null}`,
			`{"scope":"connect","uid":""}`:                                    `{"uid":null,"umd":null}`,
			`{"scope":"connect","uid":"Jim"}`:                                 `{"uid":"Jim","umd":null}`,
			`{"scope":"connect","uid":"\u00e4\"\\/","umd":{"b":[1],"a":"é"}}`: `{"uid":"ä\"\\/","umd":{"b":[1],"a":"é"}}`,
			`{"scope":"connect","umd":false}`:                                 `{"uid":null,"umd":false}`,
		} {
			before := time.Now()
			c, refused := e.dial(t, e.next(), "?token="+token(t, claims), nil)
			if refused != nil {
				t.Fatalf("refused: %d %s", refused.status, refused.body)
			}
			e.forget("cid", "expires", "secret")
			c.expect(`{"event":"hotsock.connected","data":{"connectionId":"$cid","connectionExpiresAt":"$expires","connectionSecret":"$secret"},"meta":` + meta + `}`)
			expires, err := time.Parse(time.RFC3339, e.get("expires"))
			if left := expires.Sub(before); err != nil || left < 2*time.Hour*9/10-2*time.Second || left > 2*time.Hour+e.patience || !strings.HasSuffix(e.get("expires"), "Z") {
				t.Errorf("connectionExpiresAt is %q", e.get("expires"))
			}
			if !regexp.MustCompile(`^[A-Za-z0-9]{20,}$`).MatchString(e.get("secret")) {
				t.Errorf("the secret %q is not 20 alphanumerics", e.get("secret"))
			}
			// 96 bits take 16 characters of base64.
			if id := e.get("cid"); len(id) < 16 || ids[id] || ids[id[:16]] {
				t.Errorf("the id %q is not unguessable", id)
			} else {
				ids[id], ids[id[:16]] = true, true
			}
			if ids[e.get("secret")] {
				t.Error("two connections have the same secret")
			}
			ids[e.get("secret")] = true
		}
	})
}

// Nothing is answered before hotsock.connected, and autoSubscribe channels
// follow it at once, sorted, before the answers to what the client sent.
func TestAutoSubscribe(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		e.publish(t, hotsock.Message{Channel: "b", Event: "before"})
		start := time.Now()
		c, refused := e.dial(t, e.next(), "?token="+token(t, user("Jim", `{
			"b":{"autoSubscribe":true,"alias":"beta"},
			"a":{"autoSubscribe":true,"subscribe":true},
			"c":{"autoSubscribe":true,"subscribe":false},
			"d":{"subscribe":true},
			"presence.a":{"autoSubscribe":true}}`)), nil)
		if refused != nil {
			t.Fatalf("refused: %d %s", refused.status, refused.body)
		}
		c.send(`{"event":"hotsock.ping"}`)
		c.send(`{"event":"hotsock.subscribe","channel":"a"}`)
		c.expect(
			`{"event":"hotsock.connected","data":{"connectionId":"$cid","connectionExpiresAt":"$_","connectionSecret":"$_"},"meta":{"uid":"Jim","umd":null}}`,
			`{"event":"hotsock.subscribed","channel":"a","data":{"autoSubscribed":true,"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`,
			`{"event":"hotsock.subscribed","channel":"b","data":{"autoSubscribed":true,"lastId":"$_"},"meta":{"channelAlias":"beta","uid":"Jim","umd":null}}`,
			`{"event":"hotsock.subscribed","channel":"presence.a","data":{"autoSubscribed":true,"members":[{"uid":"Jim","umd":null}],"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`,
		)
		t.Logf("subscribed %v after the upgrade began", time.Since(start))
		c.expect(`{"event":"hotsock.pong","data":{}}`, failure("a", "ALREADY_SUBSCRIBED"))
		e.quiet(t, "b", c)
		// One that is impossible does not keep the others.
		nobody := e.connect(t, user("", `{"presence.a":{"autoSubscribe":true},"z":{"autoSubscribe":true}}`))
		nobody.expect(failure("presence.a", "PRESENCE_CHANNEL_USER_ID_REQUIRED"),
			`{"event":"hotsock.subscribed","channel":"z","data":{"autoSubscribed":true,"lastId":"$_"},"meta":{"uid":null,"umd":null}}`)
	})
}

// Every end of a connection takes back what it caused, on all nodes.
func TestEnds(t *testing.T) {
	for _, tt := range []struct {
		why string
		end func(t *testing.T, e *env, c *client)
	}{
		{"the client closes", func(_ *testing.T, _ *env, c *client) { c.Close() }},
		{"the client is gone without a word", func(_ *testing.T, _ *env, c *client) { c.Cut() }},
		{"the client sends binary data", func(t *testing.T, _ *env, c *client) {
			needsSocket(t, "it has no types of messages")
			if err := c.WS.Write(t.Context(), websocket.MessageBinary, []byte("{}")); err != nil {
				t.Fatal(err)
			}
			c.ExpectClose(websocket.StatusUnsupportedData, "")
		}},
		{"the client sends what is not UTF-8", func(t *testing.T, _ *env, c *client) {
			needsSocket(t, "there it is an error of the frame")
			c.Send("{\"event\":\"\xff\"}")
			c.ExpectClose(websocket.StatusInvalidFramePayloadData, "")
		}},
		{"the client sends too much at once", func(t *testing.T, _ *env, c *client) {
			needsSocket(t, "there the request is refused")
			c.Send(`{"event":"` + strings.Repeat("x", 128<<10) + `"}`)
			c.ExpectClose(websocket.StatusMessageTooBig, "")
		}},
		{"the host disconnects it", func(t *testing.T, e *env, c *client) {
			ctx, cancel := e.context()
			defer cancel()
			if ok, err := e.nodes[(c.node+1)%len(e.nodes)].Disconnect(ctx, c.ID); !ok || err != nil {
				t.Fatalf("Disconnect = %v, %v", ok, err)
			}
			c.ExpectClose(websocket.StatusServiceRestart, "")
		}},
		{"the host disconnects the user", func(t *testing.T, e *env, c *client) {
			ctx, cancel := e.context()
			defer cancel()
			if n, err := e.nodes[(c.node+1)%len(e.nodes)].DisconnectUser(ctx, "Jim"); n != 1 || err != nil {
				t.Fatalf("DisconnectUser = %v, %v", n, err)
			}
			c.ExpectClose(websocket.StatusServiceRestart, "")
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				const claims = `{"presence.room":{"subscribe":true,"getInfo":true}}`
				pam := e.connect(t, user("Pam", claims))
				jim := e.connect(t, user("Jim", claims))
				pam.Subscribe("presence.room")
				jim.Subscribe("presence.room")
				pam.expect(`{"event":"hotsock.memberAdded","channel":"presence.room","data":{"member":{"uid":"Jim","umd":null},"members":[{"uid":"Pam","umd":null},{"uid":"Jim","umd":null}]}}`)
				tt.end(t, e, jim)
				pam.expect(`{"event":"hotsock.memberRemoved","channel":"presence.room","data":{"member":{"uid":"Jim","umd":null},"members":[{"uid":"Pam","umd":null}]}}`)
				pam.call(t, "getChannelInfo", `{"channel":"presence.room"}`).
					want(t, 200, `{"channel":"presence.room","subscriptionsCount":1,"members":[{"uid":"Pam","umd":null}]}`)
				jim.call(t, "getChannelInfo", `{"channel":"presence.room"}`).wantError(t, 401, "UNAUTHORIZED")
			})
		})
	}
}

// A server that shuts down says so, and its connections are gone for the other
// node when it has finished.
func TestShutdown(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const claims = `{"presence.room":{"subscribe":true}}`
		var jims []*client
		for range 25 {
			c := e.connectTo(t, 0, user("Jim", claims))
			c.Subscribe("presence.room")
			jims = append(jims, c)
		}
		var pam *client
		if len(e.nodes) > 1 {
			pam = e.connectTo(t, 1, user("Pam", claims))
			pam.Subscribe("presence.room")
			jims[0].expect(`{"event":"hotsock.memberAdded","channel":"presence.room","data":{"member":{"uid":"Pam","umd":null},"members":[{"uid":"Jim","umd":null},{"uid":"Pam","umd":null}]}}`)
		}
		closed := make(chan error, len(jims))
		for _, c := range jims {
			go func() {
				closed <- c.Drain()
			}()
		}
		ctx, cancel := e.context()
		defer cancel()
		if err := e.nodes[0].Shutdown(ctx); err != nil {
			t.Fatalf("Shutdown: %v", err)
		}
		for range jims {
			jims[0].WantClose(<-closed, websocket.StatusGoingAway, "Going away, all answered")
		}
		if pam != nil {
			pam.expect(`{"event":"hotsock.memberRemoved","channel":"presence.room","data":{"member":{"uid":"Jim","umd":null},"members":[{"uid":"Pam","umd":null}]}}`)
			e.request(t, 1, http.MethodGet, "/channels/presence.room", "", "Authorization", "Bearer "+apiKeys[0]).
				want(t, 200, `{"name":"presence.room","subscriptionsCount":1,"members":[{"uid":"Pam","umd":null}]}`)
			// Its connections are nobody's any more.
			e.request(t, 1, "POST", "/connection/getChannelInfo"+jims[0].credentials(), `{"channel":"x"}`).wantError(t, 401, "UNAUTHORIZED")
		}
		// A node that has stopped refuses politely.
		for _, a := range []*answer{
			e.request(t, 0, "POST", "/connection/getChannelInfo"+jims[0].credentials(), `{"channel":"x"}`),
			e.request(t, 0, http.MethodGet, "/channels/x", "", "Authorization", "Bearer "+apiKeys[0]),
			func() *answer { _, a := e.dial(t, 0, "?token="+token(t, `{"scope":"connect"}`), nil); return a }(),
		} {
			if a == nil {
				t.Fatal("a connection was accepted")
			}
			a.wantError(t, 503, "UNAVAILABLE")
			if a.header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
		}
		if err := e.nodes[0].Ready(ctx); err == nil {
			t.Error("still ready")
		}
		if err := e.nodes[0].Shutdown(ctx); err != nil {
			t.Errorf("the second Shutdown: %v", err)
		}
	})
}

// A client that does not answer the closing handshake cannot hold a shutdown
// up longer than it has time.
func TestShutdownDeadline(t *testing.T) {
	needsSocket(t, "nobody has to answer a close there")
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connectTo(t, 0, `{"scope":"connect"}`)
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := e.nodes[0].Shutdown(ctx); err == nil {
			t.Error("Shutdown has no error, though a client was cut off")
		}
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("Shutdown took %v", d)
		}
		if _, err := c.TryNext(); err == nil {
			t.Error("the connection is still open")
		}
	})
}

// A secret is good for its own connection only, and only while that lives.
func TestConnectionSecrets(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", `{"room":{"getInfo":true}}`))
		other := e.connect(t, user("Pam", `{"room":{"getInfo":true}}`))
		gone := e.connect(t, user("Jim", `{"presence.x":{"subscribe":true},"room":{"getInfo":true}}`))
		witness := e.connect(t, user("Pam", `{"presence.x":{"subscribe":true}}`))
		gone.Subscribe("presence.x")
		witness.Subscribe("presence.x")
		gone.Close()
		witness.expect(`{"event":"hotsock.memberRemoved","channel":"presence.x","data":{"member":{"uid":"Jim","umd":null},"members":[{"uid":"Pam","umd":null}]}}`)
		flipped := []byte(c.Secret)
		flipped[len(flipped)-1] ^= 1
		for _, tt := range []struct{ why, query string }{
			{"nothing", ""},
			{"no secret", "?connectionId=" + c.ID},
			{"no id", "?connectionSecret=" + c.Secret},
			{"an empty secret", "?connectionId=" + c.ID + "&connectionSecret="},
			{"a wrong secret", "?connectionId=" + c.ID + "&connectionSecret=" + string(flipped)},
			{"a part of the secret", "?connectionId=" + c.ID + "&connectionSecret=" + c.Secret[:19]},
			{"another's secret", "?connectionId=" + c.ID + "&connectionSecret=" + other.Secret},
			{"another's id", "?connectionId=" + other.ID + "&connectionSecret=" + c.Secret},
			{"an id that never was, of a node that is", "?connectionId=" + strings.Repeat("A", 22) + c.ID[22:] + "&connectionSecret=" + c.Secret},
			{"an id of no node", "?connectionId=" + c.ID[:22] + "nonode&connectionSecret=" + c.Secret},
			{"a short id", "?connectionId=" + c.ID[:22] + "&connectionSecret=" + c.Secret},
			{"an ended connection", "?connectionId=" + gone.ID + "&connectionSecret=" + gone.Secret},
			{"garbage", "?connectionId=%FF%00&connectionSecret=%FF"},
		} {
			t.Run(tt.why, func(t *testing.T) {
				for n := range e.nodes {
					e.request(t, n, "POST", "/connection/getChannelInfo"+tt.query, `{"channel":"room"}`).
						want(t, 401, `{"error":{"code":"UNAUTHORIZED","message":"the credentials are missing or invalid"}}`)
				}
			})
		}
		c.call(t, "getChannelInfo", `{"channel":"room"}`).want(t, 200, `{"channel":"room","subscriptionsCount":0}`)
	})
}

// A client that does not read is disconnected when its queue is full, with
// 1013, and disturbs nobody.
func TestSlowReader(t *testing.T) {
	set := func(o *hotsock.Options) { o.MaxQueueSize = 64 << 10 }
	everywhere(t, set, func(t *testing.T, e *env) {
		const claims = `{"presence.room":{"subscribe":true}}`
		slow := e.connectTo(t, 0, user("Slow", claims))
		fast := e.connectTo(t, 0, user("Fast", claims))
		slow.Subscribe("presence.room")
		fast.Subscribe("presence.room")
		slow.expect(`{"event":"hotsock.memberAdded","channel":"presence.room","data":{"member":{"uid":"Fast","umd":null},"members":[{"uid":"Slow","umd":null},{"uid":"Fast","umd":null}]}}`)
		data := strings.Repeat("x", 30<<10)
		message := func(n int) string {
			return fmt.Sprintf(`{"id":"$_","event":"e","channel":"presence.room","data":[%d,%q]}`, n, data)
		}
		sent := 0
		for !strings.Contains(e.logs.String(), "too slow") {
			if sent++; sent > 2000 {
				t.Fatal("the slow client is still connected")
			}
			e.publish(t, hotsock.Message{Channel: "presence.room", Event: "e", Data: []any{sent, data}})
			fast.expect(message(sent))
		}
		// It wakes up: what it was sent is complete up to some message.
		n := 0
		for {
			frame, err := slow.TryNext()
			if err != nil {
				slow.WantClose(err, websocket.StatusTryAgainLater, "Too slow to receive")
				break
			}
			n++
			if err := e.match(message(n), frame.Text); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("of %d messages the slow client got %d", sent, n)
		if n >= sent {
			t.Errorf("the slow client got all %d messages", n)
		}
		fast.expect(`{"event":"hotsock.memberRemoved","channel":"presence.room","data":{"member":{"uid":"Slow","umd":null},"members":[{"uid":"Fast","umd":null}]}}`)
		e.quiet(t, "presence.room", fast)
	})
}

// One that never reads again is cut off after the write timeout.
func TestDeadReader(t *testing.T) {
	set := func(o *hotsock.Options) { o.MaxQueueSize, o.WriteTimeout = 64<<10, time.Second }
	everywhere(t, set, func(t *testing.T, e *env) {
		const claims = `{"presence.room":{"subscribe":true}}`
		dead := e.connectTo(t, 0, user("Dead", claims))
		dead.Subscribe("presence.room")
		witness := e.connect(t, user("Pam", claims))
		witness.Subscribe("presence.room")
		data := strings.Repeat("x", 30<<10)
		gone := false
		for deadline := time.Now().Add(e.patience); !gone; {
			if time.Now().After(deadline) {
				t.Fatal("the dead client is still connected")
			}
			e.publish(t, hotsock.Message{Channel: "presence.room", Event: "e", Data: data})
			gone = strings.Contains(witness.Next().Text, `"event":"hotsock.memberRemoved"`)
		}
	})
}
