package browsertest

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestConsoleListsAreLive shows what happens elsewhere, and leaves alone what has not changed.
func TestConsoleListsAreLive(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p, other := b.console("Ada", s, freely("ada")), b.console("Bo", s, freely("bo"))
	p.subscribe("presence.room")
	p.lookInside()
	p.mustShow("#info", "Members (1)", "History (0)", "None.")
	other.subscribe("presence.room")
	other.sendEvent("presence.room", "chat", `"from Bo"`)
	p.until("Bo and his message are there", `() => /Members \(2\)[^]*History \(1\)[^]*from Bo/.test(document.getElementById("info").innerText)`)

	p.tab("online")
	p.until("both are there", `() => document.querySelectorAll("#connections > li").length === 2`)
	p.do("hold Ada's row", chromedp.Evaluate[chromedp.Void](`{
		globalThis.row = document.querySelector("#connections > li");
		row.querySelector("button").focus();
	}`))
	cy := b.console("Cy", s, freely("cy"))
	p.until("Cy is there", `() => document.getElementById("connections").innerText.includes("cy")`)
	cy.click("#disconnect")
	p.until("Cy is gone, and the focus where it was", `() => document.querySelectorAll("#connections > li").length === 2 &&
		row.isConnected && row.contains(document.activeElement)`)
	p.click(`#connections [aria-label="End all connections of bo"]`)
	p.until("the form is filled in", `() => document.getElementById("app-action").value === "disconnectUser" && document.getElementById("app-uid").value === "bo"`)
}

// TestConsoleOutcomes: a result says how old it is, and that the form has changed since.
func TestConsoleOutcomes(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Ada", s, freely("ada"))
	p.subscribe("room")
	p.sendEvent("room", "chat", "1")
	p.outcome("publish-form", "Accepted as 01")
	if old := get[bool](p, `document.querySelector("#publish-form .outcome").classList.contains("old")`); old {
		t.Error("a new result looks old")
	}
	p.until("it says how old it is", `() => /ago$|now$/.test(document.querySelector("#publish-form .outcome .age").textContent)`)
	p.paste("#publish-event", "another")
	p.until("it is of another event", `() => document.querySelector("#publish-form .outcome").classList.contains("old")`)
	p.until("it ages", `() => / seconds ago$/.test(document.querySelector("#publish-form .outcome .age").textContent)`)

	// A new action has no result yet.
	p.tab("app")
	p.paste("#app-key", "key")
	p.expectFailures()
	p.control("erasures")
	p.outcome("app-form", "the app has no API keys")
	p.choose("#app-action", "publish")
	p.until("it is gone", `() => document.querySelector("#app-form .outcome").textContent === ""`)
}
