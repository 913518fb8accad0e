package browsertest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

// TestClientTurns: which kind of socket an attempt is made with. Each attempt is of one
// kind, so a server that is away is asked no more often than without a second one.
func TestClientTurns(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	run[any](p, `
		const { setTimeout } = globalThis;
		globalThis.setTimeout = (f, ms) => setTimeout(f, ms / 100);
		const now = performance.now.bind(performance);
		let later = 0;
		performance.now = () => now() + later;
		// The fates of attempts: - fails, C is closed with a code, + is connected and breaks,
		// L breaks after a minute, N breaks because the network is another one; M is connected
		// and carries nothing more, S stays.
		globalThis.turnsOf = async (fates, kinds = "WF") => {
			const turns = [];
			const kind = (name) => class {
				bufferedAmount = 0;
				readyState = 1;
				constructor() {
					this.fate = fates[turns.push(name) - 1];
					setTimeout(() => {
						const { fate } = this;
						if (fate === "L") later += 60_000;
						const data = { connectionId: "c", connectionSecret: "s" };
						if ("+LNMS".includes(fate)) this.onmessage({ data: JSON.stringify({ event: "hotsock.connected", data, meta: {} }) });
						if (fate === "N") dispatchEvent(new Event("online"));
						if (!"MS".includes(fate)) this.end(fate === "C" ? 1013 : 1006);
					}, 1);
				}
				send(text) {
					const data = JSON.stringify({ event: "hotsock.pong", data: {}, ref: JSON.parse(text).ref });
					if (this.fate === "S") setTimeout(() => this.onmessage?.({ data }), 1);
				}
				close() { setTimeout(() => this.end(1006), 1); }
				end(code) { this.onclose?.({ code, reason: "" }); }
			};
			const client = new hotsock.Client({ sockets: [...kinds].map(kind) });
			client.connect();
			await until(() => turns.length >= fates.length);
			client.close();
			return turns.slice(0, fates.length).join("");
		};
	`)
	for _, tt := range []struct{ why, fates, kinds, want string }{
		{"nothing gets through", "-----", "WF", "WFWFW"},
		{"nothing gets through where a WebSocket did: the server is away", "+--------", "WF", "WWWWFWWWF"},
		{"a server restarts", "+--+--+", "WF", "WWWWWWW"},
		{"a WebSocket gets through, and the server closes it", "CC-C-", "WF", "WWWFW"},
		{"no WebSocket gets through, and what does breaks", "-+++", "WF", "WFFF"},
		{"the other kind does not get through any more", "-+-+", "WF", "WFFW"},
		{"it breaks when a WebSocket may be tried again", "-L-+", "WF", "WFWF"},
		{"it breaks because the network is another one", "-N-+", "WF", "WFWF"},
		{"a WebSocket carries nothing but its first frame", "M+", "WF", "WF"},
		{"the same where one did get through", "+M+", "WF", "WWF"},
		{"neither kind carries anything else", "MMM", "WF", "WFW"},
		{"one that is tried later carries nothing else, the next one does", "-SMS", "WF", "WFWW"},
		{"there is only one kind", "-+--", "W", "WWWW"},
		{"there are three", "-----", "WFX", "WFXWF"},
	} {
		if got := run[string](p, `return turnsOf(args[0], args[1])`, tt.fates, tt.kinds); got != tt.want {
			t.Errorf("%s: the attempts are %s, want %s", tt.why, got, tt.want)
		}
	}
}

// TestClientGoesBack: a client that has fallen back goes back to a WebSocket when one gets
// through. It tries that beside its connection, and not while anything is under way.
func TestClientGoesBack(t *testing.T) {
	t.Parallel()
	var open atomic.Bool
	b, s := startBrowser(t), startGateway(t, hotsock.Options{}, &open)
	release := make(chan struct{}, 2)
	s.rt.Handle("wait", func(ctx context.Context, _ hotsock.Call) (any, error) {
		select {
		case <-release:
			return "done", nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	p.expectFailures()
	p.expectBrokenLinks()
	run[any](p, `
		const { setTimeout, WebSocket } = globalThis;
		Object.assign(globalThis, { looks: 0, tries: 0, asked: 0, onTry: null });
		// A timer this long is of the next look at whether a WebSocket may be tried.
		globalThis.setTimeout = (f, ms) => setTimeout(ms > 20_000 ? () => (looks++, f()) : f, ms > 20_000 ? 50 : ms);
		globalThis.WebSocket = class extends WebSocket { constructor(...of) { super(...of); tries++; onTry?.(); } };
		globalThis.client = new hotsock.Client({ token: async () => (asked++, args[0]), heartbeat: 0 });
		globalThis.errors = record(client, "error");
		globalThis.states = record(client, "state");
		globalThis.room = client.channel("room");
		globalThis.seen = record(room, "message", "subscribed");
		client.connect();
		await room.subscribe();
		globalThis.first = client.connectionId;
		globalThis.call = () => client.call("wait").catch(({ code }) => code);
		globalThis.looksOn = async () => {
			const more = looks + 3;
			await until(() => looks >= more || client.connectionId !== first);
			return client.connectionId === first;
		};
		await until(() => tries >= 4);
	`, signed(t, "connect", strings.Replace(claimsOf("Jim", "room"), "{", `{"calls":{"wait":true},`, 1)))
	want(t, "while no WebSocket gets through", run[string](p, `
		return JSON.stringify([client.connectionId === first, states.map(([, state]) => state), asked - tries]);
	`), `[true, ["connecting", "waiting", "connecting", "open"], 1]`)

	// A call is under way before the gateway opens: no token is asked for, either.
	run[any](p, `globalThis.outcome = call();`)
	open.Store(true)
	want(t, "during a call", run[string](p, `
		const { asked } = globalThis;
		return JSON.stringify([await looksOn(), globalThis.asked - asked]);
	`), `[true, 0]`)
	// Another call begins while a WebSocket is tried.
	run[any](p, `onTry = () => { onTry = null; globalThis.another = call(); };`)
	release <- struct{}{}
	want(t, "when a call has begun meanwhile", run[string](p, `
		const result = await outcome;
		await until(() => onTry === null);
		return JSON.stringify([result, await looksOn()]);
	`), `["done", true]`)
	await.That(t, "what was tried is closed", func() bool { return s.rt.Stats().Connections == 1 })
	release <- struct{}{}
	for n := range 300 {
		s.publish("room", "n", n)
	}
	got := run[string](p, `
		const result = await another;
		await until(() => client.connectionId && client.connectionId !== first && room.active && seen.filter(([type]) => type === "message").length === 300);
		const numbers = seen.filter(([type]) => type === "message").map(([, { data }]) => data);
		const recovered = seen.filter(([type]) => type === "subscribed").map(([, e]) => e.recovered);
		return JSON.stringify([result, numbers.every((data, n) => data === n), recovered, states.slice(4).map(([, state]) => state), errors]);
	`)
	want(t, "after it", got, `["done", true, [null, true], ["connecting", "open"], []]`)
	await.That(t, "the old connection is closed", func() bool { return s.rt.Stats().Connections == 1 })
	// A WebSocket it is: the gateway closes, and this stays.
	open.Store(false)
	want(t, "the answer", run[string](p, `return JSON.stringify(await codeOf(room.publish("chat", 1)))`), `""`)
	run[any](p, `client.close()`)
	await.That(t, "nothing is left", func() bool { return s.rt.Stats().Connections == 0 })
}

// TestClientNoUpgrade: whatever a proxy makes of an upgrade, the second attempt gets through.
func TestClientNoUpgrade(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{testKey.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	answer := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<p>Not here.</p>", status) }
	}
	for _, tt := range []struct {
		why     string
		upgrade http.HandlerFunc
	}{
		{"it takes it for any request", answer(http.StatusOK)},
		{"it forbids it", answer(http.StatusForbidden)},
		{"it does not get it from the server", answer(http.StatusBadGateway)},
		{"it leaves it unanswered", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{"it lets it through, and nothing else", func(w http.ResponseWriter, r *http.Request) {
			ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"hotsock"}})
			if err != nil {
				t.Error(err)
				return
			}
			<-ws.CloseRead(r.Context()).Done()
		}},
	} {
		s := &site{t: t, rt: rt}
		s.serve(upgradesTo(tt.upgrade, rt))
		p := b.open("Jim", s.url)
		p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
		p.expectBrokenLinks()
		got := run[string](p, `
			const { setTimeout } = globalThis;
			let patience = 1001; // of the first attempt
			globalThis.setTimeout = (f, ms) => {
				if (ms === 15_000) [ms, patience] = [patience, ms];
				return setTimeout(f, ms <= 1000 ? ms / 10 : ms);
			};
			const client = new hotsock.Client({ token: args[0], heartbeat: 0 });
			const states = record(client, "state");
			client.connect();
			await client.channel("room").subscribe();
			client.close();
			return JSON.stringify(states.map(([, state]) => state));
		`, signed(t, "connect", claimsOf("Jim", "room")))
		want(t, tt.why, got, `["connecting", "waiting", "connecting", "open", "closed"]`)
	}
}

// TestClientTokenRefused: a server that refuses the token refuses it for all kinds of sockets.
func TestClientTokenRefused(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{testKey.Key()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	var mu sync.Mutex
	attempts := make(map[string]string) // by row
	note := func(r *http.Request, kind string) {
		mu.Lock()
		defer mu.Unlock()
		attempts[r.URL.Query().Get("row")] += kind
	}
	s := &site{t: t, rt: rt}
	s.serve(upgradesTo(func(w http.ResponseWriter, r *http.Request) {
		note(r, "W")
		rt.ServeHTTP(w, r)
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stream") {
			note(r, "F")
		}
		rt.ServeHTTP(w, r)
	})))
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	p.expectFailures()
	p.expectBrokenLinks()
	good := signed(t, "connect", claimsOf("Jim", "room"))
	goodLater := signed(t, "connect", fmt.Sprintf(`{"nbf":%d}`, time.Now().Add(30*time.Minute).Unix()))
	for _, tt := range []struct{ why, token, attempts, want string }{
		{"nobody gets another one", `"no"`, "WF", `["closed", "UNAUTHORIZED", 0]`},
		{"it is good later", `args[1]`, "WFWF", `["connecting", "NOT_CONNECTED", 0]`},
		{"the next ones are as bad", `() => (++asked < 5 ? "no" : args[0])`, "WFWFW", `["open", "", 5]`},
		{"the app decides by itself, and may do so otherwise later", `undefined`, "WFWF", `["connecting", "NOT_CONNECTED", 0]`},
	} {
		got := run[string](p, `
			const { setTimeout } = globalThis;
			globalThis.setTimeout = (f, ms) => setTimeout(f, ms <= 8000 ? ms / 50 : ms);
			let asked = 0;
			const client = new hotsock.Client({ token: `+tt.token+`, heartbeat: 0, url: "/rt?row=" + encodeURIComponent(args[2]) });
			const states = record(client, "state");
			client.connect();
			await until(() => ["open", "closed"].includes(client.state) || states.filter(([, state]) => state === "connecting").length > 5);
			globalThis.setTimeout = setTimeout;
			const { state, failure } = client;
			client.close();
			return JSON.stringify([state, failure?.code ?? "", asked]);
		`, good, goodLater, tt.token)
		want(t, tt.why, got, tt.want)
		mu.Lock()
		if got := attempts[tt.token]; !strings.HasPrefix(got, tt.attempts) {
			t.Errorf("%s: the attempts were %s, want %s first", tt.why, got, tt.attempts)
		}
		mu.Unlock()
	}
}

// upgradesTo has another handler answer upgrades.
func upgradesTo(upgrade http.HandlerFunc, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			upgrade(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}
