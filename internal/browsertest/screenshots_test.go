package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestScreenshots takes pictures of a conversation, to look at.
func TestScreenshots(t *testing.T) {
	if screenshotDir == "" {
		t.Skip("HOTSOCK_SCREENSHOTS names no folder")
	}
	b, s := startBrowser(t), startServer(t)

	door := b.open("Ada", s.url())
	door.until("it asks for a name", `() => document.getElementById("join").open`)
	door.inAllForms("join")

	ada, bo := b.join("Ada Lovelace", s.url()), b.join("Bo", s.url())
	mia := b.join("Mia Chen", s.url())
	ada.inAllForms("empty")
	talk(t, ada, bo, mia)
	bo.write("Let me just check the")
	ada.until("Bo is typing", `() => document.getElementById("typing").textContent !== ""`)
	ada.inAllForms("conversation")

	ada.click(".message.own .react")
	ada.inAllForms("picker")
	ada.press(kb.Escape)
	ada.click("#open-reminder")
	ada.inAllForms("reminder")
	ada.press(kb.Escape)
	ada.click("#open-settings")
	ada.inAllForms("settings")
	ada.press(kb.Escape)

	ada.click("#open-reminder")
	ada.fill("#reminder [name=text]", "Call the bakery about the cake")
	ada.fill("#reminder [name=amount]", "1")
	ada.click("#reminder [value=me] + span")
	ada.click("#reminder .primary")
	ada.until("the private reminder came", `() => document.querySelector("#inbox .card")`)
	ada.inAllForms("private")
	ada.click("#inbox [aria-label=Dismiss]")

	ada.shape(375, 812)
	ada.click(".menu")
	ada.inAllForms("menu")
	ada.press(kb.Escape)

	ada.do("read further up", chromedp.Evaluate[chromedp.Void](`document.querySelector(".timeline").scrollTop = 0`))
	bo.say("Found it: https://example.com/picnic")
	ada.until("there is something new below", `() => document.getElementById("jump").innerText !== ""`)
	ada.inAllForms("further-up")
	ada.click("#jump")

	for _, p := range []*page{door, ada, bo, mia} {
		p.expectBrokenLinks()
	}
	s.stop()
	ada.until("the link is lost", `() => !document.getElementById("trouble").hidden`)
	ada.say("I will bring the big blanket")
	ada.inAllForms("lost")
}

// talk fills the room with a bit of everything.
func talk(t *testing.T, ada, bo, mia *page) {
	t.Helper()
	ada.click("#open-settings")
	ada.fill("#settings [name=topic]", "Picnic on Saturday, by the lake")
	ada.click("#settings .primary")
	ada.until("the topic is set", `() => document.getElementById("room-topic").textContent !== ""`)
	lines := []struct {
		who  *page
		text string
	}{
		{ada, "Morning! Who is coming on Saturday?"},
		{bo, "Me."},
		{bo, "I can bring bread and the cheese from the market. The old man with the goats promised to keep a whole wheel for us."},
		{mia, "Count me in. I take the train at 10:40, so I should be at the lake around noon."},
		{ada, "Lovely"},
		{ada, "Then I bake a cake. Any wishes?"},
		{mia, "Lemon!"},
		{bo, "Lemon, please"},
	}
	for _, line := range lines {
		line.who.say(line.text)
		for _, p := range []*page{ada, bo, mia} {
			p.sees(line.text)
		}
	}
	react := func(p *page, nth int, reaction string) {
		message := fmt.Sprintf(".message:nth-child(%d) ", nth)
		p.click(message + ".react")
		p.click("#picker [aria-label=" + reaction + "]")
	}
	react(ada, 5, "heart")
	react(mia, 5, "heart")
	react(bo, 7, "party")
	react(mia, 8, "party")
	react(ada, 8, "laughing")
	bo.click("#open-reminder")
	bo.fill("#reminder [name=text]", "Buy lemons before the shop closes")
	bo.fill("#reminder [name=amount]", "1")
	bo.click("#reminder .primary")
	ada.sees("Buy lemons before the shop closes")
}

// inAllForms takes a picture on a phone and on a desktop, light and dark.
func (p *page) inAllForms(name string) {
	p.t.Helper()
	for _, form := range []struct {
		name          string
		width, height int64
	}{{"desktop", 1280, 800}, {"phone", 375, 812}} {
		p.shape(form.width, form.height)
		for _, scheme := range []string{"light", "dark"} {
			command(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
			})
			p.picture(name + "-" + form.name + "-" + scheme)
		}
	}
}

// shape gives the page the screen of a phone or of a desktop.
func (p *page) shape(width, height int64) {
	p.t.Helper()
	options := []chromedp.EmulateViewportOption{chromedp.EmulateScale(2)}
	if width < 500 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	p.do("resize", chromedp.EmulateViewport(width, height, options...))
}
