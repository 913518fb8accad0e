package browsertest

import (
	"testing"

	"github.com/hotsock-go/hotsock"
)

func TestClientSubscribeTokens(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{"uid":"Jim"}`)
	got := run[string](p, `
		const asked = [];
		const room = client.channel("room"), other = client.channel("other");
		const seen = record(other, "unsubscribed", "subscribed");
		const refused = await codeOf(other.subscribe());
		const again = await codeOf(other.subscribe({ token: () => { throw new hotsock.HotsockError("MINE"); } }));
		await room.subscribe({ token: async (context) => {
			asked.push(context.channel, context.connectionId === client.connectionId);
			if (asked.length < 4) throw new Error("the app's server is away");
			return args[0];
		} });
		await room.subscribe();
		const { id } = await room.publish("chat", 1);
		return JSON.stringify([refused, again, seen, asked, room.meta, room.active, id.length]);
	`, s.token("subscribe", claimsOf("Jim", "room")))
	want(t, "tokens", got, `["SUBSCRIBE_PERMISSION_DENIED", "MINE",
		[["unsubscribed", "SUBSCRIBE_PERMISSION_DENIED"], ["unsubscribed", "MINE"]],
		["room", true, "room", true], {"uid":"Jim","umd":{"name":"Jim"}}, true, 26]`)
}

func TestClientAlias(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{"uid":"Jim","channels":{"room.123":{
		"alias":"room", "subscribe":true, "historyStart":0,
		"messages":{"chat":{"publish":true,"echo":true,"store":60}}, "storage":{"k":{"get":true,"set":true,"observe":true}}
	}}}`)
	got := run[string](p, `
		const room = client.channel("room");
		const seen = record(room, "message:chat", "storage");
		await room.subscribe();
		await room.publish("chat", 1);
		await room.set("k", 2);
		await until(() => seen.length === 2);
		const listed = (await all(room.history())).map((m) => m.data);
		room.unsubscribe();
		await room.subscribe();
		return JSON.stringify([seen.map(([, m]) => m.data), listed, await room.get("k"), client.channel("room.123") === room]);
	`)
	want(t, "alias", got, `[[1, 2], [1], 2, true]`)
}

// TestClientAutoSubscribe: what the token subscribes needs no word of the app.
func TestClientAutoSubscribe(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	link := startLink(t, s.addr)
	p := b.openClient("Jim", "http://"+link.addr+"/", `{"uid":"Jim","channels":{
		"inbox":{"autoSubscribe":true,"historyStart":0}, "quiet":{"autoSubscribe":true},
		"presence.team":{"autoSubscribe":true}
	}}`)
	run[any](p, `
		globalThis.seen = record(client.channel("inbox"), "message", "subscribed");
		globalThis.quiet = record(client.channel("quiet"), "subscribed");
		await until(() => ["inbox", "quiet", "presence.team"].every((name) => client.channel(name).active));
	`)
	pam := b.openClient("Pam", s.url, claimsOf("Pam", "presence.team"))
	run[any](pam, `
		globalThis.team = client.channel("presence.team");
		await team.subscribe();
		globalThis.changes = [];
		team.on("members", (members, { kind }) => changes.push(kind));
	`)
	s.publish("inbox", "news", 1)
	run[any](p, `await until(() => seen.some(([type]) => type === "message"))`)
	p.expectBrokenLinks()
	link.cut()
	p.until("the link is lost", `() => client.state !== "open"`)
	s.publish("inbox", "news", 2)
	link.mend()
	got := run[string](p, `
		const again = (all) => all.filter(([, e]) => e.recovered !== null).map(([type, e]) => [type, e.data ?? e.recovered]);
		await until(() => again(quiet).length === 1 && again(seen).length === 3 && client.channel("presence.team").active);
		return JSON.stringify([again(quiet), again(seen)]);
	`)
	want(t, "again", got, `[[["subscribed", true]], [["message", 1], ["subscribed", true], ["message", 2]]]`)
	// Jim left and came with his connection, and not once more to catch up.
	got = run[string](pam, `
		await until(() => changes.includes("added")); // a batch of changes may come later than its channel's messages
		await team.publish("echoed", 1);
		return JSON.stringify(changes);
	`)
	want(t, "team", got, `["all", "removed", "added"]`)
	s.publish("inbox", "news", 3)
	run[any](p, `await until(() => seen.at(-1)[1].data === 3)`)

	// What the app has left stays left.
	p.expectFailures()
	got = run[string](p, `
		const heard = quiet.length;
		client.channel("quiet").unsubscribe();
		client.close();
		client.connect();
		await until(() => client.channel("inbox").active);
		await until(async () => (await codeOf(client.channel("quiet").listMessages())) === "NOT_SUBSCRIBED");
		return JSON.stringify([quiet.length - heard, client.channel("quiet").active, errors]);
	`)
	want(t, "left", got, `[0, false, []]`)

	// What the app asks for before there is a connection begins once; with a
	// token of its own, it is subscribed by that.
	got = run[string](p, `
		const [connect, subscribe] = args;
		const own = new hotsock.Client({ token: connect });
		const seen = record(own.channel("inbox"), "subscribed", "message");
		const ready = [own.channel("inbox").subscribe(), own.channel("quiet").subscribe({ token: subscribe })];
		own.connect();
		await Promise.all(ready);
		await own.channel("quiet").publish("chat", 1); // the token permits it
		await until(() => own.channel("inbox").active);
		return JSON.stringify([seen.map(([type, e]) => [type, e.recovered]), own.channel("inbox").lastId.length]);
	`, s.token("connect", `{"uid":"Jim","channels":{"inbox":{"autoSubscribe":true}, "quiet":{"autoSubscribe":true}}}`),
		s.token("subscribe", `{"uid":"Jim","channels":{"quiet":{"subscribe":true,"messages":{"chat":{"publish":true}}}}}`))
	want(t, "asked for", got, `[[["subscribed", null]], 26]`)
}

// TestClientUnknownAlias: only the subscribe token calls a channel so that the
// connect token has subscribed, and so it cannot be left by that name.
func TestClientUnknownAlias(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{"uid":"Jim","channels":{"room.1":{"autoSubscribe":true}}}`)
	got := run[string](p, `
		let asked = 0;
		const token = async () => {
			if (++asked > 10) throw new hotsock.HotsockError("ASKED_TOO_OFTEN");
			return args[0];
		};
		return JSON.stringify([await codeOf(client.channel("room").subscribe({ token })), asked]);
	`, s.token("subscribe", `{"uid":"Jim","channels":{"room.1":{"subscribe":true,"alias":"room"}}}`))
	want(t, "the answer", got, `["ALREADY_SUBSCRIBED", 2]`)
}

func TestClientLeaving(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, claimsOf("Jim", "room"))
	got := run[string](p, `
		const room = client.channel("room");
		const seen = record(room, "message", "subscribed", "unsubscribed");
		// All in one moment, as in the StrictMode of React: what counts is the last.
		const first = codeOf(room.subscribe());
		room.unsubscribe();
		const second = room.subscribe();
		room.unsubscribe();
		second.catch(() => {});
		await room.subscribe();
		await room.publish("echoed", 1);
		await until(() => seen.length === 2);
		return JSON.stringify([await first, seen.map(([type, e]) => [type, e.data ?? e.recovered])]);
	`)
	want(t, "leaving", got, `["", [["subscribed", null], ["message", 1]]]`)
	if _, err := s.rt.UnsubscribeUser(t.Context(), "Jim", "room"); err != nil {
		t.Fatal(err)
	}
	got = run[string](p, `
		const room = client.channel("room");
		await until(() => !room.active);
		client.close();
		const codes = [await codeOf(room.publish("chat")), await codeOf(client.cancelSchedule("x")), room.send("chat")];
		return JSON.stringify([codes, client.state, client.connectionId, errors]);
	`)
	want(t, "closed", got, `[["NOT_CONNECTED", "NOT_CONNECTED", false], "closed", null, []]`)
}

// TestClientOfAnotherOrigin: a page may import the client from the server that
// it is to talk to, and need not say where that is.
func TestClientOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	b, page := startBrowser(t), startSite(t, hotsock.Options{})
	s := startSite(t, hotsock.Options{AllowedOrigins: []string{"*"}})
	p := b.open("Jim", page.url+"open")
	got := run[string](p, `
		const { Client } = await import(args[0] + "rt/client.js");
		const client = new Client({ token: args[1] });
		client.connect();
		return JSON.stringify(await client.channel("room").info());
	`, s.url, s.token("connect", claimsOf("Jim", "room")))
	want(t, "info", got, `{"channel":"room","subscriptionsCount":0}`)
}
