package browsertest

import (
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// TestClientRewind: a page that begins with the newest messages needs no request for them,
// and goes on from there over breaks; what it could not catch up with is rewound. Nothing
// comes twice.
func TestClientRewind(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{ReplayLimit: 2})
	keep := func(channel string, data ...int) {
		t.Helper()
		for _, n := range data {
			m := hotsock.Message{Channel: channel, Event: "chat", Data: n, Store: time.Hour}
			if _, err := s.rt.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	keep("room", 1, 2, 3)
	s.publish("room", "chat", -1)
	keep("inbox", 1, 2)
	link := startLink(t, s.addr)
	p := b.openClient("Jim", "http://"+link.addr+"/", `{"uid":"Jim","channels":{
		"room":`+everything+`, "own":`+everything+`, "inbox":{"autoSubscribe":true,"historyStart":0}
	}}`)
	p.expectFailures()
	const told = `return JSON.stringify(seen.splice(0).map(([type, e]) => type === "message" ? e.data : [e.recovered, e.rewound ?? null]));`
	got := run[string](p, `
		globalThis.room = client.channel("room");
		globalThis.seen = record(room, "message", "subscribed");
		await room.subscribe({ rewind: 2 });
		await room.subscribe({ rewind: 2 }); // by another part of the page
		await until(() => seen.length === 3);
		await client.call("none").catch(() => {});
	`+told)
	want(t, "the newest", got, `[[null, {"messages": 2, "more": true}], 2, 3]`)

	// A channel that the token subscribes, later, and one with a token of its own.
	got = run[string](p, `
		const inbox = client.channel("inbox");
		await until(() => inbox.active);
		const heard = record(inbox, "message", "subscribed");
		await inbox.subscribe({ rewind: { seconds: 60 } });
		await until(() => heard.length === 3);
		const codes = [
			await codeOf(client.channel("own").subscribe({ rewind: 0.5 })),
			await codeOf(client.channel("own").subscribe({ rewind: 1001 })),
			await codeOf(client.channel("own").subscribe({ rewind: 1000 })),
		];
		return JSON.stringify([heard.map(([type, e]) => type === "message" ? e.data : e.rewound.messages), codes]);
	`)
	want(t, "others", got, `[[2, 1, 2], ["INVALID_REQUEST", "INVALID_REQUEST", ""]]`)

	p.expectBrokenLinks()
	missed := func(count, data string) {
		t.Helper()
		link.mend()
		p.until("all has come", `() => seen.length === `+count)
		keep("room", 100)
		p.until("what is new has come", `() => seen.length === `+count+` + 1`)
		want(t, "after the break", run[string](p, told), data)
	}
	cut := func() {
		link.cut()
		p.until("the link is lost", `() => client.state !== "open"`)
	}
	cut()
	keep("room", 4)
	s.publish("room", "chat", -2)
	missed("3", `[[true, null], 4, -2, 100]`)
	cut()
	for n := range 4 {
		s.publish("room", "chat", -3)
		keep("room", 5+n)
	}
	missed("3", `[[false, {"messages": 2, "more": true}], 7, 8, 100]`)
	cut()
	for range 4 {
		s.publish("room", "chat", -4)
	}
	missed("1", `[[false, {"messages": 0}], 100]`)
}

// TestClientRewindAgain: when the server has lost track, the client asks what was missed
// before it tells the page.
func TestClientRewindAgain(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	first := true
	p := b.openActor(&actor{t: t, answer: func(event string) []string {
		switch {
		case event == "hotsock.subscribe" && first:
			first = false
			return []string{
				`{"event":"hotsock.subscribed","channel":"room","data":{"rewound":{"messages":1},"lastId":"01JA3HVNF6E89HDT1ABRFWJ8C2"},"meta":{"uid":null,"umd":null},"ref":"$ref"}`,
				`{"event":"n","channel":"room","id":"01JA3HVNF6E89HDT1ABRFWJ8C1","data":1}`,
				`{"event":"hotsock.subscribed","channel":"room","data":{"recovered":false,"lastId":"01JA3HVNF6E89HDT1ABRFWJ8C5"},"meta":{"uid":null,"umd":null}}`,
				`{"event":"n","channel":"room","id":"01JA3HVNF6E89HDT1ABRFWJ8C6","data":-1}`,
			}
		case event == "hotsock.subscribe":
			return []string{
				`{"event":"hotsock.subscribed","channel":"room","data":{"recovered":false,"rewound":{"messages":1},"lastId":"01JA3HVNF6E89HDT1ABRFWJ8C6"},"meta":{"uid":null,"umd":null},"ref":"$ref"}`,
				`{"event":"n","channel":"room","id":"01JA3HVNF6E89HDT1ABRFWJ8C4","data":2}`,
				`{"event":"n","channel":"room","id":"01JA3HVNF6E89HDT1ABRFWJ8C7","data":3}`,
			}
		}
		return nil
	}})
	got := run[string](p, `
		room.subscribe({ rewind: 5 });
		await until(() => seen.length === 5);
		return JSON.stringify(seen.map(([type, e]) => type === "message" ? e.data : [e.recovered, e.after?.slice(-2) ?? null]));
	`)
	want(t, "what came", got, `[[null, null], 1, [false, "C2"], 2, 3]`)
}
