package browsertest

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestConsoleByKeyboard connects, subscribes and publishes without a mouse, and
// looks whether the focus can be seen.
func TestConsoleByKeyboard(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.open("Ada", s.base)
	p.ready()
	focused := func(selector string) {
		t.Helper()
		p.until(selector+" has the focus", `(selector) => document.activeElement.matches(selector)`, selector)
		if !get[bool](p, `getComputedStyle(document.activeElement).outlineStyle !== "none"`) {
			t.Errorf("the focus cannot be seen on %s", selector)
		}
	}
	p.press(kb.Tab)
	focused(".skip")
	p.press(kb.Tab)
	focused("#tab-connect")
	p.press(kb.Tab)
	focused("#mint-uid")
	p.press(kb.Tab)
	focused("#mint-kind")
	p.press(kb.Tab)
	focused("#mint-life")
	p.press(kb.Tab)
	focused("#mint-more summary")
	p.press(kb.Tab)
	focused("#mint-form .primary")
	p.enter()
	p.isConnected()
	for _, selector := range []string{"#mint-more summary", "#mint-life", "#mint-kind", "#mint-uid", "#tab-connect"} {
		p.back()
		focused(selector)
	}
	p.press(kb.ArrowRight)
	focused("#tab-channels")
	p.press(kb.Tab)
	focused("#subscribe-channel")
	p.insert("room")
	p.enter()
	p.outcome("subscribe-form", "Subscribed to room")
	p.back()
	focused("#tab-channels")
	p.press(kb.End)
	focused("#tab-raw") // the traffic is beside
	p.press(kb.ArrowRight)
	focused("#tab-connect")
	p.press(kb.ArrowRight)
	p.press(kb.ArrowRight)
	focused("#tab-send")
	p.press(kb.Tab)
	focused("#publish-channel")
	p.insert("room")
	p.press(kb.Tab)
	focused("#publish-event")
	p.insert("chat")
	p.enter()
	p.outcome("publish-form", "Accepted as 01")
	p.do("skip to the traffic", chromedp.Evaluate[chromedp.Void](`document.querySelector(".skip").focus()`))
	p.enter()
	p.press(kb.Tab)
	focused("#filter")
	for range 4 {
		p.press(kb.Tab)
	}
	focused("#frames")
	p.press(kb.Tab)
	focused("#frames summary")
	p.enter()
	p.until("the frame is open", `() => document.querySelector("#frames details[open] .json")`)
}

// shift is the bit of that key.
const shift = 8

// back presses Shift+Tab.
func (p *page) back() {
	p.t.Helper()
	event := input.DispatchKeyEventParams{
		Type: input.DispatchKeyEventTypeKeyDown, Key: "Tab", Code: "Tab", WindowsVirtualKeyCode: '\t', Modifiers: shift,
	}
	command(p, input.DispatchKeyEvent, event)
	event.Type = input.DispatchKeyEventTypeKeyUp
	command(p, input.DispatchKeyEvent, event)
}

// TestConsoleFits looks at each tool on a desktop, a tablet and small phones, and takes
// pictures if there is a place for them.
func TestConsoleFits(t *testing.T) {
	t.Parallel()
	b, mobile, s := startBrowser(t), startBrowser(t), startConsole(t, "-api-key", "key")
	for _, at := range []struct {
		name          string
		browser       *browser
		width, height int64
	}{
		{"desktop", b, 1280, 800}, {"tablet", b, 768, 1024}, {"phone", mobile, 390, 844}, {"small", mobile, 320, 560},
	} {
		p := at.browser.open("Ada", s.base)
		p.shape(at.width, at.height)
		p.ready()
		if screenshotDir != "" {
			p.pictures("console-first-" + at.name)
		}
		p.fillConsole(s)
		for _, name := range consoleTabs(at.width) {
			p.tab(name)
			if over := p.sticksOut(at.width); len(over) > 0 {
				t.Errorf("on the %s, %s: these stick out: %v", at.name, name, over)
			}
			if screenshotDir != "" {
				p.pictures("console-" + name + "-" + at.name)
			}
		}
	}
}

// consoleTabs are those that there are on a screen of that width.
func consoleTabs(width int64) []string {
	tabs := []string{"connect", "channels", "send", "storage", "app", "online", "schedules", "explain", "raw"}
	if width < 960 {
		tabs = append(tabs, "traffic")
	}
	return tabs
}

// fillConsole connects, and gives each tab something to show.
func (p *page) fillConsole(s *consoleServer) {
	p.t.Helper()
	p.tab("connect")
	p.connectWith(s.token(freely("Ada Lovelace")))
	p.isConnected()
	p.subscribe("presence.room.lobby")
	p.sendEvent("presence.room.lobby", "chat", `{"text": "Hello from the console", "tags": ["a", 1, true, null], "long": "`+strings.Repeat("x", 300)+`"}`)
	p.outcome("publish-form", "Accepted")
	p.store("set", "presence.room.lobby", "topic", `{"text": "Picnic on Saturday", "open": true}`)
	p.outcome("storage-form", "Set.")
	p.listEntries(1)
	p.lookInside()
	p.set("#publish-at", time.Now().Add(30*time.Minute))
	p.sendEvent("presence.room.lobby", "reminder", `{"text": "Stand up"}`)
	p.outcome("publish-form", "Scheduled")
	p.tab("online")
	p.until("what is connected is listed", `() => document.querySelector("#connections li li") && document.querySelector("#online-channels code")`)
	p.tab("explain")
	p.choose("#explain-action", "publish")
	p.paste("#explain-channel", "presence.room.lobby")
	p.paste("#explain-event", "chat")
	p.click("#explain-form .primary")
	p.until("it is explained", `() => document.querySelector("#explanation .verdict")`)
	p.tab("app")
	p.paste("#app-key", "key")
	p.choose("#app-action", "update")
	p.paste("#app-channel", "presence.room.lobby")
	p.paste("#app-message", "01JA3HVNF6E89HDT1ABRFWJ8C8")
	p.paste("#app-data", `{"text": "Hello"}`)
	p.expectFailures()
	p.click("#app-form .primary")
	p.outcome("app-form", "MESSAGE_NOT_FOUND")
	p.choose("#app-action", "erasures")
	p.click("#app-form .primary")
	p.outcome("app-form", "Done.")
	p.choose("#app-action", "publish") // has the most fields
	p.tab("raw")
	p.click("#frame-form .primary")
	p.outcome("frame-form", "Answered.")
	if get[bool](p, `document.getElementById("tab-traffic").checkVisibility()`) {
		p.tab("traffic")
	}
	p.openFrame("chat")
}
