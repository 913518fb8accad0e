package protocoltest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// The app subscribes connections, on whichever nodes they are, in Go and over HTTP.
func TestSubscribeByTheApp(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.MaxSubscriptions = 2 }, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		first := e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: 0, Store: hotsock.Forever})
		a, b := e.connect(t, user("Jim", `{}`)), e.connect(t, user("Jim", `{"room":{"messages":{"secret":{"publish":false}}}}`))
		pam := e.connect(t, user("Pam", everything))
		claims := `{"historyStart":0,"alias":"mine","messages":{"*":{"publish":true,"echo":true}}}`
		subscribed := `{"event":"hotsock.subscribed","channel":"room","data":{"autoSubscribed":true,"lastId":"` + first.ID + `"},"meta":{"channelAlias":"mine","uid":"Jim","umd":null}}`
		a.other(t, "POST", "/channels/room/subscriptions", `{"uid":"Jim","claims":`+claims+`}`).want(t, 200, `{"subscribed":2}`)
		a.expect(subscribed)
		b.expect(subscribed)
		for _, c := range []*client{a, b} {
			c.do(`{"event":"hi","channel":"mine"}`, `{"id":"$_","event":"hi","channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}`)
			c.call(t, "publishMessage", `{"event":"hi","channel":"room"}`).want(t, 202, "")
			c.Expect("hi")
			c.history(t, "mine", "").want(t, 200, `{"messages":[{"id":"`+first.ID+`","event":"e","channel":"room","data":0,"meta":{"uid":null,"umd":null}}]}`)
			if c == a {
				b.Expect("hi")
				b.Expect("hi")
				c.do(`{"event":"secret","channel":"room"}`, `{"id":"$_","event":"secret","channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}`)
				b.Expect("secret")
				continue
			}
			a.Expect("hi")
			a.Expect("hi")
			// What a token denies stays denied.
			c.do(`{"event":"secret","channel":"room"}`, failure("room", "PUBLISH_PERMISSION_DENIED"))
			c.call(t, "publishMessage", `{"event":"secret","channel":"room"}`).wantError(t, 403, "PUBLISH_PERMISSION_DENIED")
		}

		// Again, the claims are replaced; nobody is told, and the place in the channel stays.
		n, err := e.anyNode().Subscribe(ctx, hotsock.Target{UID: "Jim"}, "room", hotsock.ChannelClaims{})
		if n != 2 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
		a.do(`{"event":"hi","channel":"room"}`, failure("room", "PUBLISH_PERMISSION_DENIED"))
		a.do(`{"event":"hi","channel":"mine"}`, failure("mine", "PUBLISH_PERMISSION_DENIED"))
		a.call(t, "publishMessage", `{"event":"hi","channel":"room"}`).wantError(t, 403, "PUBLISH_PERMISSION_DENIED")
		e.quiet(t, "room", a, b)
		e.server(t, "GET", "/channels/room", "").want(t, 200, `{"name":"room","subscriptionsCount":2}`)

		// One connection, and one of nobody.
		a.other(t, "POST", "/channels/b/subscriptions", fmt.Sprintf(`{"connectionId":%q}`, a.ID)).want(t, 200, `{"subscribed":1}`)
		a.expect(`{"event":"hotsock.subscribed","channel":"b","data":{"autoSubscribed":true,"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`)
		for _, body := range []string{`{"connectionId":"x"}`, `{"connectionId":"` + a.ID[:22] + `nonode"}`, `{"uid":"nobody"}`, `{"connectionId":"` + strings.Repeat("x", 8000) + `","claims":null}`} {
			e.server(t, "POST", "/channels/b/subscriptions", body).want(t, 200, `{"subscribed":0}`)
		}

		// The others are subscribed, though one has as many as it may.
		a.other(t, "POST", "/channels/c/subscriptions", `{"uid":"Jim"}`).wantError(t, 429, "RATE_LIMITED")
		b.expect(`{"event":"hotsock.subscribed","channel":"c","data":{"autoSubscribed":true,"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`)
		a.do(`{"event":"hotsock.unsubscribe","channel":"room"}`, `{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":null}}`)
		n, err = e.anyNode().Subscribe(ctx, hotsock.Target{UID: "Jim"}, "c", hotsock.ChannelClaims{})
		if n != 2 || err != nil {
			t.Errorf("with room: %d, %v", n, err)
		}
		a.Expect("hotsock.subscribed")
		pam.ExpectNothing()
	})
}

// On a presence channel the connection is the member that its token says, and one without
// a user is refused.
func TestSubscribeMembersByTheApp(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		pam := e.connect(t, user("Pam", everything))
		pam.Subscribe("presence.a")
		jim, nobody := e.connect(t, withUMD("Jim", `{"n":1}`, `{}`)), e.connect(t, `{"scope":"connect"}`)
		jim.other(t, "POST", "/channels/presence.a/subscriptions", `{"uid":"Jim"}`).want(t, 200, `{"subscribed":1}`)
		jim.Expect("hotsock.subscribed")
		pam.expect(change("Added", "presence.a", member("Jim", `{"n":1}`), member("Pam", "null"), member("Jim", `{"n":1}`)))
		nobody.other(t, "POST", "/channels/presence.a/subscriptions", fmt.Sprintf(`{"connectionId":%q}`, nobody.ID)).wantError(t, 403, "PRESENCE_CHANNEL_USER_ID_REQUIRED")
		nobody.ExpectNothing()
	})
}

// What may be observed in addition is sent, once, and what may not any more is not.
func TestSubscribeChangesWhatIsObserved(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		set := func(key string, n int) {
			t.Helper()
			e.server(t, "POST", "/publish", fmt.Sprintf(`{"channel":"room","event":"hotsock.channelStorageSet","key":%q,"data":%d}`, key, n)).want(t, 202, "")
		}
		set("a", 1)
		set("b", 1)
		c := e.connect(t, user("Jim", `{"room":{"subscribe":true,"storage":{"a":{"observe":true}}}}`))
		c.Subscribe("room")
		c.expect(stored("room", "a", "1", noMeta))
		c.other(t, "POST", "/channels/room/subscriptions", `{"uid":"Jim","claims":{"storage":{"*":{"observe":true}}}}`).want(t, 200, `{"subscribed":1}`)
		c.expect(stored("room", "b", "1", noMeta))
		set("b", 2)
		c.expect(stored("room", "b", "2", noMeta))
		c.other(t, "POST", "/channels/room/subscriptions", `{"uid":"Jim"}`).want(t, 200, `{"subscribed":1}`)
		set("b", 3)
		set("a", 2)
		c.expect(stored("room", "a", "2", noMeta))
	})
}

func TestSubscribeByTheAppIsRefused(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		c := e.connect(t, user("Jim", `{"secret":{"subscribe":false}}`))
		for _, body := range []string{
			`{}`, `{"uid":"Jim","connectionId":"c"}`, `{"uid":"","connectionId":""}`, `{"uid":1}`, `{"uid":"Jim","claims":[]}`, `{"uid":"Jim","claims":"{}"}`,
			`{"uid":"Jim","claims":{"subscribe":1}}`, `{"uid":"Jim","claims":{"Subscribe":true}}`, `{"uid":"Jim","claims":{"alias":"#"}}`,
			`{"uid":"Jim","claims":{"messages":{"#regex:(":{}}}}`, `{"uid":"Jim","claims":{"messages":{"e":{"store":0.5}}}}`,
		} {
			e.server(t, "POST", "/channels/room/subscriptions", body).wantError(t, 400, "INVALID_REQUEST")
		}
		e.server(t, "POST", "/channels/a*b/subscriptions", `{"uid":"Jim"}`).wantError(t, 400, "INVALID_REQUEST")
		e.server(t, "POST", "/channels/room/subscriptions", `{"uid":"Jim","claims":{"subscribe":true,"subscribe":false}}`).wantError(t, 400, "INVALID_JSON")
		e.server(t, "POST", "/channels/secret/subscriptions", `{"uid":"Jim"}`).wantError(t, 403, "SUBSCRIBE_PERMISSION_DENIED")
		e.server(t, "POST", "/channels/room/subscriptions", `{"uid":"Jim","claims":{"subscribe":false}}`).wantError(t, 403, "SUBSCRIBE_PERMISSION_DENIED")
		for _, target := range []hotsock.Target{{}, {ConnectionID: c.ID, UID: "Jim"}} {
			if n, err := e.anyNode().Subscribe(ctx, target, "room", hotsock.ChannelClaims{}); n != 0 || !errors.Is(err, &hotsock.Error{Code: hotsock.CodeInvalidRequest}) {
				t.Errorf("%+v: %d, %v", target, n, err)
			}
		}
		c.ExpectNothing()
	})
}
