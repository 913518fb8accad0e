package browsertest

import (
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// TestClientMistakes: what a page cannot have meant is refused where it stands,
// before it does something else.
func TestClientMistakes(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", s.url, claimsOf("Jim", "room"))
	got := run[string](p, `
		const room = client.channel("room");
		await room.subscribe();
		const mistakes = {
			"a typing error": () => room.on("mesage", () => {}),
			"an event without a name": () => room.on("message:", () => {}),
			"no listener": () => room.on("message"),
			"an event of channels": () => client.on("message", () => {}),
			"no name": () => client.channel(),
			"a promise for a token": () => new hotsock.Client({ token: Promise.resolve("") }),
			"a schedule without a time": () => room.publish("chat", 1, {}),
			"a time that got lost": () => room.publish("chat", 1, { at: null }),
			"an entry without a time": () => room.set("k", 1, { timeZone: "UTC" }),
		};
		const wrong = [];
		for (const [name, mistake] of Object.entries(mistakes)) {
			const error = await (async () => mistake())().catch((error) => error);
			if (!(error instanceof TypeError)) wrong.push([name, String(error)]);
		}
		room.on("message:two\nlines", () => {});
		return JSON.stringify([wrong, (await room.listMessages()).messages, await room.get("k")]);
	`)
	want(t, "mistakes", got, `[[], [], null]`)
}

// TestClientFailure: a page can learn why there is no connection.
func TestClientFailure(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{MaxFrameSize: 64 << 10})
	p := b.openClient("Jim", s.url, claimsOf("Jim", "room"))
	p.expectBrokenLinks()
	got := run[string](p, `
		const tokens = {
			"a mistake": () => undefined.text,
			"none": async () => {},
			"no text": () => 5,
			"no error": () => Promise.reject(),
			"a bad one": () => "rubbish",
		};
		const failures = [client.failure];
		for (const token of Object.values(tokens)) {
			const other = new hotsock.Client({ token });
			other.connect();
			await until(() => other.state === "waiting");
			failures.push(String(other.failure));
			other.close();
			failures.push(other.failure);
		}
		return JSON.stringify(failures);
	`)
	want(t, "failures", got, `[null,
		"TypeError: Cannot read properties of undefined (reading 'text')", null,
		"TypeError: The token function gave no token.", null,
		"TypeError: The token function gave no token.", null,
		"Error: undefined", null,
		"HotsockError: The server refused the connection, as its log says, or cannot be reached.", null
	]`)

	// Those who wait for a command learn it, too.
	message := run[string](p, `
		return client.channel("room").publish("chat", "x".repeat(70_000)).then(() => "accepted", (error) => error.code + " " + error.message);
	`)
	if !strings.HasPrefix(message, "NO_ANSWER") || !strings.Contains(message, "The connection ended: 1009") {
		t.Errorf("a frame that is too large: %s", message)
	}

	got = run[string](p, `
		await until(() => client.state === "open");
		const room = client.channel("other");
		room.subscribe({ token: () => undefined.text });
		await until(() => errors.length > 0);
		return JSON.stringify([client.failure, errors[0]]);
	`)
	want(t, "without a token for a channel", got, `[null, ["error", "NO_TOKEN"]]`)
}

// TestClientPassword: pages whose address has a name and a password, which
// fetch refuses in addresses, can use the client.
func TestClientPassword(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startSite(t, hotsock.Options{})
	p := b.openClient("Jim", strings.Replace(s.url, "//", "//admin:secret@", 1), claimsOf("Jim", "room"))
	got := run[string](p, `return JSON.stringify(await client.channel("room").info())`)
	want(t, "info", got, `{"channel": "room", "subscriptionsCount": 0}`)
}
