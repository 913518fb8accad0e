package browsertest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/slowlink"
)

// openSlow opens the page over the link, with a client that has little patience
// and whose states are recorded. It is subscribed to nothing yet.
func (b *browser) openSlow(link *slowlink.Link, s *site) *page {
	b.t.Helper()
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	p.expectBrokenLinks()
	run[any](p, `
		globalThis.client = new hotsock.Client({ url: args[0], token: args[1], heartbeat: 1000, timeout: 1500 });
		globalThis.room = client.channel("room");
		globalThis.states = record(client, "state");
		globalThis.seen = record(room, "message", "storage");
		client.connect();
		await until(() => client.state === "open");
	`, "http://"+link.Addr+"/rt", signed(b.t, "connect", claimsOf("Jim", "room")))
	return p
}

const brokenLinks = `states.filter(([, state]) => state === "waiting").length`

func (s *site) fill(entries, size int) {
	s.t.Helper()
	for i := range entries {
		e := hotsock.Entry{Channel: "room", Key: fmt.Sprintf("key.%03d", i), Data: strings.Repeat("x", size)}
		if _, err := s.rt.SetStorage(s.t.Context(), e); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestClientSlowStorage: what is stored comes over a slow link, and after a
// break once more and no oftener.
func TestClientSlowStorage(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{AllowedOrigins: []string{"*"}})
	const entries, size = 20, 20_000
	s.fill(entries, size)
	link := slowlink.New(t, s.addr, 50_000)
	p := b.openSlow(link, s)
	run[any](p, `
		await room.subscribe();
		await until(() => room.storage.size >= args[0]);
	`, entries/2)
	link.Break()
	run[any](p, `await until(() => room.active === false)`)
	run[any](p, `await until(() => room.active && room.storage.size === args[0])`, entries)
	s.publish("room", "n", 1)
	run[any](p, `await until(() => seen.some(([type]) => type === "message"))`)
	if n := get[int](p, brokenLinks); n != 1 {
		t.Errorf("the link was given up %d times, want once", n)
	}
	if n := link.Down(); n > 2*entries*size {
		t.Errorf("%d bytes were carried", n)
	}
}

// TestClientSlowSubscribe: what waits for a subscription does so as long as its
// answer is on its way, behind what another channel has.
func TestClientSlowSubscribe(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{AllowedOrigins: []string{"*"}})
	s.fill(10, 30_000)
	link := slowlink.New(t, s.addr, 50_000)
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	got := run[string](p, `
		const own = new hotsock.Client({ url: args[0], token: args[1], timeout: 1500 });
		const states = record(own, "state");
		own.connect();
		own.channel("room").subscribe();
		own.channel("other").subscribe();
		await until(() => own.state === "open");
		return JSON.stringify([await codeOf(own.channel("other").publish("chat", 1)), states.length]);
	`, "http://"+link.Addr+"/rt", signed(t, "connect", claimsOf("Jim", "room", "other")))
	want(t, "the outcome", got, `["", 2]`)
}

// TestClientSlowBurst: while anything comes, or goes, answers may be late.
func TestClientSlowBurst(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{AllowedOrigins: []string{"*"}})
	link := slowlink.New(t, s.addr, 50_000)
	p := b.openSlow(link, s)
	run[any](p, `await room.subscribe()`)
	for range 15 {
		s.publish("room", "n", strings.Repeat("x", 30_000))
	}
	got := run[string](p, `
		for (let i = 0; i < 10; i++) room.send("chat", "x".repeat(30_000)); // answered by nothing
		const { id } = await room.publish("chat", "last");
		await until(() => seen.length === 15);
		return JSON.stringify([id.length, `+brokenLinks+`]);
	`)
	want(t, "the outcome", got, `[26, 0]`)
}

// TestClientSlowHistory: a page of the history may take long, if it comes.
func TestClientSlowHistory(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{AllowedOrigins: []string{"*"}})
	for n := range 10 {
		data := fmt.Sprint(n, strings.Repeat("x", 30_000))
		if _, err := s.rt.Publish(t.Context(), hotsock.Message{Channel: "room", Event: "n", Data: data, Store: time.Hour}); err != nil {
			t.Fatal(err)
		}
	}
	link := slowlink.New(t, s.addr, 50_000)
	p := b.openSlow(link, s)
	got := run[string](p, `
		await room.subscribe();
		return JSON.stringify((await room.listMessages()).messages.length);
	`)
	want(t, "messages", got, `10`)
}

// TestClientSilentServer: a server that has stopped answering is left, also if
// the page goes on sending.
func TestClientSilentServer(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{AllowedOrigins: []string{"*"}})
	dead := startLink(t, s.addr)
	p := b.openSlow(&slowlink.Link{Addr: dead.addr}, s)
	run[any](p, `await room.subscribe()`)
	dead.stall()
	run[any](p, `
		globalThis.typing = setInterval(() => room.send("chat", "typing"), 100);
		await until(() => client.state === "waiting");
	`)
}

// TestClientLostAnswer: a command that is passed over fails, though the server
// goes on answering others.
func TestClientLostAnswer(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	p := b.openActor(&actor{t: t, answer: func(event string) []string {
		if event == "hotsock.channelStorageSet" {
			return nil
		}
		return []string{`{"event":"hotsock.pong","data":{},"ref":"$ref"}`}
	}})
	p.expectBrokenLinks()
	run[any](p, `
		client.close();
		globalThis.client = new hotsock.Client({ heartbeat: 1000 });
		client.connect();
		await until(() => client.state === "open");
	`)
	want(t, "the outcome", run[string](p, `return JSON.stringify([await codeOf(client.channel("room").set("k", 1)), client.state])`),
		`["NO_ANSWER", "open"]`)
}

// TestClientBackoff: a connection that breaks before all has come was a failure,
// however long it lasted.
func TestClientBackoff(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	var answers atomic.Bool
	a := &actor{t: t, answer: func(string) []string {
		if answers.Load() {
			return []string{`{"event":"hotsock.pong","data":{},"ref":"$ref"}`}
		}
		return []string{`{"event":"e","channel":"room"}`} // a sign of life
	}}
	s := &site{t: t}
	s.serve(clientOr(a))
	link := startLink(t, s.addr)
	p := b.open("Jim", "http://"+link.addr+"/")
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	p.expectBrokenLinks()
	for _, proven := range []bool{true, false} {
		answers.Store(proven)
		run[any](p, `
			globalThis.client = new hotsock.Client({ sockets: [WebSocket] }); // this server knows nothing else
			globalThis.delays = [];
			globalThis.opened = 0;
			Math.random = () => 0.999;
			client.on("state", (state) => {
				if (state === "waiting") delays.push(client.retryAt - Date.now());
				if (state === "open") opened = performance.now();
			});
			client.connect();
		`)
		for n := range 2 {
			run[any](p, `await until(() => client.state === "open" && performance.now() - opened > 6500)`)
			link.cut()
			run[any](p, `await until(() => delays.length > args[0])`, n)
			link.mend()
		}
		second := run[float64](p, `client.close(); return delays[1];`)
		if short := second < 1100; short != proven {
			t.Errorf("proven %v: the second delay is %v ms", proven, second)
		}
	}
}
