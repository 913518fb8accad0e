package protocoltest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// change is the frame of a change of members.
func change(kind, channel, member string, members ...string) string {
	return fmt.Sprintf(`{"event":"hotsock.member%s","channel":%q,"data":{"member":%s,"members":[%s]}}`,
		kind, channel, member, strings.Join(members, ","))
}

// joined is the answer to hotsock.subscribe on a presence channel.
func joined(channel, meta string, members ...string) string {
	return fmt.Sprintf(`{"event":"hotsock.subscribed","channel":%q,"data":{"members":[%s]},"meta":%s}`,
		channel, strings.Join(members, ","), meta)
}

// member is what others see of a user.
func member(uid, umd string) string { return fmt.Sprintf(`{"uid":%q,"umd":%s}`, uid, umd) }

// withUMD returns connect claims with metadata.
func withUMD(uid, umd, channels string) string {
	return fmt.Sprintf(`{"scope":"connect","uid":%q,"umd":%s,"channels":%s}`, uid, umd, channels)
}

// Section 7: one story that has every message in it.
func TestPresence(t *testing.T) {
	const (
		channel   = "presence.room"
		claims    = `{"presence.*":{"subscribe":true,"getInfo":true,"umdUpdate":true,"messages":{"*":{"publish":true}}}}`
		subscribe = `{"event":"hotsock.subscribe","channel":"presence.room"}`
		leave     = `{"event":"hotsock.unsubscribe","channel":"presence.room"}`
	)
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim, pam := member("Jim", "null"), member("Pam", `{"desk":1}`)
		c1 := e.connect(t, user("Jim", claims))
		c1.do(subscribe, joined(channel, jim, jim))

		c2 := e.connect(t, withUMD("Pam", `{"desk":1}`, claims))
		c2.do(subscribe, joined(channel, pam, jim, pam))
		c1.expect(change("Added", channel, pam, jim, pam))

		// The same user from elsewhere, looking the same: nobody is told.
		c3 := e.connect(t, user("Jim", claims))
		c3.do(subscribe, joined(channel, jim, jim, pam))
		e.quiet(t, channel, c1, c2, c3)

		// The same user, looking different: all are told, and the place in the
		// list stays.
		away := member("Jim", `"away"`)
		c4 := e.connect(t, withUMD("Jim", `"away"`, claims))
		c4.send(subscribe)
		for _, c := range []*client{c1, c2, c3} {
			c.expect(change("Updated", channel, away, away, pam))
		}
		c4.expect(joined(channel, away, away, pam))
		c1.call(t, "getChannelInfo", `{"channel":"presence.room"}`).
			want(t, 200, `{"channel":"presence.room","subscriptionsCount":4,"members":[`+away+`,`+pam+`]}`)
		e.server(t, "GET", "/channels/presence.room", "").
			want(t, 200, `{"name":"presence.room","subscriptionsCount":4,"members":[`+away+`,`+pam+`]}`)

		// A user is a member until the last connection is gone; how they look
		// was set last.
		c4.do(leave, `{"event":"hotsock.unsubscribed","channel":"presence.room","data":{},"meta":{"uid":"Jim","umd":"away"}}`)
		c3.Close()
		e.quiet(t, channel, c1, c2)
		c1.do(leave, `{"event":"hotsock.unsubscribed","channel":"presence.room","data":{},"meta":{"uid":"Jim","umd":null}}`)
		c2.expect(change("Removed", channel, away, pam))
		e.quiet(t, channel, c2)

		// Coming back is joining at the end.
		c1.do(subscribe, joined(channel, jim, pam, jim))
		c2.expect(change("Added", channel, jim, pam, jim))
		c2.Close()
		c1.expect(change("Removed", channel, pam, jim))
		c1.do(leave, `{"event":"hotsock.unsubscribed","channel":"presence.room","data":{},"meta":{"uid":"Jim","umd":null}}`)
		c1.call(t, "getChannelInfo", `{"channel":"presence.room"}`).want(t, 200, `{"channel":"presence.room","subscriptionsCount":0,"members":[]}`)
	})
}

// Metadata is compared as JSON, whatever its bytes.
func TestPresenceEqualMetadata(t *testing.T) {
	const channel, subscribe = "presence.room", `{"event":"hotsock.subscribe","channel":"presence.room"}`
	everywhere(t, nil, func(t *testing.T, e *env) {
		pam := e.connect(t, user("Pam", everything))
		pam.Subscribe(channel)
		first := member("Jim", `{"a":1,"b":["A",0.5]}`)
		jim := e.connect(t, withUMD("Jim", `{"a":1,"b":["A",0.5]}`, everything))
		jim.do(subscribe, joined(channel, first, member("Pam", "null"), first))
		pam.expect(change("Added", channel, first, member("Pam", "null"), first))
		const same = `{"b":["\u0041",5e-1],"a":1.0}`
		again := e.connect(t, withUMD("Jim", same, everything))
		again.do(subscribe, joined(channel, member("Jim", same), member("Pam", "null"), first))
		tok := token(t, `{"scope":"umd","uid":"Jim","umd":`+same+`,"umdUpdate":true,"umdPropagate":true}`)
		jim.do(umdUpdate("", tok), umdAck(""))
		e.quiet(t, channel, pam, jim, again)
	})
}

// Who has no uid cannot join; a subscribe token can give one.
func TestPresenceNeedsUser(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", everything))
		c.do(`{"event":"hotsock.subscribe","channel":"presence.room"}`, failure("presence.room", "PRESENCE_CHANNEL_USER_ID_REQUIRED"))
		c.call(t, "getChannelInfo", `{"channel":"presence.room"}`).want(t, 200, `{"channel":"presence.room","subscriptionsCount":0,"members":[]}`)
		tok := token(t, fmt.Sprintf(`{"scope":"subscribe","connectionId":%q,"uid":"Guest"}`, c.ID))
		guest := member("Guest", "null")
		c.do(`{"event":"hotsock.subscribe","channel":"presence.room","data":{"token":"`+tok+`"}}`, joined("presence.room", guest, guest))
		// Names that only look like presence channels have no members.
		for _, name := range []string{"presence", "Presence.room", "xpresence.room"} {
			c.do(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":%q}`, name),
				fmt.Sprintf(`{"event":"hotsock.subscribed","channel":%q,"data":{},"meta":{"uid":null,"umd":null}}`, name))
			c.call(t, "getChannelInfo", fmt.Sprintf(`{"channel":%q}`, name)).want(t, 200, fmt.Sprintf(`{"channel":%q,"subscriptionsCount":1}`, name))
		}
	})
}

// The list of members has a limit in bytes of JSON: 100 KB by default.
func TestPresenceCapacity(t *testing.T) {
	const claims = `{"presence.room":{"subscribe":true,"umdUpdate":true}}`
	const subscribe = `{"event":"hotsock.subscribe","channel":"presence.room"}`
	everywhere(t, func(o *hotsock.Options) { o.MaxMembersSize = len(`[{"uid":"Jim","umd":null},{"uid":"Pam","umd":"x"}]`) }, func(t *testing.T, e *env) {
		jim := e.connect(t, user("Jim", claims))
		jim.do(subscribe, joined("presence.room", member("Jim", "null"), member("Jim", "null")))
		long := e.connect(t, withUMD("Pam", `"xy"`, claims))
		long.do(subscribe, failure("presence.room", "PRESENCE_CHANNEL_CAPACITY_REACHED"))
		pam := e.connect(t, withUMD("Pam", `"x"`, claims))
		pam.do(subscribe, joined("presence.room", member("Pam", `"x"`), member("Jim", "null"), member("Pam", `"x"`)))
		jim.expect(change("Added", "presence.room", member("Pam", `"x"`), member("Jim", "null"), member("Pam", `"x"`)))
		// Who is a member already does not take more room, unless they grow.
		again := e.connect(t, withUMD("Pam", `"x"`, claims))
		again.do(subscribe, joined("presence.room", member("Pam", `"x"`), member("Jim", "null"), member("Pam", `"x"`)))
		long.do(subscribe, failure("presence.room", "PRESENCE_CHANNEL_CAPACITY_REACHED"))
		grow := token(t, `{"scope":"umd","uid":"Pam","umd":"xy","channels":{"*":{"umdUpdate":true}}}`)
		pam.do(`{"event":"hotsock.umdUpdate","channel":"presence.room","data":{"token":"`+grow+`"}}`, failure("presence.room", "PRESENCE_CHANNEL_CAPACITY_REACHED"))
		third := e.connect(t, user("Al", claims))
		third.do(subscribe, failure("presence.room", "PRESENCE_CHANNEL_CAPACITY_REACHED"))
		// Of what failed nothing is left, and others hear nothing of it.
		e.quiet(t, "presence.room", jim, pam, again)
		e.server(t, "GET", "/channels/presence.room", "").
			want(t, 200, `{"name":"presence.room","subscriptionsCount":3,"members":[{"uid":"Jim","umd":null},{"uid":"Pam","umd":"x"}]}`)
	})
	t.Run("default", func(t *testing.T) {
		everywhere(t, nil, func(t *testing.T, e *env) {
			umd, _ := json.Marshal(strings.Repeat("x", 1000))
			size := 2
			n := 0
			for ; ; n++ {
				m := member(fmt.Sprintf("u%04d", n), string(umd))
				if size += len(m) + min(n, 1); size > 100_000 {
					break
				}
				c := e.connect(t, withUMD(fmt.Sprintf("u%04d", n), string(umd), claims))
				c.send(subscribe)
				if frame := c.Next().Text; !strings.HasPrefix(frame, `{"event":"hotsock.subscribed"`) {
					t.Fatalf("member %d of %d bytes: %s", n, size, shorten(frame))
				}
			}
			c := e.connect(t, withUMD(fmt.Sprintf("u%04d", n), string(umd), claims))
			c.do(subscribe, failure("presence.room", "PRESENCE_CHANNEL_CAPACITY_REACHED"))
		})
	})
}

// Who joins sees themselves in the list and gets no memberAdded for it; a
// message sent right after the join comes after it for all.
func TestPresenceBeforeMessages(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Pam", everything))
		c.Subscribe("presence.room")
		for n := range 20 {
			uid := fmt.Sprintf("u%d", n)
			j := e.connect(t, user(uid, everything))
			j.send(`{"event":"hotsock.subscribe","channel":"presence.room"}`)
			j.send(`{"event":"hi","channel":"presence.room"}`)
			j.send(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`)
			pam, m := member("Pam", "null"), member(uid, "null")
			c.expect(change("Added", "presence.room", m, pam, m),
				`{"id":"$_","event":"hi","channel":"presence.room","data":null,"meta":`+m+`}`,
				change("Removed", "presence.room", m, pam))
			j.expect(joined("presence.room", m, pam, m))
		}
	})
}

// Section 13 speaks of counts: subscriptions count, not members, and some do
// not count at all.
func TestSubscriptionsCount(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		count := func(n int) {
			t.Helper()
			e.server(t, "GET", "/channels/room", "").want(t, 200, fmt.Sprintf(`{"name":"room","subscriptionsCount":%d}`, n))
		}
		count(0)
		a := e.connect(t, user("Jim", `{"room":{"subscribe":true}}`))
		b := e.connect(t, user("Jim", `{"room":{"subscribe":true},"r*":{"omitFromSubCount":false}}`))
		hidden := e.connect(t, user("Pam", `{"room":{"subscribe":true,"omitFromSubCount":true}}`))
		shown := e.connect(t, user("Al", `{"room":{"subscribe":true,"omitFromSubCount":true},"r*":{"omitFromSubCount":false}}`))
		for n, c := range []*client{a, b, hidden, shown} {
			c.Subscribe("room")
			count([]int{1, 2, 2, 3}[n])
		}
		e.quiet(t, "room", a, b, hidden, shown) // uncounted ones get messages too
		for n, c := range []*client{hidden, a, b, shown} {
			c.send(`{"event":"hotsock.unsubscribe","channel":"room"}`)
			c.Next()
			count([]int{3, 2, 1, 0}[n])
		}
	})
}
