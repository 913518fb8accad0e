package browsertest

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// masked reports whether a field shows dots only.
func (p *page) masked(selector string) bool {
	p.t.Helper()
	return get[string](p, `getComputedStyle(document.querySelector("`+selector+`")).webkitTextSecurity`) == "disc"
}

// TestConsoleMakesTokens makes the tokens that the form stands for, and others.
func TestConsoleMakesTokens(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.open("Ada", s.base)
	p.ready()
	p.expectBrokenLinks() // Chromium tells of the refused WebSocket

	p.paste("#mint-uid", "bo")
	p.choose("#mint-kind", "read")
	p.choose("#mint-life", "600")
	p.click("#mint-form .primary")
	p.until("it is connected", `() => document.getElementById("status").textContent === "Connected as bo"`)
	p.click("#mint-form .outcome button")
	p.until("the next step is to subscribe", `() => document.activeElement.id === "subscribe-channel"`)
	p.subscribe("room")
	p.sendEvent("room", "chat", "1")
	p.outcome("publish-form", "PUBLISH_PERMISSION_DENIED")

	// The connection goes on with more.
	p.tab("connect")
	p.choose("#mint-kind", "all")
	p.click("#mint-form [value=refresh]")
	p.outcome("mint-form", "goes on with this token")
	p.sendEvent("room", "chat", "1")
	p.outcome("publish-form", "Accepted as 01")

	// Claims of one's own.
	p.tab("connect")
	p.choose("#mint-kind", "own")
	p.until("they are there to be changed", `() => document.activeElement.id === "mint-claims" && document.getElementById("mint-uid").disabled`)
	p.paste("#mint-claims", `{"scope":"connect"`)
	p.click("#mint-form .primary")
	p.until("it says that this is no JSON", `() => document.getElementById("mint-problem").textContent.startsWith("This is not JSON")`)
	p.paste("#mint-claims", `{"scope":"connect","exp":1000,"uid":"cy"}`)
	p.click("#mint-form .primary")
	p.until("it says why it is not connected", `() => document.getElementById("mint-problem").textContent.includes("expired at 1970")`)
	p.paste("#mint-claims", `{"scope":"subscribe","exp":4000000000,"uid":"bo","channels":{"other":{"subscribe":true}}}`)
	p.click("#mint-form [value=make]")
	p.outcome("mint-form", "Made.")
	p.click("#mint-subscribe")
	p.until("it is there to subscribe with", `() => document.activeElement.id === "subscribe-token" && document.activeElement.value.split(".").length === 3`)
}

// TestConsoleMasksTokens: tokens are dots until somebody wants to see them, in the
// fields as in the traffic, and can be copied nevertheless.
func TestConsoleMasksTokens(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.open("Ada", s.base)
	p.ready()
	// The machine's clipboard is that of all tests.
	p.do("take what is copied", chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText = async (text) => { globalThis.copied = text; }`))
	p.click("#mint-form [value=make]")
	p.outcome("mint-form", "Made.")
	if !p.masked("#mint-token") {
		t.Error("the new token is shown")
	}
	p.click("[data-reveals=mint-token]")
	if p.masked("#mint-token") {
		t.Error("it is masked although somebody wants to see it")
	}
	p.click("#mint-copy")
	p.until("it says that it is copied", `() => document.getElementById("mint-copy").textContent === "Copied"`)
	token := get[string](p, `document.getElementById("mint-token").value`)
	if copied := get[string](p, `copied`); copied != token || token == "" {
		t.Errorf("copied is %q, want %q", copied, token)
	}
	p.do("note where it connects", chromedp.Evaluate[chromedp.Void](`globalThis.WebSocket = class extends WebSocket {
		constructor(url, protocols) {
			super(url, protocols);
			globalThis.address = String(url);
		}
	}`))
	p.connectWith(token)
	p.isConnected()
	if address := get[string](p, `address`); strings.Contains(address, "token") {
		t.Errorf("the token is in the address: %s", address)
	}
	if !p.masked("#connect-token") {
		t.Error("the pasted token is shown")
	}
	p.tab("explain")
	p.until("the token is there", `() => document.getElementById("explain-token").value !== ""`)
	if !p.masked("#explain-token") {
		t.Error("the token to explain is shown")
	}
	p.paste("#explain-token", `{"channels":{}}`)
	if p.masked("#explain-token") {
		t.Error("claims are masked")
	}
	p.tab("raw")
	p.paste("#frame-text", `{"event": "hotsock.refresh", "data": {"token" : "`+token+`"}, "ref": "r"}`)
	p.click("#frame-form .primary")
	p.outcome("frame-form", "Answered.")
	p.framed(1, "out", `"token" : "(hidden)"`)
	if shown := p.shows("#frames"); strings.Contains(shown, token) {
		t.Errorf("the traffic has the token: %s", shown)
	}
}

// TestConsoleUpdatesMetadata with tokens that it makes for what is typed in.
func TestConsoleUpdatesMetadata(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Ada", s, freely("ada"))
	p.subscribe("presence.room")
	p.tab("send")
	p.paste("#umd-channel", "presence.room")
	p.paste("#umd-token", `{"name": "Ada L."`)
	p.click("#umd-form .row button")
	p.outcome("umd-form", "NO_TOKEN: this is neither a token nor JSON")
	p.paste("#umd-token", `{"name": "Ada L."}`)
	p.click("#umd-form .row button")
	p.outcome("umd-form", "Updated.")
	p.framed(1, "in", "hotsock.memberUpdated")
	p.lookInside()
	p.mustShow("#info", `"Ada L."`)
	p.tab("send")
	p.paste("#umd-channel", "")
	p.paste("#umd-token", s.token(`{"scope":"umd","exp":4000000000,"uid":"bo","umd":1,"umdUpdate":true}`))
	p.click("#umd-form .row button")
	p.outcome("umd-form", "INVALID_UMD_TOKEN")
}
