package protocoltest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// What clients can pile up in the store has bounds, which the app itself need
// not keep to.
func TestBoundOfSchedules(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.MaxSchedules = 3 }, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", accepts))
		c.Subscribe("room")
		const when = `"scheduleExpression":"at(2040-01-01T00:00:00)"`
		c.do(`{"event":"e","channel":"room",`+when+`,"ref":"1"}`, `{"event":"hotsock.ack","channel":"room","data":{"scheduleArn":"$arn1"},"ref":"1"}`)
		c.call(t, "publishMessage", `{"event":"e","channel":"room",`+when+`}`).want(t, 202, "")
		c.do(`{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":1,`+when+`,"ref":"2"}`, `{"event":"hotsock.ack","channel":"room","data":{"scheduleArn":"$_"},"ref":"2"}`)
		for range 2 {
			c.do(`{"event":"e","channel":"room",`+when+`}`, failure("room", "RATE_LIMITED"))
			c.do(`{"event":"hotsock.channelStorageSet","channel":"room","key":"k","data":1,`+when+`}`, failure("room", "RATE_LIMITED"))
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
		c.Subscribe("room")
		e.storedMessage(t, "chat", c)
		react := func(reaction, action string) string {
			return reactTo(`"messageId":"$id1"`, fmt.Sprintf(`,"reaction":%q,"action":%q`, reaction, action))
		}
		notice := func(kind, reaction, action string) string {
			return fmt.Sprintf(`{"id":"$_","event":"hotsock.messageReaction%s","channel":"room","data":{"messageId":"$id1","reaction":%q,"action":%q},"meta":{"uid":"Jim","umd":null}}`, kind, reaction, action)
		}
		for _, r := range []string{"a", "b", "c"} {
			c.do(react(r, "add"), notice("Added", r, "add"))
		}
		c.do(react("d", "add"), failure("room", "RATE_LIMITED"))
		c.send(react("a", "add")) // is there
		c.call(t, "publishMessage", `{"channel":"room","event":"hotsock.messageReaction","data":{"messageId":"$id1","reaction":"d","action":"add"}}`).wantError(t, 429, "RATE_LIMITED")
		c.do(react("b", "remove"), notice("Removed", "b", "remove"))
		c.do(react("d", "add"), notice("Added", "d", "add"))
		c.call(t, "listReactions", `{"channel":"room","messageId":"$id1"}`).want(t, 200,
			`{"reactions":[{"reaction":"a","uid":"Jim"},{"reaction":"c","uid":"Jim"},{"reaction":"d","uid":"Jim"}]}`)
	})
}

// One user cannot take what all share: neither the reactions to a message, nor
// how many different ones there may be.
func TestShareOfReactions(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const perUser, different = 20, 200
		greedy, other := e.connect(t, user("u0", everything)), e.connect(t, user("Pam", everything))
		greedy.Subscribe("room")
		other.Subscribe("room")
		e.storedMessage(t, "chat", greedy, other)
		refused := strings.TrimSuffix(failure("room", "RATE_LIMITED"), "}") + `,"ref":"r"}`
		for i := range perUser {
			greedy.send(react(fmt.Sprint("0.", i), "add"))
		}
		greedy.send(react("0.20", "add"))
		greedy.until(refused)
		greedy.send(react("0.0", "remove"))
		greedy.send(react("0.20", "add"))
		greedy.until(reacted("0.20", "add", `{"uid":"u0","umd":null}`))

		ctx, cancel := e.context()
		defer cancel()
		add := func(uid, reaction string) error {
			return e.anyNode().React(ctx, hotsock.Reaction{Channel: "room", MessageID: e.get("id1"), Reaction: reaction, UID: uid})
		}
		for i := range different - perUser {
			if err := add("Bot", fmt.Sprint("bot ", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := add("Bot", "one more"); !errors.Is(err, &hotsock.Error{Code: hotsock.CodeRateLimited}) {
			t.Errorf("a reaction of a 201st kind: error %v", err)
		}
		other.send(react("another", "add"))
		other.until(refused)
		other.send(react("0.1", "add"))
		other.until(reacted("0.1", "add", `{"uid":"Pam","umd":null}`))
	})
}

// Nor can one user take all of a channel's schedules.
func TestShareOfSchedules(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) { o.MaxSchedules = 120 }, func(t *testing.T, e *env) {
		const perUser = 12
		greedy, again, other := e.connect(t, user("Jim", accepts)), e.connect(t, user("Jim", accepts)), e.connect(t, user("Pam", accepts))
		const schedule = `{"event":"e","channel":"room","scheduleExpression":"at(2040-01-01T00:00:00)"}`
		for range perUser / 2 {
			greedy.call(t, "publishMessage", schedule).want(t, 202, `{"channel":"room","event":"e","scheduleArn":"$_"}`)
			again.call(t, "channelStorageSet", `{"channel":"room","key":"k","data":1,"scheduleExpression":"at(2040-01-01T00:00:00)"}`).want(t, 202, "")
		}
		greedy.call(t, "publishMessage", schedule).wantError(t, 429, "RATE_LIMITED")
		again.call(t, "publishMessage", schedule).wantError(t, 429, "RATE_LIMITED")
		other.call(t, "publishMessage", schedule).want(t, 202, "")
		e.server(t, "POST", "/publish", schedule).want(t, 202, "")
	})
}
