package browsertest

import (
	"testing"

	"github.com/hotsock-go/hotsock"
)

// TestClientInfo: who asks for the count of subscriptions has it, over broken links, and
// also on a channel that is subscribed already.
func TestClientInfo(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	link := startLink(t, s.addr)
	p := b.openClient("Jim", "http://"+link.addr+"/", `{"uid":"Jim","channels":{
		"room":`+everything+`, "own":{"subscribe":true},
		"inbox":{"autoSubscribe":true,"getInfo":true}
	}}`)
	p.expectFailures()
	got := run[string](p, `
		globalThis.room = client.channel("room");
		globalThis.told = [];
		room.on("info", ({ channel, subscriptionsCount }) => told.push(channel, subscriptionsCount, room.subscriptionsCount));
		await room.subscribe();
		await room.publish("chat", 1);
		const before = [...told, room.subscriptionsCount];
		await room.subscribe({ info: true });
		await room.subscribe(); // by another part of the page
		await until(() => told.length > 0);

		await until(() => client.channel("inbox").active);
		await client.channel("inbox").subscribe({ info: true });
		await until(() => client.channel("inbox").subscriptionsCount === 1);

		const own = client.channel("own");
		await own.subscribe({ token: () => args[0] });
		await own.subscribe({ token: () => args[0], info: true });
		await until(() => own.subscriptionsCount === 1);

		return JSON.stringify([before, told]);
	`, s.token("subscribe", `{"uid":"Jim","channels":{"own":{"subscribe":true,"getInfo":true}}}`))
	want(t, "told", got, `[[null], ["room", 1, 1]]`)

	p.expectBrokenLinks()
	link.cut()
	p.until("the link is lost", `() => client.state !== "open"`)
	pam := b.openClient("Pam", s.url, claimsOf("Pam", "room"))
	run[any](pam, `await client.channel("room").subscribe()`)
	link.mend()
	got = run[string](p, `
		await until(() => room.subscriptionsCount === 2);
		for (let n = 0; n < 3; n++) room.unsubscribe();
		await null;
		const after = room.subscriptionsCount;
		const heard = told.length;
		await room.subscribe();
		await room.publish("chat", 1);
		return JSON.stringify([after, told.length - heard, room.subscriptionsCount]);
	`)
	want(t, "after the break", got, `[null, 0, null]`)
}

// TestClientInfoRefused: a subscription for which the count is refused stays as it was, and
// misses nothing. There is none if the count was wanted from the beginning.
func TestClientInfoRefused(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	link := startLink(t, s.addr)
	p := b.openClient("Jim", "http://"+link.addr+"/", `{"uid":"Jim","channels":{
		"there":{"subscribe":true,"historyStart":0}, "both":{"subscribe":true,"historyStart":0}, "first":{"subscribe":true},
		"own":{"autoSubscribe":true,"historyStart":0}
	}}`)
	got := run[string](p, `
		globalThis.heard = [];
		const listen = (name) => {
			const channel = client.channel(name);
			channel.on("message", ({ data }) => heard.push([name, data]));
			channel.on("unsubscribed", ({ code }) => heard.push([name, code]));
			return channel;
		};
		const [there, both, first, own] = ["there", "both", "first", "own"].map(listen);
		await there.subscribe();
		await until(() => own.active);
		const codes = {
			there: await codeOf(there.subscribe({ info: true })),
			both: await Promise.all([codeOf(both.subscribe()), codeOf(both.subscribe({ info: true }))]),
			first: await codeOf(first.subscribe({ info: true })),
			own: await codeOf(own.subscribe({ info: true })),
		};
		await Promise.all([there, both, own].map((channel) => channel.subscribe()));
		return JSON.stringify([codes, first.active, heard]);
	`)
	const denied = `"INFO_PERMISSION_DENIED"`
	want(t, "refused", got, `[{"there": `+denied+`, "both": ["", `+denied+`], "first": `+denied+`, "own": `+denied+`},
		false, [["first", `+denied+`]]]`)

	// What is published while the server is asked is caught up with.
	run[any](p, `
		globalThis.asked = codeOf(client.channel("there").subscribe({ info: true }));
	`)
	s.publish("there", "e", 1)
	run[any](p, `await asked; await until(() => heard.length === 2)`)
	p.expectBrokenLinks()
	link.cut()
	p.until("the link is lost", `() => client.state !== "open"`)
	for _, channel := range []string{"there", "both", "own"} {
		s.publish(channel, "e", 2)
	}
	link.mend()
	got = run[string](p, `
		await until(() => heard.length === 5);
		return JSON.stringify(heard.slice(1).sort());
	`)
	want(t, "heard", got, `[["both", 2], ["own", 2], ["there", 1], ["there", 2]]`)
}
