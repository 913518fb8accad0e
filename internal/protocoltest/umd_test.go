package protocoltest

import (
	"fmt"
	"strings"
	"testing"
)

// umdUpdate is the command to change metadata by a token; channel is "" for the
// connection's.
func umdUpdate(channel, token string) string {
	if channel != "" {
		channel = fmt.Sprintf(`"channel":%q,`, channel)
	}
	return fmt.Sprintf(`{"event":"hotsock.umdUpdate",%s"data":{"token":%q},"ref":"u"}`, channel, token)
}

// umdAck is the answer to it.
func umdAck(channel string) string {
	if channel != "" {
		channel = fmt.Sprintf(`"channel":%q,`, channel)
	}
	return `{"event":"hotsock.ack",` + channel + `"data":{},"ref":"u"}`
}

// Section 10: one story over both forms.
func TestUMDUpdate(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, withUMD("Jim", `0`, everything))
		pam := e.connect(t, user("Pam", everything))
		tok := func(umd, more string) string {
			return token(t, fmt.Sprintf(`{"scope":"umd","uid":"Jim","umd":%s%s}`, umd, more))
		}
		const perChannel = `,"channels":{"presence.*":{"umdUpdate":true}}`
		p := member("Pam", "null")
		looks := func(channel, umd string) { // what others see in a message
			t.Helper()
			c.do(fmt.Sprintf(`{"event":"hi","channel":%q}`, channel),
				fmt.Sprintf(`{"id":"$_","event":"hi","channel":%q,"data":null,"meta":{"uid":"Jim","umd":%s}}`, channel, umd))
		}
		pam.Subscribe("presence.a")
		c.do(`{"event":"hotsock.subscribe","channel":"presence.a"}`, joined("presence.a", member("Jim", "0"), p, member("Jim", "0")))
		pam.expect(change("Added", "presence.a", member("Jim", "0"), p, member("Jim", "0")))

		// Of one subscription: all members are told, the updater too.
		c.send(umdUpdate("presence.a", tok(`1`, perChannel)))
		c.together(umdAck("presence.a"), change("Updated", "presence.a", member("Jim", "1"), p, member("Jim", "1")))
		pam.expect(change("Updated", "presence.a", member("Jim", "1"), p, member("Jim", "1")))
		looks("presence.a", "1")
		pam.expect(`{"id":"$_","event":"hi","channel":"presence.a","data":null,"meta":{"uid":"Jim","umd":1}}`)
		// To the same value: nobody is.
		c.do(umdUpdate("presence.a", tok(` 1 `, perChannel)), umdAck("presence.a"))
		e.quiet(t, "presence.a", c, pam)
		// Other subscriptions do not change.
		c.do(`{"event":"hotsock.subscribe","channel":"room"}`, `{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":0}}`)

		// Of the connection: present subscriptions stay, later ones inherit.
		c.do(umdUpdate("", tok(`{"v":2}`, `,"umdUpdate":true`)), umdAck(""))
		looks("presence.a", "1")
		looks("room", "0")
		c.do(`{"event":"hotsock.subscribe","channel":"presence.b"}`, joined("presence.b", member("Jim", `{"v":2}`), member("Jim", `{"v":2}`)))
		pam.expect(`{"id":"$_","event":"hi","channel":"presence.a","data":null,"meta":{"uid":"Jim","umd":1}}`)

		// Propagated: all change.
		c.send(umdUpdate("", tok(`3`, `,"umdUpdate":true,"umdPropagate":true`)))
		c.together(umdAck(""), change("Updated", "presence.a", member("Jim", "3"), p, member("Jim", "3")),
			change("Updated", "presence.b", member("Jim", "3"), member("Jim", "3")))
		pam.expect(change("Updated", "presence.a", member("Jim", "3"), p, member("Jim", "3")))
		looks("presence.a", "3")
		looks("presence.b", "3")
		looks("room", "3")
		pam.expect(`{"id":"$_","event":"hi","channel":"presence.a","data":null,"meta":{"uid":"Jim","umd":3}}`)

		// Over HTTP, from the other node; null is no metadata.
		http := func(channel, token string) *answer {
			if channel != "" {
				channel = fmt.Sprintf(`"channel":%q,`, channel)
			}
			return c.call(t, "umdUpdate", fmt.Sprintf(`{%s"token":%q}`, channel, token))
		}
		http("presence.a", tok(`null`, perChannel)).want(t, 200, `{}`)
		for _, each := range []*client{c, pam} {
			each.expect(change("Updated", "presence.a", member("Jim", "null"), p, member("Jim", "null")))
		}
		http("", tok(`"http"`, `,"umdUpdate":true`)).want(t, 200, `{}`)
		c.do(`{"event":"hotsock.unsubscribe","channel":"room"}`, `{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":3}}`)
		c.do(`{"event":"hotsock.subscribe","channel":"room"}`, `{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":"http"}}`)
		// A token without umd takes it away.
		http("room", token(t, `{"scope":"umd","uid":"Jim","channels":{"room":{"umdUpdate":true}}}`)).want(t, 200, `{}`)
		looks("room", "null")
		e.quiet(t, "presence.a", c, pam)
	})
}

// A user looks as was set last, whichever of their connections set it: also if
// that connection looked like that all the time.
func TestUMDOfSeveralConnections(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		a := e.connect(t, withUMD("Jim", `"a"`, everything))
		a.Subscribe("presence.a")
		b := e.connect(t, withUMD("Jim", `"b"`, everything))
		b.Subscribe("presence.a")
		a.expect(change("Updated", "presence.a", member("Jim", `"b"`), member("Jim", `"b"`)))
		a.send(umdUpdate("presence.a", token(t, `{"scope":"umd","uid":"Jim","umd":"a","channels":{"presence.a":{"umdUpdate":true}}}`)))
		a.together(umdAck("presence.a"), change("Updated", "presence.a", member("Jim", `"a"`), member("Jim", `"a"`)))
		b.expect(change("Updated", "presence.a", member("Jim", `"a"`), member("Jim", `"a"`)))
	})
}

// Which tokens change what. Each row is tried over the WebSocket and over HTTP.
func TestUMDTokens(t *testing.T) {
	for _, tt := range []struct {
		why, channel, claims string // CID is the connection's id
		status               int
		code                 string
	}{
		{"for the user", "", `{"scope":"umd","uid":"Jim","umdUpdate":true}`, 200, ""},
		{"for the connection", "", `{"scope":"umd","connectionId":"CID","umdUpdate":true}`, 200, ""},
		{"with further scopes", "", `{"scope":"connect umd subscribe","uid":"Jim","umdUpdate":true}`, 200, ""},
		{"without permission", "", `{"scope":"umd","uid":"Jim"}`, 403, "UMD_UPDATE_PERMISSION_DENIED"},
		{"with that of a channel", "", `{"scope":"umd","uid":"Jim","channels":{"room":{"umdUpdate":true}}}`, 403, "UMD_UPDATE_PERMISSION_DENIED"},
		{"for another user", "", `{"scope":"umd","uid":"Pam","umdUpdate":true}`, 401, "INVALID_UMD_TOKEN"},
		{"for another connection", "", `{"scope":"umd","connectionId":"x","uid":"Jim","umdUpdate":true}`, 401, "INVALID_UMD_TOKEN"},
		{"for nobody", "", `{"scope":"umd","umdUpdate":true}`, 401, "INVALID_UMD_TOKEN"},
		{"for another purpose", "", `{"scope":"connect subscribe","uid":"Jim","umdUpdate":true}`, 401, "INVALID_UMD_TOKEN"},
		{"expired", "", `{"scope":"umd","uid":"Jim","umdUpdate":true,"exp":1}`, 401, "INVALID_UMD_TOKEN"},
		{"too much metadata", "", `{"scope":"umd","uid":"Jim","umdUpdate":true,"umd":"` + strings.Repeat("x", 1023) + `"}`, 401, "INVALID_UMD_TOKEN"},
		{"of a channel", "room", `{"scope":"umd","uid":"Jim","channels":{"r*":{"umdUpdate":true}}}`, 200, ""},
		{"of a channel, by its alias", "lobby", `{"scope":"umd","uid":"Jim","channels":{"room.1":{"umdUpdate":true}}}`, 200, ""},
		{"of a channel, denied by one key", "room", `{"scope":"umd","uid":"Jim","channels":{"r*":{"umdUpdate":true},"room":{"umdUpdate":false}}}`, 403, "UMD_UPDATE_PERMISSION_DENIED"},
		{"of a channel, with the connection's permission", "room", `{"scope":"umd","uid":"Jim","umdUpdate":true}`, 403, "UMD_UPDATE_PERMISSION_DENIED"},
		{"of a channel without a subscription", "other", `{"scope":"umd","uid":"Jim","channels":{"*":{"umdUpdate":true}}}`, 403, "NOT_SUBSCRIBED"},
		{"of no possible channel", "a b", `{"scope":"umd","uid":"Jim","channels":{"*":{"umdUpdate":true}}}`, 400, "INVALID_REQUEST"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				c := e.connect(t, user("Jim", `{"room":{"subscribe":true,"umdUpdate":true},"room.1":{"subscribe":true,"alias":"lobby"}}`))
				c.Subscribe("room", "room.1")
				tok := token(t, strings.Replace(tt.claims, "CID", c.ID, 1))
				want := umdAck(tt.channel)
				if tt.code != "" {
					want = strings.TrimSuffix(failure(tt.channel, tt.code), "}") + `,"ref":"u"}`
				}
				c.do(umdUpdate(tt.channel, tok), want)
				body := fmt.Sprintf(`{"channel":%q,"token":%q}`, tt.channel, tok)
				if tt.channel == "" {
					body = fmt.Sprintf(`{"token":%q}`, tok)
				}
				a := c.call(t, "umdUpdate", body)
				if tt.code != "" {
					a.wantError(t, tt.status, tt.code)
				} else {
					a.want(t, 200, `{}`)
				}
			})
		})
	}
}
