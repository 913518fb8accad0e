package browsertest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// What a developer does and sees on the console's page.

// freely is a token that permits everything, for an hour.
func freely(uid string) string {
	later := time.Now().Add(time.Hour).Unix()
	return fmt.Sprintf(`{"scope":"connect","exp":%d,"uid":%q,"channels":{"*":{
		"subscribe":true,"getInfo":true,"historyStart":0,
		"messages":{"*":{"publish":true,"echo":true,"store":3600,"react":true,"update":true,"delete":"own","scheduleBefore":%d}},
		"storage":{"*":{"get":true,"set":true,"observe":true,"scheduleBefore":%d}}}}}`, later, uid, later, later)
}

// console opens the console, and connects with a token of these claims.
func (b *browser) console(name string, s *consoleServer, claims string) *page {
	b.t.Helper()
	p := b.open(name, s.base)
	p.connectWith(s.token(claims))
	p.isConnected()
	return p
}

func (p *page) isConnected() {
	p.t.Helper()
	p.until("it is connected", `() => document.getElementById("status").dataset.state === "open"`)
}

func (p *page) connectWith(token string) {
	p.t.Helper()
	p.ready()
	p.do("open the form for tokens", chromedp.Evaluate[chromedp.Void](`document.getElementById("paste").open = true`))
	p.paste("#connect-token", token)
	p.click("#connect-form [value=connect]")
}

// ready waits until the page's code has run.
func (p *page) ready() {
	p.t.Helper()
	p.until("it has started", `() => document.getElementById("traffic-note").textContent !== ""`)
}

// paste replaces what a field contains, at once.
func (p *page) paste(selector, text string) {
	p.t.Helper()
	p.do("select "+selector, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.querySelector(%q).focus(), document.querySelector(%[1]q).select()`, selector)))
	p.insert(text)
}

// insert writes where the focus is.
func (p *page) insert(text string) {
	p.t.Helper()
	command(p, input.InsertText, input.InsertTextParams{Text: text})
}

// set fills in a date and time.
func (p *page) set(selector string, at time.Time) {
	p.t.Helper()
	ms, _ := json.Marshal(at.UnixMilli())
	p.do("fill "+selector, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const at = new Date(%s);
		document.querySelector(%q).value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
	}`, ms, selector)))
}

// choose selects an option.
func (p *page) choose(selector, value string) {
	p.t.Helper()
	p.do("choose "+value, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const select = document.querySelector(%q);
		select.value = %q;
		select.dispatchEvent(new Event("change"));
	}`, selector, value)))
}

func (p *page) tab(name string) {
	p.t.Helper()
	p.click("#tab-" + name)
}

// outcome waits until a form says what became of it.
func (p *page) outcome(form, text string) {
	p.t.Helper()
	p.until(form+" says "+text, `(form, text) => document.querySelector(form + " .outcome").textContent.includes(text)`, "#"+form, text)
}

func (p *page) subscribe(channel string) {
	p.t.Helper()
	p.tab("channels")
	p.paste("#subscribe-channel", channel)
	p.click("#subscribe-form .primary")
	p.outcome("subscribe-form", "Subscribed to "+channel)
}

// lookInside looks into the first channel that is subscribed to.
func (p *page) lookInside() {
	p.t.Helper()
	p.tab("channels")
	p.click("#subscriptions button")
	p.until("it is looked into", `() => document.getElementById("info").checkVisibility()`)
}

// store does something with an entry: set, add or get.
func (p *page) store(action, channel, key, data string) {
	p.t.Helper()
	p.tab("storage")
	p.paste("#storage-channel", channel)
	p.paste("#storage-key", key)
	p.paste("#storage-data", data)
	p.click("#storage-form [value=" + action + "]")
}

// listEntries lists the channel's storage, which has that many entries.
func (p *page) listEntries(n int) {
	p.t.Helper()
	p.click("#storage-form [value=list]")
	p.until("they are listed", `(n) => document.querySelectorAll("#entries > li").length === n`, n)
}

func (p *page) sendEvent(channel, event, data string) {
	p.t.Helper()
	p.tab("send")
	p.paste("#publish-channel", channel)
	p.paste("#publish-event", event)
	p.paste("#publish-data", data)
	p.click("#publish-form .primary")
}

// framed waits until that many frames are shown whose line has the text.
func (p *page) framed(n int, direction, text string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%d frames %s have %s", n, direction, text), `(n, direction, text) =>
		[...document.querySelectorAll("#frames > li." + direction)].filter((li) => !li.hidden && li.innerText.includes(text)).length === n`,
		n, direction, text)
}

// openFrame opens the first incoming frame of an event.
func (p *page) openFrame(event string) {
	p.t.Helper()
	p.do("open "+event, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const frames = [...document.querySelectorAll("#frames > li.in")];
		const summary = frames.find((li) => li.querySelector(".event").textContent === %q).querySelector("summary");
		summary.scrollIntoView();
		summary.click();
	}`, event)))
	p.until("it is open", `() => document.querySelector("#frames [open] .json")`)
}

// sticksOut returns what reaches beyond that width. What scrolls may.
func (p *page) sticksOut(width int64) []string {
	p.t.Helper()
	return get[[]string](p, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) => {
		const r = e.getBoundingClientRect();
		if (e.closest(".skip") || !e.checkVisibility()) return false;
		let clipped = e.parentElement;
		while (clipped && getComputedStyle(clipped).overflowX === "visible") clipped = clipped.parentElement;
		return r.width > 1 && (r.right > %d + 1 || r.left < -1) && (!clipped || clipped === document.body || clipped === document.documentElement);
	}).map((e) => e.tagName + "#" + e.id + "." + e.className)`, width))
}

// shows returns the text of an element.
func (p *page) shows(selector string) string {
	p.t.Helper()
	return get[string](p, fmt.Sprintf(`document.querySelector(%q).innerText`, selector))
}

func (p *page) mustShow(selector string, texts ...string) {
	p.t.Helper()
	shown := p.shows(selector)
	for _, text := range texts {
		if !strings.Contains(shown, text) {
			p.t.Errorf("%s does not show %q, but\n%s", selector, text, shown)
		}
	}
}
