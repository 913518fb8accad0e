package protocoltest

import (
	"fmt"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// What clients can pile up in the store has bounds, which the app itself need
// not keep to.
func TestBoundOfSchedules(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.MaxSchedules = 3 }, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", accepts))
		c.subscribe(t, "room")
		const when = `"scheduleExpression":"at(2040-01-01T00:00:00)"`
		c.do(t, `{"event":"e","channel":"room",`+when+`,"ref":"1"}`, `{"event":"hotsock.ack","channel":"room","data":{"scheduleArn":"$arn1"},"ref":"1"}`)
		c.call(t, "publishMessage", `{"event":"e","channel":"room",`+when+`}`).want(t, 202, "")
		c.do(t, `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":1,`+when+`,"ref":"2"}`, `{"event":"hotsock.ack","channel":"room","data":{"scheduleArn":"$_"},"ref":"2"}`)
		for range 2 {
			c.do(t, `{"event":"e","channel":"room",`+when+`}`, failure("room", "RATE_LIMITED"))
			c.do(t, `{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":1,`+when+`}`, failure("room", "RATE_LIMITED"))
			c.call(t, "publishMessage", `{"event":"e","channel":"room",`+when+`}`).wantError(t, 429, "RATE_LIMITED")
		}
		e.server(t, "POST", "/publish", `{"event":"e","channel":"room",`+when+`}`).want(t, 202, `{"channel":"room","event":"e","scheduleArn":"$arn2"}`)
		// Two less, and one more can be made.
		for _, arn := range []string{"$arn1", "$arn2"} {
			c.other(t, "DELETE", e.schedulePath(arn[1:]), "").want(t, 200, `{}`)
		}
		c.call(t, "publishMessage", `{"event":"e","channel":"room",`+when+`}`).want(t, 202, "")
		c.call(t, "publishMessage", `{"event":"e","channel":"room",`+when+`}`).wantError(t, 429, "RATE_LIMITED")
	})
}

func TestBoundOfReactions(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.MaxReactions = 3 }, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		c.subscribe(t, "room")
		e.storedMessage(t, "chat", c)
		react := func(reaction, action string) string {
			return reactTo(`"messageId":"$id1"`, fmt.Sprintf(`,"reaction":%q,"action":%q`, reaction, action))
		}
		notice := func(kind, reaction, action string) string {
			return fmt.Sprintf(`{"id":"$_","event":"hotsock.messageReaction%s","channel":"room","data":{"messageId":"$id1","reaction":%q,"action":%q},"meta":{"uid":"Jim","umd":null}}`, kind, reaction, action)
		}
		for _, r := range []string{"a", "b", "c"} {
			c.do(t, react(r, "add"), notice("Added", r, "add"))
		}
		c.do(t, react("d", "add"), failure("room", "RATE_LIMITED"))
		c.send(t, react("a", "add")) // is there
		c.call(t, "publishMessage", `{"channel":"room","event":"hotsock.messageReaction","data":{"messageId":"$id1","reaction":"d","action":"add"}}`).wantError(t, 429, "RATE_LIMITED")
		c.do(t, react("b", "remove"), notice("Removed", "b", "remove"))
		c.do(t, react("d", "add"), notice("Added", "d", "add"))
		c.call(t, "listReactions", `{"channel":"room","messageId":"$id1"}`).want(t, 200,
			`{"reactions":[{"reaction":"a","uid":"Jim"},{"reaction":"c","uid":"Jim"},{"reaction":"d","uid":"Jim"}]}`)
	})
}
