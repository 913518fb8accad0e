package protocoltest

import (
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// Section 5: a client may send a message again. What is the same user's on the same
// channel, with the same id, is one message, on any node and either way.
func TestPublishingAgain(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim, again := e.connectTo(t, 0, user("Jim", everything)), e.connectTo(t, len(e.nodes)-1, user("Jim", everything))
		pam := e.connectTo(t, 0, user("Pam", everything))
		nobody, stranger := e.connectTo(t, 0, user("", everything)), e.connectTo(t, 0, user("", everything))
		watcher := e.connect(t, user("", everything))
		watcher.Subscribe("room", "other")
		first := func(c *client, id, channel, meta string) {
			t.Helper()
			c.do(`{"event":"e","channel":"`+channel+`","deduplicationId":"d","ref":"r"}`,
				`{"event":"hotsock.ack","channel":"`+channel+`","data":{"id":"`+id+`"},"ref":"r"}`)
			watcher.expect(`{"id":"` + id + `","event":"e","channel":"` + channel + `","data":null,"meta":` + meta + `}`)
		}
		const duplicate = `{"event":"hotsock.ack","channel":"room","data":{"id":"$id","duplicate":true},"ref":"r"}`

		// Ids of others, and those on other channels, are others.
		first(pam, "$pam", "room", `{"uid":"Pam","umd":null}`)
		first(nobody, "$nobody", "room", `{"uid":null,"umd":null}`)
		first(stranger, "$stranger", "room", `{"uid":null,"umd":null}`)
		first(jim, "$other", "other", `{"uid":"Jim","umd":null}`)
		p := e.publish(t, hotsock.Message{Channel: "room", Event: "e", DeduplicationID: "d"})
		if p.Duplicate {
			t.Error("the app's id is a client's")
		}
		watcher.expect(`{"id":"$_","event":"e","channel":"room","data":null}`)

		first(jim, "$id", "room", `{"uid":"Jim","umd":null}`)
		for _, c := range []*client{jim, again} {
			// Whatever is in it.
			c.do(`{"event":"other","channel":"room","data":2,"deduplicationId":"d","ref":"r"}`, duplicate)
			c.call(t, "publishMessage", `{"event":"e","channel":"room","deduplicationId":"d","eagerIdGeneration":true}`).
				want(t, 202, `{"channel":"room","event":"e","id":"$id","duplicate":true}`)
			c.call(t, "publishMessage", `{"event":"e","channel":"room","deduplicationId":"d"}`).
				want(t, 202, `{"channel":"room","event":"e","duplicate":true}`)
			c.send(`{"event":"e","channel":"room","deduplicationId":"d"}`) // which is not answered
		}
		e.quiet(t, "room", watcher)

		long := strings.Repeat("x", 129)
		jim.bothWays(t, `{"event":"e","channel":"room","deduplicationId":"`+long+`"}`, "publishMessage", "INVALID_REQUEST", 400)
		jim.bothWays(t, `{"event":"e","channel":"room","deduplicationId":1}`, "publishMessage", "INVALID_REQUEST", 400)
		jim.call(t, "publishMessage", `{"event":"e","channel":"room","deduplicationId":"`+long[1:]+`"}`).want(t, 202, `{"channel":"room","event":"e"}`)
		watcher.expect(`{"id":"$_","event":"e","channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}`)
		for _, none := range []string{`""`, `null`} {
			for range 2 {
				jim.call(t, "publishMessage", `{"event":"e","channel":"room","deduplicationId":`+none+`}`).want(t, 202, `{"channel":"room","event":"e"}`)
				watcher.expect(`{"id":"$_","event":"e","channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}`)
			}
		}
	})
}

// No id that a client can send is that of another user, or of the app.
func TestPublishingAgainAsAnother(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		pam := e.connect(t, user("Pam", everything))
		jim := e.connect(t, user("Jim", everything))
		short := e.connect(t, user("Pa", everything))
		pam.call(t, "publishMessage", `{"event":"e","channel":"room","deduplicationId":"d"}`).want(t, 202, `{"channel":"room","event":"e"}`)
		for _, c := range []*client{jim, short} {
			for _, id := range []string{`Pam\u00ffd`, `\u00ffuid\u00ffPam\u00ffd`, `m\u00ffd`, `md`, `\u0000d`} {
				c.call(t, "publishMessage", `{"event":"e","channel":"room","deduplicationId":"`+id+`"}`).want(t, 202, `{"channel":"room","event":"e"}`)
			}
		}
	})
}
