package protocoltest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// Section 15: the app is told of edits of messages whose event has emitPubSubEvent, and of
// its own that ask for it, once each.
func TestEditEvents(t *testing.T) {
	everywhere(t, withEvents, func(t *testing.T, e *env) {
		const claims = `{"room":{"subscribe":true,"historyStart":0,"messages":{
			"chat":{"publish":true,"store":60,"update":"own","delete":"own","emitPubSubEvent":true},
			"silent":{"publish":true,"store":60,"update":"own","delete":"own"}}}}`
		c := e.connect(t, `{"scope":"connect","uid":"Jim","umd":{"n":1},"channels":`+claims+`}`)
		e.set("cid", c.ID)
		c.Subscribe("room")
		e.events.take(t, e, 4) // connected, subscribed, occupied and updated
		say := func(event, id string) {
			c.do(`{"event":"`+event+`","channel":"room","data":1,"ref":"r"}`, `{"event":"hotsock.ack","channel":"room","data":{"id":"$`+id+`"},"ref":"r"}`)
		}
		say("silent", "id0")
		say("chat", "id1")
		say("chat", "id2")
		e.events.take(t, e, 2) // of the messages
		const (
			channel  = `"channel":"room"`
			from     = channel + `,"connectionId":"$cid",` + version + `,"requestId":"$_",`
			client   = from + `"sourceIp":"127.0.0.1","trigger":"client.websocket","userAgent":"Go-http-client/1.1"`
			overHTTP = from + `"sourceIp":"127.0.0.1","trigger":"client.http","userAgent":"Go-http-client/1.1"`
			server   = channel + `,` + version + `,"requestId":"$_","sourceIp":"127.0.0.1","trigger":"server.http","userAgent":"Go-http-client/1.1"`
			app      = channel + `,` + version + `,"requestId":"$_","trigger":"server.go"`
			jim      = `,"meta":{"uid":"Jim","umd":{"n":1}}`
		)
		updated := func(who, data string, n int, meta string) string {
			return event("messageUpdated", "messageEdit", who, fmt.Sprintf(`%s,"messageId":"$id1","id":"$_","data":%s,"version":%d%s`, channel, data, n, meta))
		}
		deleted := func(who, message, meta string) string {
			return event("messageDeleted", "messageEdit", who, channel+`,"messageId":"$`+message+`","id":"$_","data":null`+meta)
		}
		edit := func(event, data string) string {
			return `{"event":"hotsock.message` + event + `","channel":"room","data":` + data + `}`
		}

		// Clients: by the event of the message, and not for what is refused.
		c.send(edit("Update", `{"messageId":"$id0","data":2}`))
		c.send(edit("Update", `{"messageId":"$id1","data":2,"ifVersion":7}`))
		c.send(edit("Update", `{"messageId":"$id1","data": {"a": 2}}`))
		e.eventually(t, updated(client, `{"a":2}`, 2, jim))
		c.call(t, "publishMessage", edit("Update", `{"messageId":"$id1","data":null}`)).want(t, 202, "")
		e.eventually(t, updated(overHTTP, `null`, 3, jim))
		c.send(edit("Delete", `{"messageId":"$id0"}`))
		c.send(edit("Delete", `{"messageId":"$id2"}`))
		c.send(edit("Delete", `{"messageId":"$id2"}`)) // it is gone
		e.eventually(t, deleted(client, "id2", jim))

		// The app: as each edit says.
		const loud = `,"emitPubSubEvent":true`
		asPam := func(command, rest string) string { return command[:len(command)-1] + rest + `}` }
		e.server(t, "POST", "/publish", edit("Update", `{"messageId":"$id1","data":4}`)).want(t, 202, "")
		e.server(t, "POST", "/publish", asPam(edit("Update", `{"messageId":"$id1","data":5}`), loud)).want(t, 202, "")
		e.eventually(t, updated(server, `5`, 5, ""))
		update := hotsock.MessageUpdate{Channel: "room", MessageID: e.get("id1"), Data: 6, From: &hotsock.Member{UID: "Pam"}, EmitEvent: true}
		if _, err := e.nodes[0].UpdateMessage(t.Context(), update); err != nil {
			t.Fatal(err)
		}
		e.eventually(t, updated(app, `6`, 6, `,"meta":{"uid":"Pam","umd":null}`))
		deletion := hotsock.MessageDeletion{Channel: "room", MessageID: e.get("id1"), EmitEvent: true}
		if err := e.nodes[0].DeleteMessage(t.Context(), deletion); err != nil {
			t.Fatal(err)
		}
		e.eventually(t, deleted(app, "id1", ""))

		// Erasure is not an edit.
		e.publish(t, hotsock.Message{Channel: "room", Event: "chat", Store: hotsock.Forever, From: &hotsock.Member{UID: "Jim"}})
		if _, err := e.nodes[0].EraseUser(t.Context(), "room", "Jim"); err != nil {
			t.Fatal(err)
		}
		c.Close()
		for _, text := range e.events.take(t, e, 4) {
			if strings.Contains(text, "messageEdit") {
				t.Errorf("an erasure raised %s", text)
			}
		}
	})
}
