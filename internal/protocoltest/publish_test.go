package protocoltest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// Section 6: names of channels and events, at and over their limits.
func TestNames(t *testing.T) {
	type row struct {
		why, name string
		ok        bool
	}
	both := []row{
		{"one character", "x", true},
		{"any script", "чат-室😀", true},
		{"a quote", `a"b\c`, true},
		{"an asterisk", "a*b", false},
		{"a newline", "a\nb", false},
		{"a control character", "a\x7fb", false},
		{"NUL", "\x00", false},
		{"a line separator", "a\u2028b", false},
	}
	channels := append([]row{
		{"256 characters", strings.Repeat("é", 256), true},
		{"257 characters", strings.Repeat("x", 257), false},
		{"a number sign", "a#b", false},
		{"a comma", "a,b", false},
		{"a space", "a b", false},
		{"a no-break space", "a\u00a0b", false},
		{"a tab", "a\tb", false},
		{"words of the protocol", "hotsock.x", true},
	}, both...)
	events := append([]row{
		{"128 characters", strings.Repeat("é", 128), true},
		{"129 characters", strings.Repeat("x", 129), false},
		{"a number sign within", "a#b", true},
		{"a number sign at the beginning", "#b", false},
		{"a comma", "a,b", true},
		{"a space", "a b", true},
		{"the protocol's word without its dot", "hotsock", true},
		{"the protocol's word later", "a.hotsock.b", true},
		{"the protocol's word in another case", "Hotsock.b", true},
	}, both...)
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", everything))
		check := func(t *testing.T, tt row, channel, event string) {
			t.Helper()
			e.set("channel", quoteBody(channel))
			e.set("event", quoteBody(event))
			const command = `{"event":"$event","channel":"$channel"}`
			published := `{"channel":"$channel","event":"$event"}`
			if tt.ok {
				c.do(command, `{"id":"$_","event":"$event","channel":"$channel","data":null,"meta":{"uid":null,"umd":null}}`)
				c.call(t, "publishMessage", command).want(t, 202, published)
				c.expect(`{"id":"$_","event":"$event","channel":"$channel","data":null,"meta":{"uid":null,"umd":null}}`)
				e.server(t, "POST", "/publish", command).want(t, 202, published)
				c.expect(`{"id":"$_","event":"$event","channel":"$channel","data":null}`)
				return
			}
			c.do(command, `{"event":"hotsock.error","channel":"$channel","error":{"code":"INVALID_REQUEST","message":"$_"}}`)
			c.call(t, "publishMessage", command).wantError(t, 400, "INVALID_REQUEST")
			e.server(t, "POST", "/publish", command).wantError(t, 400, "INVALID_REQUEST")
			ctx, cancel := e.context()
			defer cancel()
			if _, err := e.anyNode().Publish(ctx, hotsock.Message{Channel: channel, Event: event}); err == nil {
				t.Error("Publish has no error")
			}
			c.ExpectNothing()
		}
		for _, tt := range channels {
			t.Run("a channel with "+tt.why, func(t *testing.T) {
				subscribe := `{"event":"hotsock.subscribe","channel":"$channel"}`
				e.set("channel", quoteBody(tt.name))
				if tt.ok {
					c.do(subscribe, `{"event":"hotsock.subscribed","channel":"$channel","data":{},"meta":{"uid":null,"umd":null}}`)
				} else {
					c.do(subscribe, `{"event":"hotsock.error","channel":"$channel","error":{"code":"INVALID_REQUEST","message":"$_"}}`)
				}
				check(t, tt, tt.name, "e")
			})
		}
		c.Subscribe("room")
		for _, tt := range events {
			t.Run("an event with "+tt.why, func(t *testing.T) { check(t, tt, "room", tt.name) })
		}
	})
}

// The sender's own connection gets a copy only with echo; its user's other
// connections and everybody else always do.
func TestEcho(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const claims = `{"room":{"subscribe":true,"messages":{"*":{"publish":true,"broadcast":true},"loud":{"echo":true},"deaf":{"echo":false},"d*":{"echo":true}}}}`
		sender := e.connect(t, user("Jim", claims))
		phone := e.connect(t, user("Jim", claims))
		other := e.connect(t, user("Pam", claims))
		all := []*client{sender, phone, other}
		for _, c := range all {
			c.Subscribe("room")
		}
		message := func(event string) string {
			return fmt.Sprintf(`{"id":"$_","event":%q,"channel":"room","data":1,"meta":{"uid":"Jim","umd":null}}`, event)
		}
		for event, echo := range map[string]bool{"quiet": false, "loud": true, "deaf": false, "dear": true} {
			for _, send := range []func(){
				func() { sender.send(fmt.Sprintf(`{"event":%q,"channel":"room","data":1}`, event)) },
				func() {
					sender.call(t, "publishMessage", fmt.Sprintf(`{"event":%q,"channel":"room","data":1}`, event)).
						want(t, 202, fmt.Sprintf(`{"channel":"room","event":%q}`, event))
				},
			} {
				send()
				phone.expect(message(event))
				other.expect(message(event))
				if echo {
					sender.expect(message(event))
				}
				e.quiet(t, "room", all...)
			}
		}
	})
}

// What is delivered is what was sent, without insignificant white space, and
// nothing else about it is changed.
func TestDataIsKept(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", everything))
		c.Subscribe("room")
		for _, tt := range []struct{ why, data, want string }{
			{"null", `null`, `null`},
			{"false", `false`, `false`},
			{"numbers keep their form", `[1.0,1e2,-0,12345678901234567890,0.1e-400]`, `[1.0,1e2,-0,12345678901234567890,0.1e-400]`},
			{"strings keep their escapes", `"\u00e4\/\ud83d\ude00\u0000"`, `"\u00e4\/\ud83d\ude00\u0000"`},
			{"members keep their order", `{"b":1,"a":2,"":3}`, `{"b":1,"a":2,"":3}`},
			{"white space goes", " {\n\t\"a b\" : [ 1 , \"c d\" ] } ", `{"a b":[1,"c d"]}`},
			{"HTML stays", `"<script>&"`, `"<script>&"`},
			{"names of the protocol mean nothing inside", `{"event":"hotsock.subscribe","meta":null}`, `{"event":"hotsock.subscribe","meta":null}`},
			{"64 levels", strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 64) + strings.Repeat("]", 64)},
		} {
			t.Run(tt.why, func(t *testing.T) {
				body := `{"channel":"room","event":"e","data":` + tt.data + `}`
				const meta = `,"meta":{"uid":null,"umd":null}}`
				c.do(body, `{"id":"$_","event":"e","channel":"room","data":`+tt.want+meta)
				c.call(t, "publishMessage", body).want(t, 202, `{"channel":"room","event":"e"}`)
				c.expect(`{"id":"$_","event":"e","channel":"room","data":` + tt.want + meta)
				e.server(t, "POST", "/publish", body).want(t, 202, `{"channel":"room","event":"e"}`)
				c.expect(`{"id":"$_","event":"e","channel":"room","data":` + tt.want + `}`)
			})
		}
	})
}

// Stored messages are listed until they expire, and never after.
func TestStoreExpires(t *testing.T) {
	inBubble(t, 2, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", `{"room":{"subscribe":true,"messages":{"*":{"publish":true,"react":true},"short":{"store":5},"long":{"store":300},"ever":{"store":-1}}}}`))
		c.Subscribe("room")
		var all []string
		for n, event := range []string{"not", "short", "long", "ever"} {
			c.do(fmt.Sprintf(`{"event":%q,"channel":"room","ref":"r"}`, event), fmt.Sprintf(`{"event":"hotsock.ack","channel":"room","data":{"id":"$id%d"},"ref":"r"}`, n))
			all = append(all, fmt.Sprintf(`{"id":"$id%d","event":%q,"channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}`, n, event))
		}
		const react = `{"event":"hotsock.messageReaction","channel":"room","data":{"messageId":"$id1","reaction":"x","action":"add"},"ref":"r"}`
		listed := func(messages ...string) {
			t.Helper()
			c.history(t, "room", "").want(t, 200, `{"messages":[`+strings.Join(messages, ",")+`]}`)
		}
		listed(all[1:]...)
		time.Sleep(5*time.Second - time.Millisecond)
		listed(all[1:]...)
		time.Sleep(time.Millisecond)
		listed(all[2:]...)
		c.do(react, strings.TrimSuffix(failure("room", "MESSAGE_NOT_FOUND"), "}")+`,"ref":"r"}`)
		c.call(t, "listReactions", `{"channel":"room","messageId":"$id1"}`).wantError(t, 404, "MESSAGE_NOT_FOUND")
		time.Sleep(295 * time.Second)
		listed(all[3:]...)
		time.Sleep(time.Hour) // the connection has ended by now
		c = e.connect(t, user("Jim", `{"room":{"subscribe":true,"historyStart":0}}`))
		c.Subscribe("room")
		time.Sleep(time.Second)
		listed(all[3:]...)
	})
}

// Section 6: a deduplication id makes several requests one message, on any
// node, for five minutes.
func TestDeduplication(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", everything))
		c.Subscribe("room", "other")
		publish := func(channel, dedup, more string) *answer {
			return e.server(t, "POST", "/publish", fmt.Sprintf(`{"channel":%q,"event":"e","deduplicationId":%q,"eagerIdGeneration":true%s}`, channel, dedup, more))
		}
		publish("room", "a", `,"data":1`).want(t, 202, `{"channel":"room","event":"e","id":"$id1"}`)
		c.expect(`{"id":"$id1","event":"e","channel":"room","data":1}`)
		for range 3 { // the retry gets the original id
			publish("room", "a", `,"data":2,"store":60`).want(t, 202, `{"channel":"room","event":"e","id":"$id1","duplicate":true}`)
		}
		e.quiet(t, "room", c)
		publish("room", "b", "").want(t, 202, `{"channel":"room","event":"e","id":"$id2"}`)
		c.expect(`{"id":"$id2","event":"e","channel":"room","data":null}`)
		publish("other", "a", "").want(t, 202, `{"channel":"other","event":"e","id":"$id3"}`)
		c.expect(`{"id":"$id3","event":"e","channel":"other","data":null}`)
		publish("room", strings.Repeat("x", 128), "").want(t, 202, `{"channel":"room","event":"e","id":"$id4"}`)
		publish("room", strings.Repeat("x", 129), "").wantError(t, 400, "INVALID_REQUEST")
	})
	t.Run("window", func(t *testing.T) {
		inBubble(t, 2, nil, func(t *testing.T, e *env) {
			c := e.connect(t, user("", everything))
			c.Subscribe("room")
			var first string
			for n, tt := range []struct {
				wait time.Duration
				new  bool
			}{
				{0, true},
				{5*time.Minute - time.Millisecond, false},
				{time.Millisecond, true},
				{time.Minute, false},
			} {
				time.Sleep(tt.wait)
				p := e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: n, DeduplicationID: "d"})
				if p.Duplicate == tt.new || tt.new == (p.ID == first) {
					t.Errorf("publish %d: %+v, the first ID is %q", n, p, first)
				}
				if tt.new {
					first = p.ID
					c.expect(fmt.Sprintf(`{"id":"$_","event":"e","channel":"room","data":%d}`, n))
				}
				e.quiet(t, "room", c)
			}
		})
	})
}
