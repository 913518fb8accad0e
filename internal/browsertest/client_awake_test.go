package browsertest

import (
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/hotsock-go/hotsock"
)

// openQuiet opens the page with a client that sends no heartbeats, so that only
// the browser's hints make it look at its link. It is subscribed to room.
func (b *browser) openQuiet(url string) *page {
	b.t.Helper()
	p := b.open("Jim", url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	p.expectBrokenLinks()
	// Otherwise the page would take itself to be looked at, always.
	command(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: false})
	run[any](p, `
		globalThis.client = new hotsock.Client({ token: args[0], heartbeat: 0 });
		globalThis.room = client.channel("room");
		globalThis.seen = record(room, "message", "subscribed");
		globalThis.states = record(client, "state");
		client.connect();
		await room.subscribe();
	`, signed(b.t, "connect", claimsOf("Jim", "room")))
	return p
}

// caughtUp waits for the messages, after what was missed has been caught up with.
const caughtUp = `
	await until(() => seen.filter(([type]) => type === "message").length === args[0]);
	return JSON.stringify(seen.slice(1).map(([type, e]) => [type, e.data ?? e.recovered]));
`

// TestClientOffline: the browser's word that it is offline makes the client
// look, and that it is online again makes it connect at once.
func TestClientOffline(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	link := startLink(t, s.addr)
	p := b.openQuiet("http://" + link.addr + "/")
	offline := func(off bool) {
		command(p, network.OverrideNetworkState, network.OverrideNetworkStateParams{
			Offline: off, DownloadThroughput: -1, UploadThroughput: -1,
		})
	}
	s.publish("room", "n", 1)
	run[any](p, `await until(() => seen.length === 2)`)

	// Wrong, as it can be: the link works.
	offline(true)
	p.until("it is offline", `() => !navigator.onLine`)
	s.publish("room", "n", 2)
	run[any](p, `await until(() => seen.length === 3)`)
	offline(false)
	p.until("it is online", `() => navigator.onLine`)

	// Right: nothing gets through, and nothing says so but the browser.
	link.stall()
	offline(true)
	p.until("the link is given up", `() => client.state === "waiting"`)
	if wait := get[float64](p, `client.retryAt - Date.now()`); wait < 15_000 {
		t.Errorf("although offline, it tries again in %v ms", wait)
	}
	s.publish("room", "n", 3)
	offline(false)
	p.until("it is connected soon", `() => client.state === "open"`)
	want(t, "what it saw", run[string](p, caughtUp, 3), `[["message", 1], ["message", 2], ["subscribed", true], ["message", 3]]`)
	if states := run[string](p, `return states.flat().join()`); states != "state,connecting,state,open,state,waiting,state,waiting,state,connecting,state,open" {
		t.Errorf("the states were %s", states)
	}
}

// TestClientHidden: a page that comes to the front again asks whether its link
// still works.
func TestClientHidden(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	link := startLink(t, s.addr)
	p := b.openQuiet("http://" + link.addr + "/")
	window := command(p, cdpbrowser.GetWindowForTarget, cdpbrowser.GetWindowForTargetParams{}).WindowID
	show := func(state cdpbrowser.WindowState) {
		command(p, cdpbrowser.SetWindowBounds, cdpbrowser.SetWindowBoundsParams{
			WindowID: window, Bounds: &cdpbrowser.Bounds{WindowState: state},
		})
	}
	show(cdpbrowser.WindowStateMinimized)
	p.until("it is hidden", `() => document.hidden`)
	s.publish("room", "n", 1)
	run[any](p, `await until(() => seen.length === 2)`)
	link.stall()
	s.publish("room", "n", 2)
	show(cdpbrowser.WindowStateNormal)
	p.until("it is shown", `() => !document.hidden`)
	want(t, "what it saw", run[string](p, caughtUp, 2), `[["message", 1], ["subscribed", true], ["message", 2]]`)
}

// TestClientFrozen: a page that was frozen, and whose socket the browser has
// closed for that, catches up.
func TestClientFrozen(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openQuiet(s.url)
	s.publish("room", "n", 1)
	run[any](p, `
		await until(() => seen.length === 2);
		document.addEventListener("freeze", () => globalThis.frozen = true);
	`)
	become := func(state cdppage.SetWebLifecycleStateState) {
		command(p, cdppage.SetWebLifecycleState, cdppage.SetWebLifecycleStateParams{State: state})
	}
	become(cdppage.SetWebLifecycleStateStateFrozen)
	p.until("it is frozen", `() => globalThis.frozen`)
	s.publish("room", "n", 2)
	become(cdppage.SetWebLifecycleStateStateActive)
	want(t, "what it saw", run[string](p, caughtUp, 2), `[["message", 1], ["subscribed", true], ["message", 2]]`)
}
