package browsertest

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"

	"github.com/hotsock-go/hotsock"
)

// TestClientSharedChannel: a channel stays subscribed until all parts of the page that
// subscribed it have left it.
func TestClientSharedChannel(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{"uid":"Jim","channels":{
		"room":`+everything+`, "own":{"subscribe":true}, "other":{"subscribe":true}, "inbox":{"autoSubscribe":true,"getInfo":true}
	}}`)
	got := run[string](p, `
		const room = client.channel("room");
		const count = async (channel) => {
			await null; // the channel is left by now
			await client.call("none").catch(() => {}); // and the server knows
			return (await channel.info()).subscriptionsCount;
		};
		const part = () => new AbortController();
		const [first, second] = [part(), part()];
		await Promise.all([room.subscribe({ signal: first.signal }), room.subscribe({ signal: second.signal }), room.subscribe()]);
		const counts = [];
		first.abort();
		counts.push(await count(room));
		room.unsubscribe();
		room.unsubscribe(); // once too often: the other part goes on
		first.abort();
		counts.push(await count(room));
		second.abort();
		counts.push(await count(room));
		const late = await codeOf(room.subscribe({ signal: second.signal }));

		// Listeners of what the token subscribes go on when a part leaves that has subscribed it, too.
		const inbox = client.channel("inbox");
		await until(() => inbox.active);
		await inbox.subscribe();
		inbox.unsubscribe();
		counts.push(await count(inbox));
		inbox.unsubscribe();
		counts.push(await count(inbox));
		return JSON.stringify([counts, late, room.active, errors]);
	`)
	want(t, "shared", got, `[[1, 1, 0, 1, 0], "NOT_SUBSCRIBED", false, []]`)

	// The token that one part has stays in use; the end for one is the end for all, and
	// who leaves afterwards does not harm whoever came meanwhile.
	p.expectFailures()
	got = run[string](p, `
		const own = client.channel("own");
		let asked = 0;
		const token = () => (asked++, args[0]);
		const [first, second] = [new AbortController(), new AbortController()];
		await own.subscribe({ token, signal: first.signal });
		await own.subscribe({ signal: second.signal });
		client.close();
		client.connect();
		await until(() => own.active);
		await own.publish("chat", 1);
		const other = client.channel("other");
		const refused = await codeOf(other.subscribe({ token: () => { throw new hotsock.HotsockError("MINE"); }, signal: first.signal }));
		await other.subscribe({ signal: second.signal });
		first.abort();
		await client.call("none").catch(() => {});
		return JSON.stringify([asked, refused, other.active, own.active]);
	`, s.token("subscribe", `{"uid":"Jim","channels":{"own":{"subscribe":true,"messages":{"chat":{"publish":true}}}}}`))
	want(t, "tokens", got, `[2, "MINE", true, true]`)
}

// TestClientLeavesAndComes: who leaves and comes in one moment, as StrictMode of React does
// and as one page after another, has never left.
func TestClientLeavesAndComes(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	pam := b.openClient("Pam", s.url, claimsOf("Pam", "presence.team"))
	run[any](pam, `
		globalThis.team = client.channel("presence.team");
		await team.subscribe();
		globalThis.changes = [];
		team.on("members", (members, { kind }) => changes.push(kind));
	`)
	p := b.openClient("Jim", s.url, claimsOf("Jim", "presence.team"))
	got := run[string](p, `
		const team = client.channel("presence.team");
		const seen = record(team, "subscribed", "unsubscribed");
		const parts = [];
		const mount = () => {
			const part = new AbortController();
			parts.push(part);
			return codeOf(team.subscribe({ signal: part.signal }));
		};
		const codes = [mount()];
		for (let n = 0; n < 1000; n++) {
			parts.at(-1).abort();
			codes.push(mount());
			if (n === 500) await Promise.all(codes); // from now on it is subscribed
			if (n > 990) await client.channel("presence.team").publish("echoed", n);
		}
		const all = new Set(await Promise.all(codes));
		return JSON.stringify([[...all], seen.map(([type, e]) => [type, e.recovered]), team.members.length]);
	`)
	want(t, "never left", got, `[[""], [["subscribed", null]], 2]`)
	got = run[string](pam, `
		await until(() => changes.length === 2);
		await team.publish("echoed", 1);
		return JSON.stringify(changes);
	`)
	want(t, "what the others saw", got, `["all", "added"]`)

	// One after the other they take turns at the server.
	got = run[string](p, `
		const team = client.channel("presence.team");
		const codes = new Set();
		let last;
		for (let n = 0; n < 200; n++) {
			last?.abort();
			await null;
			await null; // the channel is left by now
			last = new AbortController();
			codeOf(team.subscribe({ signal: last.signal })).then((code) => codes.add(code));
		}
		await until(() => team.active);
		await team.publish("echoed", 1);
		return JSON.stringify([codes.has(""), [...codes].every((code) => ["", "NOT_SUBSCRIBED"].includes(code)), team.members.length]);
	`)
	want(t, "in turns", got, `[true, true, 2]`)
}

// TestClientLeavesForAnotherToken: who leaves and comes with another token is subscribed by that.
func TestClientLeavesForAnotherToken(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{"uid":"Jim","channels":{"room":{"subscribe":true}}}`)
	got := run[string](p, `
		const room = client.channel("room");
		const first = codeOf(room.subscribe());
		room.unsubscribe();
		await room.subscribe({ token: () => args[0] });
		await room.publish("chat", 1);
		room.unsubscribe();
		await room.subscribe();
		return JSON.stringify([await first, await codeOf(room.publish("chat", 2))]);
	`, s.token("subscribe", `{"uid":"Jim","channels":{"room":{"subscribe":true,"messages":{"chat":{"publish":true}}}}}`))
	want(t, "tokens", got, `["", "PUBLISH_PERMISSION_DENIED"]`)
}

// TestClientLateListeners: who begins to listen late is told how things are, once.
func TestClientLateListeners(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, claimsOf("Jim", "presence.team"))
	got := run[string](p, `
		const team = client.channel("presence.team");
		const early = record(team, "subscribed", "members", "storage", "info", "message", "unsubscribed");
		const idle = record(client.channel("other"), "subscribed", "members", "storage", "info");
		await team.subscribe({ info: true });
		await team.set("k", 1);
		await until(() => early.length === 4);
		const late = record(team, "subscribed", "members", "storage", "info", "message", "unsubscribed");
		const states = record(client, "state", "subscribed");
		const off = team.on("members", () => late.push("left before it was told"));
		off();
		const once = team.on("members", () => (once(), late.push("once")));
		const before = late.length + states.length;
		await null;
		const [told, state] = [structuredClone(late), states.map(([type]) => type)];
		client.close();
		const closed = record(client, "state");
		client.connect();
		await until(() => closed.length === 2);
		const simple = ([type, e, change]) => [type, e?.recovered ?? e?.data ?? e?.subscriptionsCount ?? change?.kind ?? null];
		return JSON.stringify([early.slice(0, 4).map(simple).sort(), before, told.map((e) => typeof e === "string" ? e : simple(e)), state, closed, idle]);
	`)
	want(t, "late", got, `[
		[["info", 1], ["members", "all"], ["storage", 1], ["subscribed", null]], 0,
		[["subscribed", null], ["members", "all"], ["storage", 1], ["info", 1], "once"], ["state", "subscribed"],
		[["state", "connecting"], ["state", "open"]], []
	]`)
}

// TestClientFreesChannels: of a channel that is not subscribed, and that nobody listens to,
// nothing stays.
func TestClientFreesChannels(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{"uid":"Jim","channels":{"room.*":`+everything+`}}`)
	p.expectFailures()
	run[any](p, `
		const weak = (name) => new WeakRef(client.channel(name));
		globalThis.named = Array.from({ length: 50 }, (_, n) => weak("room.named" + n));
		globalThis.used = await Promise.all(Array.from({ length: 5 }, async (_, n) => {
			const room = client.channel("room.used" + n);
			const off = room.on("message", () => {});
			await room.subscribe();
			await room.info();
			await room.call("none").catch(() => {});
			room.unsubscribe();
			off();
			return new WeakRef(room);
		}));
		globalThis.refused = await (async () => {
			const other = client.channel("other");
			await other.subscribe().catch(() => {});
			return new WeakRef(other);
		})();
		globalThis.kept = await (async () => {
			client.channel("room.heard").on("message", () => {});
			await client.channel("room.subscribed").subscribe();
			globalThis.held = client.channel("room.held");
			client.channel("room.left").unsubscribe(); // so that it stays so
			return ["heard", "subscribed", "held", "left"].map((name) => weak("room." + name));
		})();
		await client.call("none").catch(() => {});
		await new Promise((resolve) => setTimeout(resolve)); // a WeakRef keeps until then
	`)
	command(p, heapprofiler.CollectGarbage, cdp.Empty{})
	got := run[string](p, `
		const left = [...named, ...used, refused].filter((ref) => ref.deref()).map((ref) => ref.deref().name);
		const there = kept.map((ref) => !!ref.deref());
		return JSON.stringify([left, there, held === client.channel("room.held"), client.channel("room.named1").name]);
	`)
	want(t, "what stays", got, `[[], [true, true, true, true], true, "room.named1"]`)
}
