package browsertest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestScreenshots takes pictures of a conversation, to look at: of Ada's two
// devices, light and dark.
func TestScreenshots(t *testing.T) {
	if screenshotDir == "" {
		t.Skip("HOTSOCK_SCREENSHOTS names no folder")
	}
	// Two browsers, because whether there is a mouse is the same for all pages
	// of one.
	b, mobile, s := startBrowser(t), startBrowser(t), startServer(t)
	door := mobile.open("nobody", s.url())
	door.until("it asks for a name", `() => document.getElementById("join").open`)
	door.pictures("join-desktop")
	door.shape(390, 844)
	door.pictures("join-phone")

	desktop, phone := b.join("Ada Lovelace", s.url()), mobile.join("Ada Lovelace", s.url())
	phone.shape(390, 844)
	bo, mia := b.join("Bo", s.url()), b.join("Mia Chen", s.url())
	both := func(name string, action func(p *page)) {
		action(desktop)
		desktop.pictures(name + "-desktop")
		action(phone)
		phone.pictures(name + "-phone")
	}
	both("empty", func(*page) {})
	talk(t, desktop, bo, mia)
	phone.sees("Buy lemons before the shop closes")
	both("conversation", func(p *page) {
		bo.write("I look ")
		p.until("Bo is typing", `() => document.getElementById("typing").textContent !== ""`)
	})
	desktop.shape(768, 1024)
	desktop.pictures("conversation-tablet")
	desktop.shape(1280, 800)
	desktop.remind("Leave for the lake", "900", "room")
	desktop.remind("Ask Mia whether somebody picks her up at the station", "600", "me")
	both("picker", func(p *page) { p.click(".own.last .react") })
	both("reminder", func(p *page) {
		p.press(kb.Escape)
		p.tool("open-reminder")
	})
	both("settings", func(p *page) {
		p.press(kb.Escape)
		p.tool("open-settings")
	})
	for colour := range strings.FieldsSeq("sky teal moss amber coral rose plum indigo") {
		desktop.click("#settings [value=" + colour + "] + .swatch")
		desktop.click("#settings .primary")
		desktop.until("it is "+colour, `(colour) => document.documentElement.dataset.colour === colour`, colour)
		desktop.pictures("colour-" + colour)
		desktop.tool("open-settings")
	}
	desktop.press(kb.Escape)
	phone.press(kb.Escape)
	phone.click(".menu")
	phone.pictures("menu-phone")
	phone.press(kb.Escape)

	desktop.remind("Call the bakery about the cake", "1", "me")
	both("private", func(p *page) {
		p.until("the private reminder came", `() => document.querySelector("#inbox .card")`)
	})
	for _, p := range []*page{desktop, phone} {
		p.click("#inbox [aria-label=Dismiss]")
		p.do("read further up", chromedp.Evaluate[chromedp.Void](`document.querySelector(".timeline").scrollTop = 60`))
		p.until("there is a way back", `() => !document.getElementById("jump").hidden`)
	}
	bo.fill("#draft", "Here is the map: https://example.com/lake")
	bo.enter()
	both("further-up", func(p *page) {
		p.until("there is something new below", `() => document.getElementById("jump").textContent !== ""`)
	})

	for _, p := range []*page{door, desktop, phone, bo, mia} {
		p.expectBrokenLinks()
	}
	s.stop()
	both("lost", func(p *page) {
		p.click("#jump")
		p.until("the link is lost", `() => !document.getElementById("trouble").hidden`)
		p.say("I will bring the big blanket")
	})
}

// talk fills the room with a bit of everything.
func talk(t *testing.T, ada, bo, mia *page) {
	t.Helper()
	ada.setTopic("Picnic on Saturday, by the lake")
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
	bo.remind("Buy lemons before the shop closes", "1", "room")
	ada.sees("Buy lemons before the shop closes")
}

// pictures takes one in each scheme.
func (p *page) pictures(name string) {
	p.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		p.emulate(scheme)
		p.picture(name + "-" + scheme)
	}
}
