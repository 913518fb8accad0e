package browsertest

import (
	"testing"

	"github.com/hotsock-go/hotsock"
)

// TestClientChangesTogether: changes of two pages to one entry are all there, and a
// function is given what another page has written meanwhile.
func TestClientChangesTogether(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	const change = `
		const room = client.channel("room");
		for (let i = 0; i < 20; i++) {
			await room.update("list", (list) => [...(list ?? []), args[0] + i]);
			await room.add("sum", 0.5);
		}
	`
	pages := []*page{
		b.openClient("Jim", s.url, claimsOf("Jim", "room")), b.openClient("Pam", s.url, claimsOf("Pam", "room")),
	}
	done := make(chan bool)
	for i, p := range pages {
		go func() {
			run[any](p, change, []string{"a", "b"}[i])
			done <- true
		}()
	}
	<-done
	<-done
	got := run[string](pages[0], `
		const room = client.channel("room");
		const list = await room.get("list");
		const seen = [];
		let first = true;
		const written = await room.update("text", async (text) => {
			seen.push(text);
			if (first) await room.set("text", "theirs");
			first = false;
			return "mine";
		});
		const failed = await codeOf(room.add("text", 1));
		const thrown = await room.update("text", () => { throw new Error("no"); }).catch((error) => error.message);
		await room.update("text", () => null);
		return JSON.stringify([list.length, new Set(list).size, await room.get("sum"), seen, written, failed, thrown, await room.get("text")]);
	`)
	want(t, "what is there", got, `[40,40,20,[null,"theirs"],"mine","CONFLICT","no",null]`)
}
