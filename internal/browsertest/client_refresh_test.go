package browsertest

import (
	"os"
	"regexp"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// TestRefreshRecipe runs what docs/tokens.md shows: with each token the page plans to
// fetch the next, and what that no longer permits ends.
func TestRefreshRecipe(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/tokens.md")
	if err != nil {
		t.Fatal(err)
	}
	recipe := regexp.MustCompile("(?s)```js refresh\n(.*?)```").FindSubmatch(text)
	if recipe == nil {
		t.Fatal("docs/tokens.md has no such block")
	}
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.open("Jim", s.url)
	p.until("the page is ready", `() => document.documentElement.dataset.ready === ""`)
	got := run[string](p, `
		const { Client, HotsockError } = hotsock;
		const planned = [];
		const setTimeout = (f, ms) => planned.push([f, ms]);
		const clearTimeout = () => {};
		const fetch = async (...asked) => {
			log.push(asked);
			return { status: args.length ? 200 : 403, json: async () => ({ token: args.shift(), seconds: 300 }) };
		};
		const log = [];
	`+string(recipe[1])+`
		client.on("error", ({ code }) => log.push(code));
		const team = client.channel("team");
		team.on("unsubscribed", ({ reason }) => log.push(reason));
		await team.subscribe();
		planned.shift()[0]();
		await until(() => log.includes("No longer permitted"));
		log.push((await client.channel("other").subscribe(), "other"));
		const times = planned.map(([, ms]) => ms);
		planned.shift()[0](); // signed out
		await until(() => client.state === "closed");
		return JSON.stringify([log, times]);
	`, s.token("connect", `{"uid":"Jim","channels":{"team":{"subscribe":true}}}`), s.token("connect", `{"uid":"Jim","channels":{"other":{"subscribe":true}}}`))
	const asked = `["/token",{"method":"POST"}]`
	want(t, "refreshing", got, `[[`+asked+`,`+asked+`,"No longer permitted","other",`+asked+`],[270000]]`)
}
