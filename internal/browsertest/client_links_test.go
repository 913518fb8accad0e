package browsertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock"
)

// TestClientUnusedChannel: where nothing has happened, nothing was missed.
func TestClientUnusedChannel(t *testing.T) {
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	link := startLink(t, s.addr)
	p := b.openClient("Jim", "http://"+link.addr+"/", claimsOf("Jim", "room"))
	run[any](p, `
		globalThis.seen = record(client.channel("room"), "message", "subscribed");
		await client.channel("room").subscribe();
	`)
	p.expectBrokenLinks()
	for n := range 2 {
		link.cut()
		p.until("the link is lost", `() => client.state === "waiting"`)
		if n > 0 {
			s.publish("room", "n", n)
		}
		link.mend()
		p.until("it is subscribed again", fmt.Sprintf(`() => seen.length === %d`, 2+2*n))
	}
	got := run[string](p, `return JSON.stringify(seen.map(([type, e]) => [type, e.data ?? e.recovered]))`)
	want(t, "seen", got, `[["subscribed", null], ["subscribed", true], ["subscribed", true], ["message", 1]]`)
}

func TestClientCatchesUp(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{ReplayLimit: 50})
	link := startLink(t, s.addr)
	p := b.openClient("Jim", "http://"+link.addr+"/", claimsOf("Jim", "room"))
	run[any](p, `
		globalThis.room = client.channel("room");
		globalThis.seen = record(room, "message", "subscribed", "storage", "reaction");
		await room.subscribe();
		await room.set("kept", 1);
		await room.set("cleared", 1);
		await until(() => seen.length === 3);
	`)
	s.publish("room", "n", 1)
	run[any](p, `await until(() => seen.length === 4)`)
	p.expectBrokenLinks()
	link.cut()
	p.until("the link is lost", `() => client.state === "waiting" && client.retryAt > 0`)
	for n := 2; n <= 5; n++ {
		s.publish("room", "n", n)
	}
	if _, err := s.rt.SetStorage(t.Context(), hotsock.Entry{Channel: "room", Key: "cleared"}); err != nil {
		t.Fatal(err)
	}
	link.mend()
	got := run[string](p, `
		await until(() => seen.length === 11);
		return JSON.stringify(seen.slice(4).map(([type, e]) => type === "storage" ? [type, e.key, e.data] : [type, e.data ?? e.recovered]));
	`)
	// The pong that shows what is cleared comes a little later than the rest.
	want(t, "after a short time", got, `[["subscribed", true], ["storage", "kept", 1],
		["message", 2], ["message", 3], ["message", 4], ["message", 5], ["storage", "cleared", null]]`)

	link.cut()
	p.until("the link is lost", `() => client.state === "waiting"`)
	for n := range 60 { // more than can be caught up with
		s.publish("room", "n", 100+n)
	}
	link.mend()
	run[any](p, `await until(() => seen.at(-1)[1].key === "kept")`)
	s.publish("room", "n", 6)
	got = run[string](p, `
		await until(() => seen.at(-1)[1].data === 6);
		return JSON.stringify(seen.slice(11).map(([type, e]) => [type, e.data ?? e.recovered]));
	`)
	want(t, "after too much", got, `[["subscribed", false], ["storage", 1], ["message", 6]]`)
}

// TestClientOutcomes: when the link breaks, a publish is made again, and of the
// other commands it is said what is known.
func TestClientOutcomes(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	link := startLink(t, s.addr)
	p := b.openClient("Jim", "http://"+link.addr+"/", claimsOf("Jim", "room"))
	run[any](p, `
		globalThis.room = client.channel("room");
		globalThis.seen = record(room, "message");
		await room.subscribe();
	`)
	s.publish("room", "n", 0)
	run[any](p, `await until(() => seen.length === 1)`)
	p.expectBrokenLinks()
	link.stall()
	run[any](p, `
		globalThis.again = room.publish("chat", "again");
		globalThis.lostRead = codeOf(room.get("k"));
	`)
	link.cut()
	p.until("the link is lost", `() => client.state === "waiting"`)
	got := run[string](p, `
		globalThis.waiting = [room.publish("chat", "first"), room.publish("chat", "second"), room.listMessages()];
		return JSON.stringify([await lostRead, room.send("chat", "lost")]);
	`)
	want(t, "broken", got, `["NO_ANSWER", false]`)
	link.mend()
	got = run[string](p, `
		const [first, second, page] = await Promise.all(waiting);
		return JSON.stringify([(await again).id < first.id, first.id < second.id, Array.isArray(page.messages)]);
	`)
	want(t, "mended", got, `[true, true, true]`)
	history, err := s.rt.History(t.Context(), hotsock.HistoryQuery{Channel: "room"})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, m := range history.Items {
		texts = append(texts, string(m.Data))
	}
	if diff := cmp.Diff([]string{`"again"`, `"first"`, `"second"`}, texts); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}

	// Without any link, what waits does so for the client's timeout.
	link.cut()
	got = run[string](p, `
		const other = new hotsock.Client({ timeout: 50 });
		other.connect();
		const codes = [await codeOf(other.channel("room").publish("chat")), await codeOf(other.channel("room").info())];
		const subscribing = codeOf(other.channel("room").subscribe());
		other.close();
		return JSON.stringify([codes, await subscribing]);
	`)
	want(t, "no link", got, `[["NOT_CONNECTED", "NOT_CONNECTED"], "NOT_CONNECTED"]`)
}

// TestClientTokenFunction: a token is asked for at every attempt; what the app
// says is final ends it.
func TestClientTokenFunction(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{}`)
	got := run[string](p, `
		const asked = [];
		const other = new hotsock.Client({ token: async () => {
			asked.push(other.state);
			if (asked.length === 1) throw new Error("away");
			if (asked.length === 2) return args[0];
			throw new hotsock.HotsockError("UNAUTHORIZED", "You are banned.");
		} });
		const seen = record(other, "state", "error");
		other.connect();
		await until(() => other.state === "open");
		globalThis.other = other;
		globalThis.otherSeen = seen;
		return JSON.stringify([asked, seen]);
	`, s.token("connect", `{"uid":"banned"}`))
	want(t, "tokens", got, `[["connecting", "connecting"],
		[["state", "connecting"], ["state", "waiting"], ["state", "connecting"], ["state", "open"]]]`)
	if n, err := s.rt.DisconnectUser(t.Context(), "banned"); err != nil || n != 1 {
		t.Fatalf("disconnecting: %d, %v", n, err)
	}
	got = run[string](p, `
		await until(() => other.state === "closed");
		return JSON.stringify(otherSeen.slice(4));
	`)
	want(t, "banned", got, `[["state", "waiting"], ["state", "connecting"], ["state", "closed"], ["error", "UNAUTHORIZED"]]`)

	// A fixed token is tried again after the app has disconnected it, unless it says to
	// stay away; then a token function is not asked again, either.
	run[any](p, `
		globalThis.fixed = new hotsock.Client({ token: args[0] });
		fixed.connect();
		await until(() => fixed.state === "open");
	`, s.token("connect", `{"uid":"fixed"}`))
	run[any](p, `globalThis.fixedSeen = record(fixed, "state")`)
	if _, err := s.rt.DisconnectUser(t.Context(), "fixed", hotsock.Because("You have moved")); err != nil {
		t.Fatal(err)
	}
	got = run[string](p, `
		await until(() => fixed.state === "waiting");
		const reason = fixed.failure.reason;
		await until(() => fixed.state === "open");
		return JSON.stringify(reason);
	`)
	want(t, "come back", got, `"You have moved"`)
	run[any](p, `
		globalThis.asked = 0;
		globalThis.functional = new hotsock.Client({ token: async () => { asked++; return args[0]; } });
		functional.connect();
		await until(() => functional.state === "open");
	`, s.token("connect", `{"uid":"fixed"}`))
	if _, err := s.rt.DisconnectUser(t.Context(), "fixed", hotsock.Because("Closed"), hotsock.StayAway()); err != nil {
		t.Fatal(err)
	}
	got = run[string](p, `
		await until(() => fixed.state === "closed" && functional.state === "closed");
		return JSON.stringify([fixed.failure.code, fixed.failure.reason, functional.failure.reason, asked]);
	`)
	want(t, "stay away", got, `["UNAUTHORIZED","Closed","Closed",1]`)
}

// TestClientRefresh: with a fresh token, the connection goes on with what that permits.
func TestClientRefresh(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{}`)
	got := run[string](p, `
		const tokens = [args[0], args[1]];
		const other = new hotsock.Client({ token: async () => tokens.shift() });
		other.connect();
		await until(() => other.state === "open");
		const id = other.connectionId;
		const before = await codeOf(other.channel("late").subscribe());
		await other.refresh();
		await other.channel("late").subscribe();
		const bad = await codeOf(other.refresh("x"));
		return JSON.stringify([before, bad, other.connectionId === id]);
	`, s.token("connect", `{"uid":"Ann","channels":{}}`), s.token("connect", `{"uid":"Ann","channels":{"late":{"subscribe":true}}}`))
	want(t, "refreshing", got, `["SUBSCRIBE_PERMISSION_DENIED","UNAUTHORIZED",true]`)
}

// TestClientHeartbeats: with a heartbeat timeout in its token, the client keeps
// its connection.
func TestClientHeartbeats(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{}`)
	token := s.token("connect", `{"heartbeatTimeout":5}`)
	run[any](p, `
		globalThis.beating = new hotsock.Client({ token: args[0], heartbeat: 1000 });
		globalThis.silent = new hotsock.Client({ token: async () => args[0], heartbeat: 0 });
		globalThis.states = record(beating, "state");
		beating.connect();
		silent.connect();
	`, token)
	start := time.Now()
	p.until("the silent one was disconnected", `() => silent.state === "waiting"`)
	if d := time.Since(start); d < 4*time.Second {
		t.Errorf("it was disconnected after %v already", d)
	}
	got := run[string](p, `return JSON.stringify(states)`)
	want(t, "states", got, `[["state", "connecting"], ["state", "open"]]`)
}

// TestClientSpread: clients that lost their server at one moment do not come
// back at one moment.
func TestClientSpread(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	link := startLink(t, s.addr)
	p := b.openClient("Jim", "http://"+link.addr+"/", `{}`)
	run[any](p, `
		globalThis.crowd = Array.from({ length: 40 }, () => new hotsock.Client({ token: args[0] }));
		globalThis.delays = [];
		for (const one of crowd) {
			one.on("state", (state) => state === "waiting" && delays.push(one.retryAt - Date.now()));
			one.connect();
		}
		await until(() => crowd.every((one) => one.state === "open"));
	`, s.token("connect", `{}`))
	p.expectBrokenLinks()
	link.cut()
	delays := run[[]float64](p, `await until(() => delays.length >= 40); return delays.slice(0, 40);`)
	quarters := make([]int, 4)
	for _, d := range delays {
		if d < -50 || d > 2000 {
			t.Fatalf("a delay of %v ms", d)
		}
		quarters[min(3, max(0, int(d/250)))]++
	}
	for i, n := range quarters {
		if n == 0 {
			t.Errorf("of 40 clients none waits for %d to %d ms: %v", i*250, (i+1)*250, delays)
		}
	}
}
