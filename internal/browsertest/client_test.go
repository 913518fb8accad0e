package browsertest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock"
)

// everything permits all that there is to do in a channel called room.
const everything = `{
	"subscribe": true, "getInfo": true, "historyStart": 0,
	"messages": {
		"chat": {"publish": true, "store": 3600, "react": true, "scheduleBefore": 4000000000},
		"echoed": {"publish": true, "echo": true},
		"hotsock.messageReaction": {"echo": true}
	},
	"storage": {"*": {"get": true, "set": true, "observe": true, "scheduleBefore": 4000000000}}
}`

func claimsOf(uid string, channels ...string) string {
	var all []string
	for _, c := range channels {
		all = append(all, `"`+c+`":`+everything)
	}
	return `{"uid":"` + uid + `","umd":{"name":"` + uid + `"},"channels":{` + strings.Join(all, ",") + `}}`
}

// want compares what a page has with the same as JSON.
func want(t *testing.T, what, got, wanted string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%s: %v in %s", what, err, got)
	}
	if err := json.Unmarshal([]byte(wanted), &w); err != nil {
		t.Fatalf("%s: %v in %s", what, err, wanted)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestClientMessages(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	jim, pam := b.openClient("Jim", s.url, claimsOf("Jim", "room")), b.openClient("Pam", s.url, claimsOf("Pam", "room"))
	const join = `
		globalThis.room = client.channel("room");
		globalThis.seen = record(room, "message:chat", "message");
		await room.subscribe();
	`
	run[any](jim, join)
	run[any](pam, join)
	got := run[string](jim, `
		const first = room.publish("chat", { n: 1 }), second = room.publish("chat");
		await room.publish("echoed", "back");
		const ids = [(await first).id, (await second).id];
		const codes = [
			await codeOf(room.publish("forbidden")),
			await codeOf(room.publish("chat", "x".repeat(33 * 1024))),
			await codeOf(client.channel("other").publish("chat")),
			await codeOf(room.publish("chat", 1n)),
		];
		await until(() => seen.length > 0);
		return JSON.stringify({
			ordered: ids[0] < ids[1], recent: Math.abs(hotsock.timeOf(ids[0]) - Date.now()) < 60000, codes,
			seen: seen.map(([type, m]) => [type, m.data, m.meta.uid]), last: room.lastId === seen[0][1].id,
		});
	`)
	want(t, "Jim", got, `{
		"ordered": true, "recent": true,
		"codes": ["PUBLISH_PERMISSION_DENIED", "PAYLOAD_TOO_LARGE", "PUBLISH_PERMISSION_DENIED", "TypeError: Do not know how to serialize a BigInt"],
		"seen": [["message", "back", "Jim"]], "last": true
	}`)
	s.publish("room", "chat", "from the server")
	got = run[string](pam, `
		await until(() => seen.length === 7);
		return JSON.stringify(seen.map(([type, m]) => [type, m.event, m.channel, m.data, m.meta]));
	`)
	jimIs := `{"uid":"Jim","umd":{"name":"Jim"}}`
	want(t, "Pam", got, `[
		["message","chat","room",{"n":1},`+jimIs+`], ["message:chat","chat","room",{"n":1},`+jimIs+`],
		["message","chat","room",null,`+jimIs+`], ["message:chat","chat","room",null,`+jimIs+`],
		["message","echoed","room","back",`+jimIs+`],
		["message","chat","room","from the server",null], ["message:chat","chat","room","from the server",null]
	]`)

	// What nobody waits for is sent all the same, and refused loudly.
	got = run[string](jim, `
		const sent = [room.send("chat", "lost?"), room.send("forbidden")];
		await until(() => errors.length > 0);
		room.unsubscribe();
		await null;
		sent.push(await codeOf(room.publish("chat")), room.active);
		return JSON.stringify([...sent, errors]);
	`)
	want(t, "sent", got, `[true, true, "NOT_SUBSCRIBED", false, [["error", "PUBLISH_PERMISSION_DENIED"]]]`)
	run[any](pam, `await until(() => seen.at(-1)[1].data === "lost?")`)
}

func TestClientListeners(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, claimsOf("Jim", "room"))
	got := run[string](p, `
		const calls = [], problems = [];
		addEventListener("error", (e) => { problems.push(e.error.message); e.preventDefault(); });
		const room = client.channel("room");
		const off = room.on("message", () => calls.push("off"));
		room.on("message", () => { throw new Error("a mistake of the page"); });
		const twice = () => calls.push("twice");
		room.on("message", twice);
		room.on("message", twice);
		await room.subscribe();
		await room.publish("echoed");
		await until(() => calls.length === 3);
		off();
		await room.publish("echoed");
		await until(() => calls.length === 5);
		return JSON.stringify({ calls, problems, same: client.channel("room") === room, state: client.state });
	`)
	want(t, "listeners", got, `{
		"calls": ["off", "twice", "twice", "twice", "twice"],
		"problems": ["a mistake of the page", "a mistake of the page"], "same": true, "state": "open"
	}`)
}

func TestClientPresence(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	channels := `{"presence.*":{"subscribe":true}}`
	jim := b.openClient("Jim", s.url, `{"uid":"Jim","channels":`+channels+`}`)
	pam := b.openClient("Pam", s.url, `{"uid":"Pam","umd":1,"channels":`+channels+`}`)
	run[any](jim, `
		globalThis.seen = record(client.channel("presence.x"), "members");
		await client.channel("presence.x").subscribe();
	`)
	got := run[string](pam, `
		const channel = client.channel("presence.x");
		await channel.subscribe();
		await channel.umdUpdate(args[0]);
		await until(() => channel.members[1].umd === 2);
		channel.unsubscribe();
		await null;
		return JSON.stringify([channel.members, channel.meta]);
	`, s.token("umd", `{"uid":"Pam","umd":2,"channels":{"presence.x":{"umdUpdate":true}}}`))
	want(t, "Pam", got, `[[], {"uid":"Pam","umd":1}]`)
	got = run[string](jim, `
		await until(() => seen.length === 4);
		return JSON.stringify([seen, client.channel("presence.x").members]);
	`)
	want(t, "Jim", got, `[[
		["members", [{"uid":"Jim","umd":null}], {"kind":"all"}],
		["members", [{"uid":"Jim","umd":null},{"uid":"Pam","umd":1}], {"kind":"added","member":{"uid":"Pam","umd":1}}],
		["members", [{"uid":"Jim","umd":null},{"uid":"Pam","umd":2}], {"kind":"updated","member":{"uid":"Pam","umd":2}}],
		["members", [{"uid":"Jim","umd":null}], {"kind":"removed","member":{"uid":"Pam","umd":2}}]
	], [{"uid":"Jim","umd":null}]]`)
}

func TestClientStorage(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	jim, pam := b.openClient("Jim", s.url, claimsOf("Jim", "room")), b.openClient("Pam", s.url, claimsOf("Pam", "room"))
	run[any](pam, `
		const room = client.channel("room");
		await room.set("before", [1]); // no subscription is needed
		globalThis.seen = record(room, "storage");
		await room.subscribe();
	`)
	jim.expectFailures()
	got := run[string](jim, `
		const room = client.channel("room");
		await room.set("topic", "tea");
		await room.set("topic", null);
		const keys = Array.from({ length: 120 }, (_, i) => "key." + String(i).padStart(3, "0"));
		await Promise.all(keys.map((key) => room.set(key, key)));
		const { scheduleArn } = await room.set("later", 1, { at: Date.now() + 60_000 });
		await client.cancelSchedule(scheduleArn);
		const entries = await all(room.entries());
		return JSON.stringify([
			await room.get("before"), await room.get("topic"), entries.length, entries[1].key === "key.000",
			await all(room.entries({ keys: ["before", "nothing"] })),
			await codeOf(client.channel("other").get("x")), await codeOf(client.cancelSchedule(scheduleArn)),
		]);
	`)
	pamIs := `{"uid":"Pam","umd":{"name":"Pam"}}`
	want(t, "Jim", got, `[[1], null, 121, true, [{"key":"before","data":[1],"meta":`+pamIs+`}],
		"STORAGE_PERMISSION_DENIED", "SCHEDULE_NOT_FOUND"]`)
	got = run[string](pam, `
		await until(() => client.channel("room").storage.size === 121);
		return JSON.stringify([seen.slice(0, 3), client.channel("room").storage.get("key.007").data]);
	`)
	jimIs := `{"uid":"Jim","umd":{"name":"Jim"}}`
	want(t, "Pam", got, `[[
		["storage", {"key":"before","data":[1],"meta":`+pamIs+`}],
		["storage", {"key":"topic","data":"tea","meta":`+jimIs+`}],
		["storage", {"key":"topic","data":null,"meta":`+jimIs+`}]
	], "key.007"]`)
}

func TestClientHistory(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, claimsOf("Jim", "room"))
	p.expectFailures()
	got := run[string](p, `
		const room = client.channel("room");
		await room.subscribe();
		const ids = [];
		for (let i = 0; i < 230; i++) ids.push(room.publish("chat", i));
		const first = (await ids[0]).id;
		await room.react(first, "👍");
		await room.react(first, "🎉");
		await room.unreact(first, "👍");
		await Promise.all(ids);
		const numbers = async (options) => (await all(room.history(options))).map((m) => m.data);
		const up = await numbers(), down = await numbers({ reverse: true });
		const page = await room.listMessages({ reverse: true, before: (await ids[50]).id, expandReactions: true });
		const firstOfMany = [];
		for await (const m of room.history()) if (firstOfMany.push(m.data) === 2) break;
		return JSON.stringify({
			up: up.length === 230 && up.every((n, i) => n === i),
			down: down.every((n, i) => n === 229 - i),
			after: await numbers({ after: (await ids[227]).id }), firstOfMany,
			page: [page.messages.length, page.more, page.messages.at(-1).reactions],
			full: (await room.listMessages()).more, reactions: await room.reactions(first),
			none: await codeOf(client.channel("other").listMessages()), info: await room.info(),
		});
	`)
	want(t, "history", got, `{
		"up": true, "down": true, "after": [228, 229], "firstOfMany": [0, 1],
		"page": [50, false, {"🎉": {"count": 1, "items": [{"uid": "Jim", "umd": {"name": "Jim"}}]}}], "full": true,
		"reactions": [{"reaction": "🎉", "uid": "Jim", "umd": {"name": "Jim"}}],
		"none": "NOT_SUBSCRIBED", "info": {"channel": "room", "subscriptionsCount": 1}
	}`)
}

func TestClientReactions(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, claimsOf("Jim", "room"))
	got := run[string](p, `
		const room = client.channel("room");
		const seen = record(room, "reaction");
		await room.subscribe();
		const { id } = await room.publish("chat");
		await room.react(id, "👍");
		await room.unreact(id, "👍");
		await until(() => seen.length === 2);
		return JSON.stringify([
			seen.map(([, r]) => [r.messageId === id, r.id > id, r.reaction, r.action, r.meta.uid]),
			await codeOf(room.react("01JA3HVNF6E89HDT1ABRFWJ8C8", "👍")),
		]);
	`)
	want(t, "reactions", got, `[[[true, true, "👍", "add", "Jim"], [true, true, "👍", "remove", "Jim"]], "MESSAGE_NOT_FOUND"]`)
}

func TestClientSchedules(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	jim, pam := b.openClient("Jim", s.url, claimsOf("Jim", "room")), b.openClient("Pam", s.url, claimsOf("Pam", "room"))
	run[any](pam, `
		globalThis.seen = record(client.channel("room"), "message");
		await client.channel("room").subscribe();
	`)
	jim.expectFailures()
	got := run[string](jim, `
		const room = client.channel("room");
		await room.subscribe();
		const second = Math.ceil(Date.now() / 1000) * 1000 + 1000;
		const sent = [
			await room.publish("chat", "soon", { at: new Date(second) }),
			await room.publish("chat", "never", { at: second + 86_400_000 }),
			await room.publish("chat", "in New York", { at: "2090-07-24T09:00:00", timeZone: "America/New_York" }),
		];
		await client.cancelSchedule(sent[1].scheduleArn);
		return JSON.stringify([
			sent.every((s) => s.scheduleArn.startsWith("arn:")), sent.some((s) => s.id),
			await codeOf(client.cancelSchedule(sent[1].scheduleArn)),
			(await all(room.schedules())).map((s) => [sent.some(({ scheduleArn }) => scheduleArn === s.scheduleArn), s.due.slice(0, 4) > "2089", s.event, s.data]),
			await codeOf(room.publish("chat", 1, { at: "tea time" })), await codeOf(room.publish("chat", 1, { at: 0 })),
			await codeOf(room.publish("echoed", 1, { at: second + 1000 })),
		]);
	`)
	want(t, "schedules", got, `[true, false, "SCHEDULE_NOT_FOUND", [[true, false, "chat", "soon"], [true, true, "chat", "in New York"]], "INVALID_SCHEDULE_EXPRESSION", "INVALID_SCHEDULE_EXPRESSION", "SCHEDULE_PERMISSION_DENIED"]`)
	run[any](pam, `await until(() => seen.length === 1 && seen[0][1].data === "soon")`)
	left, err := s.rt.Schedules(t.Context(), hotsock.ScheduleQuery{Channel: "room"})
	if err != nil {
		t.Fatal(err)
	}
	due := time.Date(2090, 7, 24, 13, 0, 0, 0, time.UTC)
	if len(left.Items) != 1 || !left.Items[0].Due.Equal(due) {
		t.Errorf("left are %+v, want one at %v", left, due)
	}
}
