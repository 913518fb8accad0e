package browsertest

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

// TestClientReloads loads a page again 20 times. What another one is told of it depends on
// PresenceGrace: nothing, or that the user went and came each time.
func TestClientReloads(t *testing.T) {
	t.Parallel()
	const reloads = 20
	for _, row := range []struct {
		why   string
		grace time.Duration
		told  int
	}{
		{"with a grace", time.Minute, 0},
		{"without", 0, 2 * reloads},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			b, s := startBrowser(t), startSite(t, hotsock.Options{PresenceGrace: row.grace})
			const channel = "presence.room"
			pam := b.openClient("Pam", s.url, claimsOf("Pam", channel))
			run[any](pam, `
				globalThis.room = client.channel(args[0]);
				await room.subscribe();
				globalThis.seen = record(room, "members");
				await until(() => seen.pop()); // how things are
			`, channel)
			jim := b.open("Jim", s.url)
			for n := range 1 + reloads {
				if n > 0 {
					jim.do("reload", chromedp.Reload())
				}
				jim.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
				if row.told > 0 { // What cancels out within a moment is not told.
					run[any](pam, `await until(() => seen.length >= args[0]);`, 2*n)
				}
				run[any](jim, `
					globalThis.client = new hotsock.Client({ token: async () => args[0] });
					client.connect();
					await client.channel(args[1]).subscribe();
				`, signed(t, "connect", claimsOf("Jim", channel)), channel)
				if row.told > 0 {
					run[any](pam, `await until(() => seen.length >= args[0]);`, 1+2*n)
				}
			}
			run[any](pam, `await until(() => seen.length > 0);`)
			s.publish(channel, "chat", "the end")
			got := run[int](pam, `
				await new Promise((resolve) => setTimeout(resolve, 500)); // longer than changes wait for each other
				return seen.length - 1;
			`)
			t.Logf("%s, another page was told of %d changes by %d reloads", row.why, got, reloads)
			if got != row.told {
				t.Errorf("another page was told of %d changes, want %d", got, row.told)
			}
		})
	}
}

// TestClientComesBack: a client that gives up a connection, because the server does not
// answer in time, tells the server that it comes back. One that is closed is gone.
func TestClientComesBack(t *testing.T) {
	t.Parallel()
	const channel = "presence.room"
	stuck := make(chan struct{})
	hooks := hotsock.Hooks{
		BeforePublish: func(context.Context, hotsock.Requester, *hotsock.PublishRequest) error { <-stuck; return nil },
		Timeout:       time.Minute,
	}
	b, s := startBrowser(t), startSite(t, hotsock.Options{PresenceGrace: time.Minute, Hooks: hooks})
	pam := b.openClient("Pam", s.url, claimsOf("Pam", channel))
	run[any](pam, `
		globalThis.room = client.channel(args[0]);
		await room.subscribe();
		globalThis.seen = record(room, "members");
		await until(() => seen.pop()); // how things are
	`, channel)
	jim := b.open("Jim", s.url)
	jim.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	run[any](jim, `
		globalThis.gate = Promise.resolve();
		globalThis.client = new hotsock.Client({ token: async () => { await gate; return args[0]; }, timeout: 100 });
		client.connect();
		await client.channel(args[1]).subscribe();
		globalThis.gate = new Promise((resolve) => globalThis.open = resolve);
		codeOf(client.channel(args[1]).publish("chat"));
		await until(() => client.state !== "open");
	`, signed(t, "connect", claimsOf("Jim", channel)), channel)
	close(stuck)
	await.That(t, "the old connection has ended", func() bool { return s.rt.Stats().Connections == 1 })
	members := func() []string {
		info, err := s.rt.ChannelInfo(t.Context(), channel)
		if err != nil {
			t.Fatal(err)
		}
		var uids []string
		for _, m := range info.Members {
			uids = append(uids, m.UID)
		}
		return uids
	}
	if got := members(); len(got) != 2 {
		t.Errorf("the members are %q while Jim is between two connections", got)
	}
	run[any](jim, `open(); await until(() => client.channel(args[0]).active);`, channel)
	run[any](jim, `client.close()`)
	await.That(t, "Jim is gone", func() bool { return len(members()) == 1 })
	got := run[string](pam, `
		await until(() => seen.length >= 2);
		return JSON.stringify(seen.map(([, , change]) => change.kind));
	`)
	want(t, "Pam was told", got, `["added", "removed"]`)
}
