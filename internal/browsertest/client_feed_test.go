package browsertest

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

// startGateway is a site behind a gateway that lets WebSockets through as long as open says so.
func startGateway(t *testing.T, opts hotsock.Options, open *atomic.Bool) *site {
	t.Helper()
	opts.Keys = []hotsock.Key{testKey.Key()}
	rt, err := hotsock.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &site{t: t, rt: rt}
	s.serve(upgradesTo(func(w http.ResponseWriter, r *http.Request) {
		if open.Load() {
			rt.ServeHTTP(w, r)
			return
		}
		http.Error(w, "no WebSockets here", http.StatusForbidden)
	}, rt))
	return s
}

const fallback = `
	globalThis.client = new hotsock.Client({ token: async () => args[0], timeout: 2000 });
	globalThis.errors = record(client, "error");
	client.connect();
	await until(() => client.state === "open");
`

// TestClientFallsBack: where no WebSocket gets through, all is as it is over one.
func TestClientFallsBack(t *testing.T) {
	t.Parallel()
	var open atomic.Bool
	b, s := startBrowser(t), startGateway(t, hotsock.Options{PresenceGrace: time.Second}, &open)
	link := startLink(t, s.addr)
	p := b.open("Jim", "http://"+link.addr+"/")
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	p.expectFailures()
	p.expectBrokenLinks()
	run[any](p, fallback, signed(t, "connect", claimsOf("Jim", "presence.team")))
	got := run[string](p, `
		globalThis.team = client.channel("presence.team");
		globalThis.seen = record(team, "message", "subscribed");
		await team.subscribe();
		const before = performance.now();
		const ids = await Promise.all(Array.from({ length: 500 }, (_, n) => team.publish("echoed", n)));
		await until(() => seen.length === 501);
		const inOrder = seen.slice(1).every(([, { data }], n) => data === n);
		await team.set("k", "a".repeat(20_000));
		const large = (await team.get("k")).length;
		return JSON.stringify([inOrder, large, team.members.length, (await team.info()).subscriptionsCount, await codeOf(team.publish("forbidden"))]);
	`)
	want(t, "over a feed", got, `[true, 20000, 1, 1, "PUBLISH_PERMISSION_DENIED"]`)
	s.publish("presence.team", "news", "👋")
	p.until("it has come", `() => seen.at(-1)[1].data === "👋"`)
	link.cut()
	p.until("the link is lost", `() => client.state !== "open"`)
	s.publish("presence.team", "news", "missed")
	link.mend()
	got = run[string](p, `
		await until(() => seen.at(-1)[1].data === "missed" || seen.at(-1)[1].recovered === false);
		return JSON.stringify(seen.slice(501).map(([type, e]) => e.data ?? e.recovered));
	`)
	want(t, "after a break", got, `["👋", true, "missed"]`)
	run[any](p, `client.close()`)
	await.That(t, "the connection is closed", func() bool { return s.rt.Stats().Connections == 0 })

	// A WebSocket is tried first again when a new client begins.
	open.Store(true)
	run[any](p, fallback, signed(t, "connect", claimsOf("Jim", "presence.team")))
	run[any](p, `client.close()`)
}

// TestHotsockSocket: what takes a WebSocket takes this one.
func TestHotsockSocket(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	p.expectFailures()
	got := run[string](p, `
		const [token] = args;
		const log = [];
		const open = (url, protocols) => {
			const socket = new hotsock.HotsockSocket(url, protocols);
			for (const type of ["open", "message", "error", "close"]) {
				socket["on" + type] = ({ data, code, wasClean }) => log.push(data ? JSON.parse(data).event : code ? [code, wasClean] : type);
			}
			return socket;
		};
		const ended = (socket) => until(() => socket.readyState === socket.CLOSED);
		const socket = open("ws://" + location.host + "/rt?token=" + token);
		let early;
		try { socket.send("{}"); } catch (error) { early = error.name; }
		await until(() => socket.readyState === WebSocket.OPEN);
		socket.send('{"event":"hotsock.ping"}');
		socket.send("no JSON");
		await until(() => log.length === 4);
		const waits = socket.bufferedAmount;
		socket.close(4001);
		await ended(socket);
		await ended(open("/rt", ["hotsock", "hotsock.token.no"]));
		const again = open("/rt", ["hotsock", "hotsock.token." + token]);
		again.close();
		await ended(again);
		let code;
		try { again.close(1001); } catch (error) { code = error.name; }
		return JSON.stringify([early, waits, code, log]);
	`, s.token("connect", claimsOf("Jim", "room")))
	want(t, "socket", got, `["InvalidStateError", 0, "InvalidAccessError", ["open", "hotsock.connected", "hotsock.pong", "hotsock.error",
		[4001, true], "error", [1008, false], "error", [1006, false]]]`)
	await.That(t, "all are closed", func() bool { return s.rt.Stats().Connections == 0 })
}
