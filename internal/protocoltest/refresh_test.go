package protocoltest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

func refresh(token string) string {
	return fmt.Sprintf(`{"event":"hotsock.refresh","data":{"token":%q},"ref":"f"}`, token)
}

// refreshed is the answer.
func refreshed(meta string) string {
	return `{"event":"hotsock.refreshed","data":{"connectionExpiresAt":"$_"},"meta":` + meta + `,"ref":"f"}`
}

// A fresh token of the same user takes the place of the old one: what it no longer permits
// ends, what it subscribes begins, and the rest goes on with its permissions.
func TestRefresh(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", `{"room":{"subscribe":true,"messages":{"a":{"publish":true}}},"gone":{"subscribe":true,"alias":"g"},"auto":{"autoSubscribe":true},"left":{"autoSubscribe":true}}`))
		c.Expect("hotsock.subscribed")
		c.Expect("hotsock.subscribed")
		c.do(`{"event":"hotsock.unsubscribe","channel":"left"}`, `{"event":"hotsock.unsubscribed","channel":"left","data":{},"meta":{"uid":"Jim","umd":null}}`)
		c.Subscribe("room")
		c.Subscribe("gone")
		granted := fmt.Sprintf(`{"connectionId":%q,"claims":{"messages":{"granted":{"publish":true}}}}`, c.ID)
		e.server(t, "POST", "/channels/room/subscriptions", granted).want(t, 200, `{"subscribed":1}`)
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.channelStorageSet","key":"k","data":1}`).want(t, 202, "")

		c.send(refresh(token(t, user("Jim", `{"room":{"subscribe":true,"alias":"r","messages":{"b":{"publish":true}},"storage":{"k":{"observe":true}}},"auto":{"subscribe":true},"left":{"autoSubscribe":true},"new":{"autoSubscribe":true}}`))))
		c.together(
			`{"event":"hotsock.unsubscribed","channel":"gone","data":{"reason":"No longer permitted"},"meta":{"channelAlias":"g","uid":"Jim","umd":null}}`,
			stored("room", "k", "1", noMeta),
			refreshed(`{"uid":"Jim","umd":null}`),
			`{"event":"hotsock.subscribed","channel":"new","data":{"autoSubscribed":true,"lastId":"$_"},"meta":{"uid":"Jim","umd":null}}`)
		c.do(`{"event":"a","channel":"room"}`, failure("room", "PUBLISH_PERMISSION_DENIED"))
		c.call(t, "publishMessage", `{"event":"a","channel":"room"}`).wantError(t, 403, "PUBLISH_PERMISSION_DENIED")
		for _, event := range []string{"b", "granted"} {
			c.do(fmt.Sprintf(`{"event":%q,"channel":"r","ref":"1"}`, event), `{"event":"hotsock.ack","channel":"r","data":{"id":"$_"},"ref":"1"}`)
			c.call(t, "publishMessage", fmt.Sprintf(`{"event":%q,"channel":"room"}`, event)).want(t, 202, "")
		}
		c.do(`{"event":"hotsock.subscribe","channel":"gone"}`, failure("gone", "SUBSCRIBE_PERMISSION_DENIED"))
		e.server(t, "GET", "/channels/gone", "").want(t, 200, `{"name":"gone","subscriptionsCount":0}`)
		e.quiet(t, "auto", c)
	})
}

// Members see the metadata of the fresh token where they saw that of the old one.
func TestRefreshShowsMetadata(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		pam := e.connect(t, user("Pam", everything))
		pam.Subscribe("presence.a")
		c := e.connect(t, withUMD("Jim", `1`, everything))
		c.Subscribe("presence.a")
		pam.Expect("hotsock.memberAdded")
		own := fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"presence.b","data":{"token":%q}}`, token(t, `{"scope":"subscribe","uid":"Jim","umd":"own","channels":{"presence.b":{"subscribe":true}}}`))
		c.do(own, joined("presence.b", member("Jim", `"own"`), member("Jim", `"own"`)))
		c.send(refresh(token(t, withUMD("Jim", `2`, everything))))
		c.together(refreshed(`{"uid":"Jim","umd":2}`), change("Updated", "presence.a", member("Jim", "2"), member("Pam", "null"), member("Jim", "2")))
		pam.expect(change("Updated", "presence.a", member("Jim", "2"), member("Pam", "null"), member("Jim", "2")))
		c.do(refresh(token(t, withUMD("Jim", ` 2 `, everything))), refreshed(`{"uid":"Jim","umd":2}`))
		e.quiet(t, "presence.a", c, pam)
		e.quiet(t, "presence.b", c)
	})
}

// Who does not have a good token of the same user keeps what it has.
func TestRefreshIsRefused(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) {
		o.Hooks.BeforeConnect = func(_ context.Context, who hotsock.Requester) error {
			if string(who.UMD) == `"banned"` {
				return &hotsock.Error{Code: "BANNED"}
			}
			return nil
		}
	}, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", `{"room":{"subscribe":true}}`))
		c.Subscribe("room")
		once := token(t, `{"scope":"connect","uid":"Jim","singleUse":true,"jti":"`+c.ID+`","channels":{"room":{"subscribe":true}}}`)
		c.do(refresh(once), refreshed(`{"uid":"Jim","umd":null}`))
		for why, text := range map[string]string{
			"used once":          once,
			"another user's":     token(t, user("Pam", everything)),
			"nobody's":           token(t, `{"scope":"connect","channels":{"*":{"subscribe":true}}}`),
			"expired":            token(t, `{"scope":"connect","uid":"Jim","exp":1}`),
			"for another use":    token(t, `{"scope":"subscribe umd","uid":"Jim"}`),
			"for the connection": token(t, `{"scope":"connect subscribe","uid":"Jim","connectionId":"`+c.ID+`"}`),
			"no token":           "x",
			"of another key":     token(t, user("Jim", everything)) + "x",
		} {
			c.Send(refresh(text))
			if f := c.Next(); f.Error.Code != "UNAUTHORIZED" || f.Ref != "f" {
				t.Errorf("%s: %s", why, f.Text)
			}
		}
		c.Send(refresh(token(t, withUMD("Jim", `"banned"`, everything))))
		c.Expect("BANNED")
		for _, data := range []string{``, `,"data":null`, `,"data":{}`, `,"data":{"token":""}`, `,"data":{"token":1}`, `,"data":[]`} {
			c.Send(`{"event":"hotsock.refresh"` + data + `}`)
			c.Expect("INVALID_REQUEST")
		}
		c.Send(`{"event":"hotsock.refresh","data":{"token":"` + strings.Repeat("x", 100_000) + `"}}`)
		c.Expect("PAYLOAD_TOO_LARGE")
		e.quiet(t, "room", c)
	})
}
