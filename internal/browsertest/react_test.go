package browsertest

import (
	"context"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// openReact opens a page that can mount components, as
//
//	const unmount = mount(client, Component)
func (b *browser) openReact(name, url, claims string) *page {
	b.t.Helper()
	p := b.openFramework(name, url, "react", claims)
	run[any](p, `
		const { React, createRoot, hooks, flushSync } = framework;
		Object.assign(globalThis, hooks, { h: React.createElement, useState: React.useState, flushSync });
		globalThis.mount = (client, component, app = document.getElementById("app")) => {
			const root = createRoot(app);
			root.render(h(React.StrictMode, null, h(HotsockProvider, { client }, h(component))));
			return () => root.unmount();
		};
	`)
	return p
}

// keep publishes messages that are kept.
func (s *site) keep(channel string, data ...int) {
	s.t.Helper()
	for _, n := range data {
		m := hotsock.Message{Channel: channel, Event: "chat", Data: n, Store: time.Hour}
		if _, err := s.rt.Publish(s.t.Context(), m); err != nil {
			s.t.Fatal(err)
		}
	}
}

const editor = `{"uid":"Jim","channels":{"room":{"subscribe":true,"historyStart":0,
	"messages":{"chat":{"publish":true,"store":3600,"update":true,"delete":true}}}}}`

// TestReactMessages: a component shows the newest messages, older ones, what comes and what
// becomes of it, and after a break what was missed.
func TestReactMessages(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{ReplayLimit: 2})
	s.keep("room", 1, 2, 3, 4, 5)
	s.publish("room", "other", 0)
	link := startLink(t, s.addr)
	p := b.openReact("Jim", "http://"+link.addr+"/", editor)
	p.expectFailures()
	run[any](p, `
		globalThis.Room = () => {
			globalThis.shown = useMessages("room", { event: "chat", limit: 2 });
			const { messages, more, loading, error } = shown;
			return h("p", null, messages.map((m) => m.data).join(), more ? " more" : "", loading ? " loading" : "", error?.code);
		};
		globalThis.unmount = mount(client, Room);
		await shows("4,5 more");
		await shown.loadOlder();
		await shows("2,3,4,5 more");
		await Promise.all([shown.loadOlder(), shown.loadOlder()]);
		await shows("1,2,3,4,5");
		await shown.publish("chat", 6);
		await shows("1,2,3,4,5,6");
		await shown.update(shown.messages[0].id, 10);
		await shown.remove(shown.messages[1].id);
		await shows("10,3,4,5,6");
		await client.channel("room").publish("chat", "not shown: the server tells the others only");
	`)
	s.keep("room", 7)
	run[any](p, `await shows("10,3,4,5,6,7")`)
	other := b.openClient("Pam", s.url, editor)
	run[any](other, `
		const room = client.channel("room");
		await room.subscribe();
		const { messages } = await room.listMessages();
		await room.updateMessage(messages[1].id, 30);
		await room.deleteMessage(messages[2].id);
	`)
	run[any](p, `await shows("10,30,5,6,7")`)

	// What was missed is more than the server has to catch up with: all is loaded again.
	p.expectBrokenLinks()
	link.cut()
	p.until("the link is lost", `() => client.state !== "open"`)
	s.keep("room", 8, 9, 10, 11)
	link.mend()
	run[any](p, `await shows("10,30,5,6,not shown: the server tells the others only,7,8,9,10,11")`)
	got := run[string](p, `
		unmount();
		await client.call("none").catch(() => {});
		return JSON.stringify([client.channel("room").active, errors]);
	`)
	want(t, "after it is unmounted", got, `[false, []]`)
}

// TestReactMounts: components that come and go share a channel, and disturb nobody.
func TestReactMounts(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	pam := b.openClient("Pam", s.url, claimsOf("Pam", "presence.team"))
	run[any](pam, `
		globalThis.team = client.channel("presence.team");
		globalThis.changes = [];
		team.on("members", (members, { kind }) => changes.push(kind));
		await team.subscribe();
	`)
	p := b.openReact("Jim", s.url, claimsOf("Jim", "presence.team", "room"))
	p.expectFailures()
	got := run[string](p, `
		let toggle, key = 0;
		const Members = () => {
			useMessages("room"); // which may be unmounted while it loads history
			return usePresence("presence.team").members.map(({ uid }) => uid).join();
		};
		const App = () => {
			const [place, setPlace] = useState(0);
			toggle = setPlace;
			return [h(Members, { key: "a" + place }), "; ", place % 2 ? h(Members, { key: "b" + place }) : "nobody"];
		};
		const unmount = mount(client, App);
		await shows("Pam,Jim; nobody");
		for (let n = 1; n <= 1000; n++) {
			flushSync(() => toggle(n));
			if (n % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
		}
		await shows("Pam,Jim; nobody");
		flushSync(() => toggle(1001));
		await shows("Pam,Jim; Pam,Jim");
		flushSync(() => toggle(1002)); // one leaves, the other goes on
		await shows("Pam,Jim; nobody");
		await client.call("none").catch(() => {});
		const active = client.channel("presence.team").active;
		unmount();
		await until(() => !client.channel("presence.team").active);
		return JSON.stringify([active, errors]);
	`)
	want(t, "Jim", got, `[true, []]`)
	got = run[string](pam, `
		await until(() => team.members.length === 1);
		return JSON.stringify(changes);
	`)
	want(t, "what Pam saw", got, `["all", "added", "removed"]`)
}

// TestReactHooks: errors, providers, storage, calls and the connection.
func TestReactHooks(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	s.rt.Handle("double", hotsock.Typed(func(_ context.Context, _ hotsock.Call, n int) (int, error) { return 2 * n, nil }))
	claims := `{"uid":"Jim","calls":{"double":true},"channels":{"room":{"subscribe":true,"storage":{"k":{"get":true,"set":true,"observe":true}}},"gone":{"subscribe":true}}}`
	p := b.openReact("Jim", s.url, claims)
	p.expectFailures()
	got := run[string](p, `
		const [pam, without] = args;
		const Inner = () => useChannel("room").channel.meta?.uid ?? "nobody";
		const other = new hotsock.Client({ token: pam });
		other.connect();
		await other.channel("room").subscribe();
		let stored, doubled, nowhere;
		const App = () => {
			const denied = useChannel("forbidden");
			const gone = useChannel("gone");
			const none = useChannel("");
			stored = useStorage("room", "k");
			doubled = useCall("double");
			nowhere = useCall("double", { channel: null });
			const { state } = useConnection();
			return [
				[denied.error?.code, gone.error?.code ?? gone.active, none.active, stored.data, doubled.pending || doubled.result, doubled.error?.code, state].join(" "),
				" ", h(HotsockProvider, { client: other, key: "other" }, h(Inner)),
			];
		};
		const unmount = mount(client, App);
		await shows("SUBSCRIBE_PERMISSION_DENIED true false    open Pam");
		await stored.set(1);
		await shows("SUBSCRIBE_PERMISSION_DENIED true false 1   open Pam");
		await stored.update((n) => n + 1);
		await shows("SUBSCRIBE_PERMISSION_DENIED true false 2   open Pam");
		const results = [await doubled.call(21)];
		await shows("SUBSCRIBE_PERMISSION_DENIED true false 2 42  open Pam");
		results.push(await codeOf(doubled.call("x")), await nowhere.call(21).catch(({ message }) => message));
		await shows("SUBSCRIBE_PERMISSION_DENIED true false 2  INVALID_PARAMS open Pam");
		await client.refresh(without);
		await shows("SUBSCRIBE_PERMISSION_DENIED NOT_SUBSCRIBED false 2  INVALID_PARAMS open Pam");
		await stored.set(null);
		await shows("SUBSCRIBE_PERMISSION_DENIED NOT_SUBSCRIBED false   INVALID_PARAMS open Pam");
		client.close();
		await shows("SUBSCRIBE_PERMISSION_DENIED NOT_SUBSCRIBED false   INVALID_PARAMS closed Pam");
		unmount();

		// As on a server, where nothing is mounted.
		const Page = () => {
			const { messages, loading } = useMessages("room");
			return [usePresence("room").members.length, messages.length, loading, useConnection().state].join();
		};
		results.push(framework.renderToString(h(HotsockProvider, { client: new hotsock.Client() }, h(Page))));
		return JSON.stringify([results, errors]);
	`, signed(t, "connect", claimsOf("Pam", "room")),
		signed(t, "connect", `{"uid":"Jim","channels":{"room":{"subscribe":true,"storage":{"k":{"get":true,"set":true,"observe":true}}}}}`))
	want(t, "hooks", got, `[[42, "INVALID_PARAMS", "There is no channel.", "0,0,true,closed"], []]`)
}

// TestVueAndSvelte: the recipes of the guide.
func TestVueAndSvelte(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	s.keep("room", 1, 2, 3)
	vue := b.openFramework("Jim", s.url, "vue", editor)
	svelte := b.openFramework("Pam", s.url, "svelte", editor)
	run[any](vue, `
		const { createApp, h, useMessages } = framework;
		const Room = {
			setup() {
				globalThis.room = useMessages(client, "room", { event: "chat", limit: 2 });
				const denied = useMessages(client, "forbidden");
				return () => h("p", room.shown.value.messages.map((m) => m.data).join() + " " + denied.refused.value?.code);
			},
		};
		globalThis.app = createApp(Room);
		app.mount("#app");
		await shows("2,3 SUBSCRIBE_PERMISSION_DENIED");
		await room.loadOlder();
		await shows("1,2,3 SUBSCRIBE_PERMISSION_DENIED");
	`)
	run[any](svelte, `
		globalThis.room = framework.messagesOf(client, "room", { event: "chat", limit: 2 });
		const denied = framework.messagesOf(client, "forbidden");
		globalThis.ends = [room.subscribe((value) => (globalThis.shown = value)), denied.subscribe((value) => (globalThis.other = value))];
		await until(() => shown.messages.length === 2 && other.refused?.code === "SUBSCRIBE_PERMISSION_DENIED");
		await room.publish("chat", 4);
	`)
	run[any](vue, `
		await shows("1,2,3,4 SUBSCRIBE_PERMISSION_DENIED");
		await room.publish("chat", 5);
		app.unmount();
		await until(() => !client.channel("room").active);
	`)
	got := run[string](svelte, `
		await until(() => shown.messages.length === 4);
		for (const end of ends) end();
		await until(() => !client.channel("room").active);
		return JSON.stringify(shown.messages.map((m) => m.data));
	`)
	want(t, "Svelte", got, `[2, 3, 4, 5]`)
}
