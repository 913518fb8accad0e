package browsertest

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/hotsock-go/hotsock"
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
