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
		"room":`+everything+`, "own":{"subscribe":true}, "closed":{"subscribe":true},
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

		const closed = client.channel("closed");
		const ended = record(closed, "unsubscribed");
		await closed.subscribe();
		const refused = await codeOf(closed.subscribe({ info: true }));
		const left = await codeOf(closed.listMessages());
		return JSON.stringify([before, told, refused, ended, closed.active, left]);
	`, s.token("subscribe", `{"uid":"Jim","channels":{"own":{"subscribe":true,"getInfo":true}}}`))
	want(t, "told", got, `[[null], ["room", 1, 1], "INFO_PERMISSION_DENIED",
		[["unsubscribed", "INFO_PERMISSION_DENIED"]], false, "NOT_SUBSCRIBED"]`)

	p.expectBrokenLinks()
	link.cut()
	p.until("the link is lost", `() => client.state !== "open"`)
	pam := b.openClient("Pam", s.url, claimsOf("Pam", "room"))
	run[any](pam, `await client.channel("room").subscribe()`)
	link.mend()
	got = run[string](p, `
		await until(() => room.subscriptionsCount === 2);
		room.unsubscribe();
		const after = room.subscriptionsCount;
		const heard = told.length;
		await room.subscribe();
		await room.publish("chat", 1);
		return JSON.stringify([after, told.length - heard, room.subscriptionsCount]);
	`)
	want(t, "after the break", got, `[null, 0, null]`)
}
