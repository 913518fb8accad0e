package browsertest

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// TestClientHangingAttempt: when the browser says that things have changed, an
// attempt that hangs is not waited for.
func TestClientHangingAttempt(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{testKey.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	var attempts, hanging atomic.Int64
	s := &site{t: t}
	s.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/rt/" {
			if attempts.Add(1); hanging.Add(-1) >= 0 {
				<-r.Context().Done()
				return
			}
		}
		rt.ServeHTTP(w, r)
	}))
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	p.expectBrokenLinks()
	for _, event := range []string{
		`document.dispatchEvent(new Event("visibilitychange"))`,
		`document.dispatchEvent(new Event("resume"))`,
		`dispatchEvent(new Event("online"))`,
		`dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))`,
	} {
		before := attempts.Load()
		hanging.Store(1)
		got := run[int](p, `
			const client = new hotsock.Client({ token: args[0] });
			client.connect();
			await new Promise((resolve) => setTimeout(resolve, 1500));
			const { state } = client, start = performance.now();
			`+event+`;
			await until(() => client.state === "open");
			client.close();
			return state === "connecting" ? performance.now() - start | 0 : -1;
		`, signed(t, "connect", `{}`))
		if n := attempts.Load() - before; got < 0 || got > 10_000 || n != 2 {
			t.Errorf("%s: connected %d ms later, at attempt %d", event, got, n)
		}
	}
	// An attempt that has only begun goes on.
	before := attempts.Load()
	run[any](p, `
		const client = new hotsock.Client({ token: args[0] });
		client.connect();
		document.dispatchEvent(new Event("visibilitychange"));
		dispatchEvent(new PageTransitionEvent("pageshow"));
		await until(() => client.state === "open");
		client.close();
	`, signed(t, "connect", `{}`))
	if n := attempts.Load() - before; n != 1 {
		t.Errorf("an attempt that had only begun was made %d times", n)
	}
}

// TestClientBusyPage: answers that have arrived while the page did nothing count,
// though they are late.
func TestClientBusyPage(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, `{}`)
	p.expectBrokenLinks()
	got := run[string](p, `
		const own = new hotsock.Client({ token: args[0], timeout: 500 });
		const seen = record(own, "state");
		own.connect();
		await own.channel("room").subscribe();
		const asked = [];
		for (let i = 0; i < 10; i++) {
			const answers = [codeOf(own.channel("room").publish("chat", i)), codeOf(own.channel("room").info())];
			await null; // The request is made.
			for (const end = performance.now() + 2000; performance.now() < end; );
			asked.push(...(await Promise.all(answers)));
		}
		return JSON.stringify([asked.filter((code) => code !== ""), seen.length]);
	`, signed(t, "connect", claimsOf("Jim", "room")))
	want(t, "the outcomes", got, `[[], 2]`)
}

// TestClientSilentTokenFunction: a function that gives no token is not waited
// for, neither for the connection nor for a channel.
func TestClientSilentTokenFunction(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, claimsOf("Jim", "room"))
	got := run[string](p, `
		const { setTimeout } = globalThis;
		globalThis.setTimeout = (f, ms) => setTimeout(f, ms / 10);
		let calls = 0;
		const ready = client.channel("room").subscribe({ token: () => ++calls === 1 ? new Promise(() => {}) : args[0] });
		const other = new hotsock.Client({ token: () => new Promise(() => {}) });
		other.connect();
		await until(() => other.state === "waiting");
		await ready;
		globalThis.setTimeout = setTimeout;
		return JSON.stringify([errors, calls, client.state]);
	`, s.token("subscribe", claimsOf("Jim", "room")))
	want(t, "what came", got, `[[["error", "NO_TOKEN"]], 2, "open"]`)
}

// TestClientStrictMode: React mounts, unmounts and mounts a component at once.
func TestClientStrictMode(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, claimsOf("Jim", "room", "left"))
	got := run[string](p, `
		const room = client.channel("room"), left = client.channel("left");
		const seen = record(room, "subscribed", "unsubscribed", "message");
		const outcomes = [codeOf(room.subscribe())];
		room.unsubscribe();
		outcomes.push(codeOf(room.subscribe()), codeOf(left.subscribe()));
		left.unsubscribe();
		await room.publish("echoed", 1);
		await until(() => seen.length === 2);
		return JSON.stringify([await Promise.all(outcomes), room.active, left.active, seen.map(([type]) => type), errors]);
	`)
	want(t, "what came", got, `[["", "", "NOT_SUBSCRIBED"], true, false, ["subscribed", "message"], []]`)
}
