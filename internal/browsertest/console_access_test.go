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
	token := s.token(freely("ada"))
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
	focused("#connect-token")
	p.insert(token)
	p.press(kb.Tab)
	focused("#connect-form .primary")
	p.enter()
	p.until("it is connected", `() => document.getElementById("status").dataset.state === "open"`)
	p.back()
	focused("#connect-token")
	p.back()
	focused("#tab-connect")
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
	focused("#tab-explain") // the traffic is beside
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

// TestConsoleFits looks at each tool on a desktop and on small phones, and takes
// pictures if there is a place for them.
func TestConsoleFits(t *testing.T) {
	t.Parallel()
	b, mobile, s := startBrowser(t), startBrowser(t), startConsole(t, "-api-key", "key")
	for _, at := range []struct {
		name          string
		browser       *browser
		width, height int64
	}{
		{"desktop", b, 1280, 800}, {"phone", mobile, 390, 844}, {"small", mobile, 320, 560},
	} {
		p := at.browser.open("Ada", s.base)
		p.shape(at.width, at.height)
		p.connectWith(s.token(freely("Ada Lovelace")))
		p.until("it is connected", `() => document.getElementById("status").dataset.state === "open"`)
		p.subscribe("presence.room.lobby")
		p.sendEvent("presence.room.lobby", "chat", `{"text": "Hello from the console", "tags": ["a", 1, true, null], "long": "`+strings.Repeat("x", 300)+`"}`)
		p.outcome("publish-form", "Accepted")
		p.tab("storage")
		p.paste("#storage-channel", "presence.room.lobby")
		p.paste("#storage-key", "topic")
		p.paste("#storage-data", `{"text": "Picnic on Saturday", "open": true}`)
		p.click("#storage-form [value=set]")
		p.outcome("storage-form", "Set.")
		p.click("#storage-form [value=list]")
		p.until("it is listed", `() => document.querySelectorAll("#entries > li").length === 1`)
		p.tab("channels")
		p.click("#subscriptions button")
		p.until("it is looked into", `() => document.querySelector("#info h2")`)
		p.set("#publish-at", time.Now().Add(30*time.Minute))
		p.sendEvent("presence.room.lobby", "reminder", `{"text": "Stand up"}`)
		p.outcome("publish-form", "Scheduled")
		p.tab("online")
		p.click("#online-channels-form button")
		p.click("#connections-form button")
		p.until("what is connected is listed", `() => document.querySelector("#connections > li") && document.querySelector("#online-channels > li")`)
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
		tabs := []string{"connect", "channels", "send", "storage", "app", "online", "schedules", "explain"}
		if at.width < 960 {
			tabs = append(tabs, "traffic")
		}
		for _, name := range tabs {
			p.tab(name)
			if name == "traffic" {
				p.openFrame("chat")
			}
			if over := p.sticksOut(at.width); len(over) > 0 {
				t.Errorf("on the %s, %s: these stick out: %v", at.name, name, over)
			}
			if screenshotDir != "" {
				p.pictures("console-" + name + "-" + at.name)
			}
		}
	}
}
