package protocoltest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// eventually takes as many events as there are patterns, and compares them in
// any order: different nodes report what they caused.
func (e *env) eventually(t *testing.T, patterns ...string) {
	t.Helper()
	got := e.events.take(t, e, len(patterns))
	for _, p := range patterns {
		i := slices.IndexFunc(got, func(ev string) bool { return e.match(p, ev) == nil })
		if i < 0 {
			t.Fatalf("no event is\n%s\nbut there are\n%s", e.expand(p), strings.Join(got, "\n"))
		}
		got = slices.Delete(got, i, i+1)
	}
}

// event is one as a host gets it, without the metadata that all have.
func event(typ, dataType, metadata, data string) string {
	return fmt.Sprintf(`{"source":"hotsock.v1","type":"hotsock.%s","metadata":{%s},"data":{%s},"dataType":%q,"id":"$_"}`, typ, metadata, data, dataType)
}

const version = `"hotsockVersion":"` + hotsock.Version + `"`

// Section 13: every event, to the byte, and no other.
func TestEvents(t *testing.T) {
	everywhere(t, withEvents, func(t *testing.T, e *env) {
		const claims = `{"presence.room":{"subscribe":true,"umdUpdate":true,"historyStart":0,
			"messages":{"e":{"publish":true,"store":60,"react":true,"emitPubSubEvent":true},"silent":{"publish":true,"store":60,"react":true}},
			"storage":{"k":{"set":true,"emitPubSubEvent":true},"silent":{"set":true}}}}`
		c := e.connect(t, `{"scope":"connect","uid":"Jim","umd":{"n":1},"keepAlive":true,"channels":`+claims+`}`)
		e.set("cid", c.ID)
		const (
			channel  = `"channel":"presence.room"`
			jim      = `"uid":"Jim","umd":{"n":1}`
			from     = channel + `,"connectionId":"$cid",`
			client   = `"sourceIp":"127.0.0.1","trigger":"client.websocket","userAgent":"Go-http-client/1.1"`
			overHTTP = `"sourceIp":"127.0.0.1","trigger":"client.http","userAgent":"Go-http-client/1.1"`
			server   = `"sourceIp":"127.0.0.1","trigger":"server.http","userAgent":"Go-http-client/1.1"`
			conn     = `"id":"$cid","connectedAt":"$connected","disconnectedAt":null,"keepAlive":true,"sourceIp":"127.0.0.1",` + jim + `,"userAgent":"Go-http-client/1.1"`
		)
		e.eventually(t, event("connected", "connection", version, conn))
		if at, err := time.Parse(time.RFC3339, e.get("connected")); err != nil || time.Since(at).Abs() > e.patience || !strings.HasSuffix(e.get("connected"), "Z") {
			t.Errorf("connectedAt is %q", e.get("connected"))
		}

		c.Subscribe("presence.room")
		e.eventually(t,
			event("subscribed", "subscription", channel+","+version, channel+`,"connectionId":"$cid",`+jim),
			event("channelOccupied", "channel", channel+","+version, `"name":"presence.room","subscriptionsCount":1`),
			event("channelUpdated", "channel", channel+","+version, `"name":"presence.room","subscriptionsCount":1`),
			event("memberAdded", "channelMember", channel+","+version, jim+`,"members":[{`+jim+`}]`),
		)

		// Messages: only with emitPubSubEvent.
		c.do(`{"event":"silent","channel":"presence.room","ref":"r"}`, `{"event":"hotsock.ack","channel":"presence.room","data":{"id":"$id0"},"ref":"r"}`)
		c.do(`{"event":"e","channel":"presence.room","data":[1],"ref":"r"}`, `{"event":"hotsock.ack","channel":"presence.room","data":{"id":"$id1"},"ref":"r"}`)
		published := func(who, data string) string {
			return event("messagePublished", "message", who, channel+`,"event":"e",`+data)
		}
		e.eventually(t, published(from+`"event":"e",`+version+`,"requestId":"$_",`+client, `"id":"$id1","data":[1],"meta":{`+jim+`}`))
		c.call(t, "publishMessage", `{"event":"e","channel":"presence.room"}`).want(t, 202, "")
		e.eventually(t, published(from+`"event":"e",`+version+`,"requestId":"$_",`+overHTTP, `"id":"$id2","data":null,"meta":{`+jim+`}`))
		e.server(t, "POST", "/publish", `{"event":"e","channel":"presence.room"}`).want(t, 202, "")
		e.server(t, "POST", "/publish", `{"event":"e","channel":"presence.room","emitPubSubEvent":true,"deduplicationId":"d"}`).want(t, 202, "")
		e.eventually(t, published(channel+`,"event":"e",`+version+`,"requestId":"$_",`+server, `"id":"$id3","data":null`))
		e.server(t, "POST", "/publish", `{"event":"e","channel":"presence.room","emitPubSubEvent":true,"deduplicationId":"d"}`).want(t, 202, "")
		e.publish(t, hotsock.Message{Channel: "presence.room", Event: "e", EmitEvent: true})
		e.eventually(t, published(channel+`,"event":"e",`+version+`,"requestId":"$_","trigger":"server.go"`, `"id":"$id4","data":null`))
		c.until(`{"id":"$id4","event":"e","channel":"presence.room","data":null}`)

		// Reactions: only to events with emitPubSubEvent.
		reaction := func(message, action string) string {
			return fmt.Sprintf(`{"event":"hotsock.messageReaction","channel":"presence.room","data":{"messageId":%q,"reaction":"+","action":%q}}`, message, action)
		}
		for _, action := range []string{"add", "remove"} {
			c.send(reaction("$id0", action))
		}
		c.send(reaction("$id1", "remove")) // changes nothing
		c.send(reaction("$id1", "add"))
		about := func(typ string) string {
			return event(typ, "messageReaction", channel+`,"connectionId":"$cid",`+version+`,"reaction":"+","requestId":"$rid",`+client,
				channel+`,"messageId":"$id1","id":"$reaction","reaction":"+",`+jim+`,"createdAt":"$created","expiresAt":"$expires"`)
		}
		e.eventually(t, about("messageReactionAdded"))
		// The removal, over HTTP, tells of the reaction, and of the request that
		// added it.
		c.call(t, "publishMessage", `{"event":"hotsock.messageReaction","channel":"presence.room","data":{"messageId":"$id1","reaction":"+","action":"remove"}}`).want(t, 202, "")
		e.eventually(t, about("messageReactionRemoved"))

		// Storage: create, change, clear; not for what changes nothing.
		written := func(who, data, previous, meta string) string {
			return event("channelStorageUpdated", "channelStorage", who,
				channel+`,"key":"k","data":`+data+`,"dataPrevious":`+previous+`,"expired":false,"expiresAt":null,"meta":{`+meta+`}`)
		}
		c.send(set("presence.room", "silent", `1`))
		for _, value := range []string{`null`, `1`, `1`, `{"a":2}`, `{}`} { // the first and the third change nothing
			c.send(set("presence.room", "k", value))
		}
		who := from + version + `,"key":"k",` + client
		e.eventually(t, written(who, `1`, `null`, jim), written(who, `{"a":2}`, `1`, jim), written(who, `null`, `{"a":2}`, jim))
		e.server(t, "POST", "/publish", `{"event":"hotsock.channelStorageSet","channel":"presence.room","key":"k","data":3,"emitPubSubEvent":true}`).want(t, 202, "")
		e.eventually(t, written(channel+`,`+version+`,"key":"k",`+server, `3`, `null`, `"uid":null,"umd":null`))

		// Metadata of the subscription and of the connection.
		c.send(umdUpdate("presence.room", token(t, `{"scope":"umd","uid":"Jim","umd":2,"channels":{"*":{"umdUpdate":true}}}`)))
		e.eventually(t, event("memberUpdated", "channelMember", channel+","+version, `"uid":"Jim","umd":2,"members":[{"uid":"Jim","umd":2}]`))
		c.send(umdUpdate("", token(t, `{"scope":"umd","uid":"Jim","umd":3,"umdUpdate":true}`)))
		e.eventually(t, event("connectionUpdated", "connection", version, strings.Replace(conn, `"umd":{"n":1}`, `"umd":3`, 1)))
		// To equal values: nothing has changed.
		c.send(umdUpdate("presence.room", token(t, `{"scope":"umd","uid":"Jim","umd":2.0,"channels":{"*":{"umdUpdate":true}}}`)))
		c.send(umdUpdate("", token(t, `{"scope":"umd","uid":"Jim","umd":3.0,"umdUpdate":true}`)))

		// The end takes the subscription with it.
		c.Close()
		e.eventually(t,
			event("unsubscribed", "subscription", channel+","+version, channel+`,"connectionId":"$cid","uid":"Jim","umd":2.0`),
			event("channelUpdated", "channel", channel+","+version, `"name":"presence.room","subscriptionsCount":0`),
			event("channelVacated", "channel", channel+","+version, `"name":"presence.room","subscriptionsCount":0`),
			event("memberRemoved", "channelMember", channel+","+version, `"uid":"Jim","umd":2,"members":[]`),
			event("disconnected", "connection", version, strings.NewReplacer(`"umd":{"n":1}`, `"umd":3.0`, `"disconnectedAt":null`, `"disconnectedAt":"$_"`).Replace(conn)),
		)
		if rest := e.events.all(); len(rest) != 0 {
			t.Errorf("more events: %s", strings.Join(rest, "\n"))
		}
	})
}

// Subscriptions that are not counted raise no channelUpdated and no channelOccupied; who is subscribed
// already, no memberAdded.
func TestUncountedEvents(t *testing.T) {
	everywhere(t, withEvents, func(t *testing.T, e *env) {
		c := e.connect(t, user("", `{"room":{"subscribe":true,"omitFromSubCount":true}}`))
		c.Subscribe("room")
		c.Close()
		for _, typ := range []string{"connected", "subscribed", "unsubscribed", "disconnected"} {
			if ev := e.events.take(t, e, 1)[0]; !strings.Contains(ev, `"type":"hotsock.`+typ+`"`) {
				t.Errorf("got %s, want %s", ev, typ)
			}
		}
	})
}

// The expiry of an entry is an event, once in the cluster; so is what is
// scheduled, with who scheduled it.
func TestLaterEvents(t *testing.T) {
	inBubble(t, 2, withEvents, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", `{"room":{"messages":{"e":{"broadcast":true,"emitPubSubEvent":true,"scheduleBefore":9999999999}},
			"storage":{"k":{"set":true,"store":5,"emitPubSubEvent":true},"silent":{"set":true,"store":5}}}}`))
		e.events.take(t, e, 1) // connected
		e.set("cid", c.ID)
		c.send(set("room", "silent", `1`))
		c.send(set("room", "k", `1`))
		e.events.take(t, e, 1)
		start := time.Now()
		const who = `"channel":"room","connectionId":"$cid",` + version + `,"key":"k","sourceIp":"192.0.2.1","trigger":"client.websocket","userAgent":"Go-http-client/1.1"`
		e.eventually(t, event("channelStorageUpdated", "channelStorage", who,
			`"channel":"room","key":"k","data":null,"dataPrevious":1,"expired":true,"expiresAt":"$_","meta":{"uid":"Jim","umd":null}`))
		if d := time.Since(start); d < 5*time.Second || d > 6*time.Second {
			t.Errorf("the expiry was reported after %v", d)
		}
		c.send(fmt.Sprintf(`{"event":"e","channel":"room","scheduleExpression":%q}`, at(time.Minute)))
		c.ExpectNothing()
		c.Close()
		e.events.take(t, e, 1) // disconnected
		e.eventually(t, event("messagePublished", "message",
			`"channel":"room","connectionId":"$cid","event":"e",`+version+`,"requestId":"$_","sourceIp":"192.0.2.1","trigger":"client.websocket","userAgent":"Go-http-client/1.1"`,
			`"channel":"room","event":"e","id":"$id1","data":null,"meta":{"uid":"Jim","umd":null}`))
		time.Sleep(time.Hour)
		if rest := e.events.all(); len(rest) != 0 {
			t.Errorf("more events: %s", strings.Join(rest, "\n"))
		}
	})
}

// A sink that fails, panics or hangs neither slows nor breaks anything.
func TestBadSink(t *testing.T) {
	for name, sink := range map[string]func() error{
		"fails":  func() error { return fmt.Errorf("no") },
		"panics": func() error { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, withEvents, func(t *testing.T, e *env) {
				e.events.fault = sink
				c := e.connect(t, user("Jim", everything))
				c.Subscribe("room")
				c.do(`{"event":"e","channel":"room"}`, `{"id":"$_","event":"e","channel":"room","data":null,"meta":{"uid":"Jim","umd":null}}`)
				e.events.take(t, e, 3)
			})
		})
	}
}
