package protocoltest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// everything permits a client all that can be permitted on any channel.
const everything = `{"*":{"subscribe":true,"getInfo":true,"historyStart":0,
	"messages":{"*":{"publish":true,"broadcast":true,"echo":true,"store":60,"react":true,"scheduleBefore":9999999999}},
	"storage":{"*":{"get":true,"set":true,"observe":true,"scheduleBefore":9999999999}}}}`

// Section 5: what each command is answered, to the byte. The rows are one
// conversation.
func TestCommands(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, `{"scope":"connect","uid":"Jim","umd":{"n":1},"channels":`+everything+`}`)
		for _, tt := range []struct {
			why, command string
			answers      []string
		}{
			{"ping", `{"event":"hotsock.ping"}`, []string{`{"event":"hotsock.pong","data":{}}`}},
			{"heartbeat", `{"event":"hotsock.heartbeat"}`, nil},
			{"pong", `{"event":"hotsock.pong"}`, nil},
			{"pong with data", `{"event":"hotsock.pong","data":{}}`, nil},
			{"leaving what was not entered", `{"event":"hotsock.unsubscribe","channel":"room"}`, []string{failure("room", "NOT_SUBSCRIBED")}},
			{"subscribe", `{"event":"hotsock.subscribe","channel":"room"}`, []string{`{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":{"n":1}}}`}},
			{"twice", `{"event":"hotsock.subscribe","channel":"room"}`, []string{failure("room", "ALREADY_SUBSCRIBED")}},
			{"unsubscribe", `{"event":"hotsock.unsubscribe","channel":"room"}`, []string{`{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":{"n":1}}}`}},
			{"twice", `{"event":"hotsock.unsubscribe","channel":"room"}`, []string{failure("room", "NOT_SUBSCRIBED")}},
			{"subscribe with empty data", `{"event":"hotsock.subscribe","channel":"room","data":{}}`, []string{`{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":{"n":1}}}`}},
			{"publish", `{"event":"chat","channel":"room","data":{"a":[1, 2.50, "x"]}}`, []string{`{"id":"$id1","event":"chat","channel":"room","data":{"a":[1,2.50,"x"]},"meta":{"uid":"Jim","umd":{"n":1}}}`}},
			{"publish without data", `{"event":"chat","channel":"room"}`, []string{`{"id":"$id2","event":"chat","channel":"room","data":null,"meta":{"uid":"Jim","umd":{"n":1}}}`}},
			{"unknown members are ignored", `{"event":"chat","channel":"room","data":"x","id":"mine","meta":{"uid":"Pam"},"Event":"other"}`, []string{`{"id":"$_","event":"chat","channel":"room","data":"x","meta":{"uid":"Jim","umd":{"n":1}}}`}},
			{"react", `{"event":"hotsock.messageReaction","channel":"room","data":{"messageId":"$id1","reaction":"👍","action":"add"}}`, []string{`{"id":"$_","event":"hotsock.messageReactionAdded","channel":"room","data":{"messageId":"$id1","reaction":"👍","action":"add"},"meta":{"uid":"Jim","umd":{"n":1}}}`}},
			{"get", `{"event":"hotsock.channelStorageGet","channel":"room","key":"k"}`, []string{`{"event":"hotsock.channelStorageData","channel":"room","key":"k","data":null,"meta":null}`}},
			{"set", `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":[ ]}`, []string{`{"event":"hotsock.channelStorageUpdated","channel":"room","key":"k","data":[],"meta":{"uid":"Jim","umd":{"n":1}}}`}},
			{"an unknown command", `{"event":"hotsock.unknown"}`, []string{failure("", "UNKNOWN_EVENT")}},
			{"an unknown command on a channel", `{"event":"hotsock.","channel":"room"}`, []string{failure("room", "UNKNOWN_EVENT")}},
			{"commands have a case", `{"event":"hotsock.Ping"}`, []string{failure("", "UNKNOWN_EVENT")}},
			{"what only servers send", `{"event":"hotsock.connected","data":{}}`, []string{failure("", "UNKNOWN_EVENT")}},
			{"a message of the protocol", `{"event":"hotsock.memberAdded","channel":"room","data":{}}`, []string{failure("room", "UNKNOWN_EVENT")}},
		} {
			c.send(tt.command)
			for _, a := range tt.answers {
				frame := c.Next().Text
				if err := e.match(a, frame); err != nil {
					t.Fatalf("%s: %v", tt.why, err)
				}
			}
			c.ExpectNothing() // and nothing else
		}
	})
}

// hotsock-js sends subscribe, unsubscribe and subscribe in one tick: commands
// take effect in the order sent, and each is answered.
func TestCommandsInOneTick(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		witness := e.connect(t, user("Pam", everything))
		witness.Subscribe("presence.room")
		const rounds = 20
		const subscribed = `{"event":"hotsock.subscribed","channel":"presence.room","data":{"members":[{"uid":"Pam","umd":null},{"uid":"Jim","umd":null}]},"meta":{"uid":"Jim","umd":null}}`
		const unsubscribed = `{"event":"hotsock.unsubscribed","channel":"presence.room","data":{},"meta":{"uid":"Jim","umd":null}}`
		for range rounds {
			c.send(`{"event":"hotsock.subscribe","channel":"presence.room"}`)
			c.send(`{"event":"in","channel":"presence.room"}`)
			c.send(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`)
			c.send(`{"event":"out","channel":"presence.room"}`)
		}
		c.send(`{"event":"hotsock.subscribe","channel":"presence.room"}`)
		for range rounds {
			c.expect(subscribed)
			// The message may be still on its way when the subscription ends.
			for frame := c.Next().Text; e.match(unsubscribed, frame) != nil; frame = c.Next().Text {
				if err := e.match(`{"id":"$_","event":"in","channel":"presence.room","data":null,"meta":{"uid":"Jim","umd":null}}`, frame); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.expect(subscribed)
		for range rounds {
			witness.expect(
				`{"event":"hotsock.memberAdded","channel":"presence.room","data":{"member":{"uid":"Jim","umd":null},"members":[{"uid":"Pam","umd":null},{"uid":"Jim","umd":null}]}}`,
				`{"id":"$_","event":"in","channel":"presence.room","data":null,"meta":{"uid":"Jim","umd":null}}`,
				`{"event":"hotsock.memberRemoved","channel":"presence.room","data":{"member":{"uid":"Jim","umd":null},"members":[{"uid":"Pam","umd":null}]}}`,
				`{"id":"$_","event":"out","channel":"presence.room","data":null,"meta":{"uid":"Jim","umd":null}}`,
			)
		}
		witness.expect(`{"event":"hotsock.memberAdded","channel":"presence.room","data":{"member":{"uid":"Jim","umd":null},"members":[{"uid":"Pam","umd":null},{"uid":"Jim","umd":null}]}}`)
		e.quiet(t, "presence.room", c, witness)
	})
}

// No message of a channel comes before its hotsock.subscribed, and none after
// its hotsock.unsubscribed, while others publish all the time.
func TestNothingOutsideOfSubscription(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("", `{"room":{"subscribe":true}}`))
		stop := make(chan struct{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := e.context()
				_, err := e.nodes[n%len(e.nodes)].Publish(ctx, hotsock.Message{Channel: "room", Event: "e", Data: n})
				cancel()
				if err != nil {
					t.Errorf("Publish: %v", err)
					return
				}
			}
		}()
		const rounds = 30
		for range rounds {
			c.send(`{"event":"hotsock.subscribe","channel":"room"}`)
			c.send(`{"event":"hotsock.unsubscribe","channel":"room"}`)
		}
		c.send(`{"event":"hotsock.ping"}`)
		subscribed, ends := false, 0
		for pong := false; !pong; {
			switch frame := c.Next().Text; {
			case strings.HasPrefix(frame, `{"event":"hotsock.subscribed"`):
				subscribed = true
			case strings.HasPrefix(frame, `{"event":"hotsock.unsubscribed"`):
				subscribed = false
				ends++
			case strings.HasPrefix(frame, `{"event":"hotsock.pong"`):
				pong = true
			case !subscribed:
				t.Fatalf("got %s while not subscribed", frame)
			}
		}
		close(stop)
		<-done
		if ends != rounds {
			t.Errorf("%d answers to %d unsubscribes", ends, rounds)
		}
	})
}

// A connection can have as many subscriptions as the host permits.
func TestMaxSubscriptions(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.MaxSubscriptions = 3 }, func(t *testing.T, e *env) {
		c := e.connect(t, user("", everything))
		c.Subscribe("a", "b", "c")
		c.do(`{"event":"hotsock.subscribe","channel":"d"}`, failure("d", "RATE_LIMITED"))
		c.do(`{"event":"hotsock.subscribe","channel":"a"}`, failure("a", "ALREADY_SUBSCRIBED"))
		c.do(`{"event":"hotsock.unsubscribe","channel":"b"}`, `{"event":"hotsock.unsubscribed","channel":"b","data":{},"meta":{"uid":null,"umd":null}}`)
		c.Subscribe("d")
	})
}

// Section 16: a command with a ref is answered with it: by its own answer, by an
// error or by hotsock.ack.
func TestRefs(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		umd := token(t, `{"scope":"umd","uid":"Jim","umd":1,"umdUpdate":true}`)
		const ack = `{"event":"hotsock.ack","channel":"room","data":{},"ref":"$ref"}`
		fail := func(channel, code string) string {
			return strings.TrimSuffix(failure(channel, code), "}") + `,"ref":"$ref"}`
		}
		for n, tt := range []struct {
			command string // without its end
			answers []string
		}{
			{`{"event":"hotsock.ping"`, []string{`{"event":"hotsock.pong","data":{},"ref":"$ref"}`}},
			{`{"event":"hotsock.heartbeat"`, []string{`{"event":"hotsock.ack","data":{},"ref":"$ref"}`}},
			{`{"event":"hotsock.pong"`, []string{`{"event":"hotsock.ack","data":{},"ref":"$ref"}`}},
			{`{"event":"hotsock.subscribe","channel":"room"`, []string{`{"event":"hotsock.subscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":null},"ref":"$ref"}`}},
			{`{"event":"hotsock.subscribe","channel":"room"`, []string{fail("room", "ALREADY_SUBSCRIBED")}},
			{`{"event":"chat","channel":"room"`, []string{
				`{"id":"$id1","event":"chat","channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}`,
				`{"event":"hotsock.ack","channel":"room","data":{"id":"$id1"},"ref":"$ref"}`,
			}},
			{`{"event":"chat","channel":"room","scheduleExpression":"at(2999-01-01T00:00:00)"`, []string{fail("room", "SCHEDULE_PERMISSION_DENIED")}},
			{`{"event":"chat","channel":"room","scheduleExpression":"at(2199-01-01T00:00:00)"`, []string{`{"event":"hotsock.ack","channel":"room","data":{"scheduleArn":"$_"},"ref":"$ref"}`}},
			{`{"event":"hotsock.channelStorageGet","channel":"room","key":"k"`, []string{`{"event":"hotsock.channelStorageData","channel":"room","key":"k","data":null,"meta":null,"ref":"$ref"}`}},
			{`{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":1`, []string{
				`{"event":"hotsock.channelStorageUpdated","channel":"room","key":"k","data":1,"meta":{"uid":"Jim","umd":null}}`, ack,
			}},
			{`{"event":"hotsock.messageReaction","channel":"room","data":{"messageId":"$id1","reaction":"x","action":"remove"}`, []string{ack}},
			{`{"event":"hotsock.messageReaction","channel":"room","data":{"messageId":"01J00000000000000000000000","reaction":"x","action":"remove"}`, []string{fail("room", "MESSAGE_NOT_FOUND")}},
			{`{"event":"hotsock.umdUpdate","data":{"token":"` + umd + `"}`, []string{`{"event":"hotsock.ack","data":{},"ref":"$ref"}`}},
			{`{"event":"hotsock.unsubscribe","channel":"room"`, []string{`{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{"uid":"Jim","umd":null},"ref":"$ref"}`}},
			{`{"event":"hotsock.nothing"`, []string{fail("", "UNKNOWN_EVENT")}},
			{`{"event":"a*b","channel":"room"`, []string{fail("room", "INVALID_REQUEST")}},
			// The ref is repeated even if what comes before it is wrong.
			{`{"event":1,"channel":"room"`, []string{fail("room", "INVALID_REQUEST")}},
		} {
			ref := fmt.Sprintf(`%d \" ä`, n) + strings.Repeat("é", 64-7+len(`\`))
			for len([]rune(strings.ReplaceAll(ref, `\"`, `"`))) > 64 {
				ref = strings.TrimSuffix(ref, "é")
			}
			e.set("ref", ref)
			c.send(tt.command + `,"ref":"$ref"}`)
			c.together(tt.answers...)
			c.ExpectNothing()
		}
		long := strings.Repeat("x", 65)
		c.do(`{"event":"hotsock.ping","ref":"`+long+`"}`, failure("", "INVALID_REQUEST"))
		c.do(`{"event":"hotsock.ping","ref":1}`, failure("", "INVALID_REQUEST"))
		c.do(`{"event":"hotsock.ping","ref":""}`, `{"event":"hotsock.pong","data":{}}`)
		c.ExpectNothing()
	})
}
