package browsertest

import (
	"fmt"
	"testing"
)

// control fills in the fields of what the app is to do, and does it.
func (p *page) control(action string, fields ...string) {
	p.t.Helper()
	p.choose("#app-action", action)
	for i := 0; i < len(fields); i += 2 {
		p.paste("#app-"+fields[i], fields[i+1])
	}
	if get[bool](p, `document.querySelector("#app-form [name=sure]").checkVisibility()`) {
		p.click("#app-form [name=sure]")
	}
	p.click("#app-form .primary")
}

// TestConsoleControl acts as the app, with its key, and watches as a client.
func TestConsoleControl(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t, "-api-key", "the key")
	p := b.console("Ada", s, freely("ada"))
	p.subscribe("presence.room")
	own := get[string](p, `[...document.querySelectorAll("#frames > li")].find((li) => li.innerText.includes("hotsock.connected")).innerText.match(/"connectionId":"([^"]+)/)[1]`)
	p.expectFailures()

	p.tab("app")
	p.click("#app-form .primary")
	p.until("the key is asked for", `() => document.querySelector("#app-key:invalid")`)
	p.paste("#app-key", "another key")
	p.control("publish", "channel", "presence.room", "event", "chat", "data", `{"n": 1`)
	p.until("it says that this is no JSON", `() => document.querySelector("#app-form .problem").textContent.startsWith("Data, as JSON: this is not JSON")`)
	p.paste("#app-data", `{"n": 12345678901234567890}`)
	p.click("#app-form .primary")
	p.outcome("app-form", "UNAUTHORIZED")
	p.paste("#app-key", "the key")

	// In somebody's name, and not to the one who knows already.
	p.control("publish", "uid", "bob", "umd", `{"name": "Bob"}`, "store", "60", "exclude", own, "data", `"not to Ada"`)
	p.outcome("app-form", "Done.")
	p.control("publish", "exclude", "", "data", `{"n": 12345678901234567890}`)
	p.outcome("app-form", "Done.")
	p.framed(1, "in", `"n":12345678901234567890`)
	p.until("the message's id is told", `() => /"id": "01/.test(document.querySelector("#app-form .answer").innerText)`)
	id := get[string](p, `document.querySelector("#app-form .answer").innerText.match(/01[0-9A-Z]{24}/)[0]`)
	if n := get[int](p, `[...document.querySelectorAll("#frames > li.in")].filter((li) => li.innerText.includes("not to Ada") && !li.innerText.includes("publish")).length`); n > 0 {
		t.Error("who was excluded got the message")
	}
	p.control("react", "message", id, "uid", "cy", "umd", "")
	p.outcome("app-form", "Done.")
	p.control("update", "uid", "", "version", "7", "data", `"new"`)
	p.outcome("app-form", "CONFLICT")
	p.control("update", "version", "1")
	p.outcome("app-form", "Done.")
	p.framed(1, "in", `"new","version":2`)
	p.control("stop")
	p.outcome("app-form", "the message is not streamed")
	p.lookInside()
	p.mustShow("#info", "History (2)", `"new"`, "by bob", "👍 1", "version 2", "via server.http · 127.0.0.1 · Mozilla")

	// Entries, by their versions.
	p.tab("app")
	p.control("set", "channel", "board", "entry", "votes", "version", "none", "data", "1", "store", "")
	p.outcome("app-form", "Done.")
	p.control("set", "version", "none")
	p.outcome("app-form", "CONFLICT")
	p.control("add", "data", "2.5")
	p.until("the sum is shown", `() => document.querySelector("#app-form .answer").innerText.includes("3.5")`)

	// What cannot be undone has to be said twice.
	p.choose("#app-action", "eraseUser")
	p.paste("#app-channel", "presence.room")
	p.paste("#app-uid", "bob")
	p.click("#app-form .primary")
	p.until("it asks whether that is meant", `() => document.querySelector("#app-form [name=sure]:invalid")`)
	p.control("eraseUser")
	p.outcome("app-form", "Done.")
	p.framed(2, "in", "hotsock.messageDeleted")
	p.until("it has to be said again", `() => !document.querySelector("#app-form [name=sure]").checked`)
	p.control("eraseStorage", "channel", "board", "prefix", "")
	p.outcome("app-form", "Done.")

	// Connections.
	p.control("subscribe", "channel", "private.1", "uid", "ada", "connection", "", "claims", `{"messages":{"chat":{"publish":true}}}`)
	p.outcome("app-form", "Done.")
	p.control("unsubscribe", "reason", "It is over")
	p.tab("channels")
	p.outcome("subscribed", "Unsubscribed from private.1: It is over")
	p.tab("app")
	p.control("disconnectUser", "reason", "Good night")
	p.until("it is disconnected", `() => document.getElementById("status").textContent === "Not connected: 1012 Good night"`)
	if shown := get[bool](p, `document.body.innerText.includes("the key")`); shown {
		t.Error("the key is shown")
	}
}

// TestConsoleWithoutKeys: an app without API keys lets nobody act as the app.
func TestConsoleWithoutKeys(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.open("Ada", s.base)
	p.ready()
	p.expectFailures()
	p.tab("app")
	p.paste("#app-key", "key")
	p.control("erasures")
	p.outcome("app-form", "the app has no API keys")
}

// TestConsoleEdits edits as a client: messages, and entries that have a version.
func TestConsoleEdits(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Ada", s, freely("ada"))
	p.subscribe("room")
	p.sendEvent("room", "chat", `{"text": "helo"}`)
	p.framed(1, "in", "helo")
	p.lookInside()
	p.mustShow("#info", "via client.websocket")
	p.click("#info ol button:last-child")
	p.until("the form is filled in", `() => document.activeElement.id === "edit-data" && document.getElementById("edit-version").value === "1"`)
	p.paste("#edit-data", `{"text": "hello"}`)
	p.click("#edit-form [value=update]")
	p.outcome("edit-form", "Updated to version 2.")
	p.click("#edit-form [value=update]")
	p.outcome("edit-form", "CONFLICT")
	p.click("#edit-form [value=stop]")
	p.outcome("edit-form", "STOP_PERMISSION_DENIED")
	p.click("#edit-form [value=delete]")
	p.outcome("edit-form", "Deleted.")

	p.tab("storage")
	p.paste("#storage-channel", "room")
	p.paste("#storage-key", "votes")
	p.paste("#storage-data", "1")
	p.paste("#storage-version", "none")
	p.click("#storage-form [value=set]")
	p.until("it has a version", `() => /^01/.test(document.getElementById("storage-version").value)`)
	p.click("#storage-form [value=add]")
	p.outcome("storage-form", "It is 2 now.")
	p.paste("#storage-version", "none")
	p.click("#storage-form [value=set]")
	p.outcome("storage-form", "CONFLICT: somebody has changed it meanwhile. It is 2, of version 01")
	p.click("#storage-form [value=get]")
	p.until("the version is that of what is read", `() => /^01/.test(document.getElementById("storage-version").value)`)
	p.paste("#storage-data", "7")
	p.click("#storage-form [value=set]")
	p.outcome("storage-form", "Set.")
}

// TestConsoleRefreshesAndCounts follows how many are subscribed, and goes on with a token
// that permits less.
func TestConsoleRefreshesAndCounts(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Ada", s, freely("ada"))
	p.tab("channels")
	p.click("#subscribe-form [name=info]")
	p.subscribe("room")
	p.until("the subscription is counted", `() => document.querySelector("#subscriptions .count").textContent === "1 subscription"`)
	p.lookInside()
	other := b.console("Bo", s, freely("bo"))
	other.subscribe("room")
	p.until("both are counted", `() => document.querySelector("#subscriptions .count").textContent === "2 subscriptions" &&
		document.getElementById("info-count").textContent === "2 subscriptions"`)

	const less = `{"scope":"connect","exp":4000000000,"uid":%q,"channels":{"lobby":{"subscribe":true}}}`
	p.tab("connect")
	p.paste("#connect-token", s.token(fmt.Sprintf(less, "bo")))
	p.click("#refresh")
	p.outcome("connect-form", "UNAUTHORIZED")
	p.click("#connect-form .outcome button")
	p.until("it is explained", `() => document.querySelector("#explanation .reason")?.textContent === "the fresh token is another user's"`)
	p.tab("connect")
	p.paste("#connect-token", s.token(fmt.Sprintf(less, "ada")))
	p.click("#refresh")
	p.outcome("connect-form", "goes on with this token")
	p.tab("channels")
	p.outcome("subscribed", "Unsubscribed from room: No longer permitted")
}
