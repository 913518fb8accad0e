package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestDesk follows a ticket from the question to the stars.
func TestDesk(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startDesk(t)
	mia, ada := b.enter("mia", s.url()), b.enter("ada", s.url())

	mia.openTicket("My kettle whistles", `It plays <b>"Greensleeves"</b>.`)
	ada.until("a message is unread", `() => [...document.querySelectorAll(".ticket.unread")].some((t) =>
		t.textContent.includes("My kettle whistles") && t.querySelector(".count").textContent === "1 unread")`)
	ada.pick("My kettle whistles")
	ada.reads(`It plays <b>"Greensleeves"</b>.`)
	ada.until("nothing is unread any more", `() => !document.querySelector("[aria-current=page].unread")`)
	ada.act("Take")
	mia.reads("Ada Lindgren took the ticket.")
	mia.until("it says who answers", `() => document.querySelector(".title .hint").textContent === "With Ada Lindgren"`)

	ada.do("type", chromedp.SendKeys(chromedp.CSS(".composer textarea"), "In tune"))
	mia.until("Ada is writing", `() => document.querySelector(".typing").textContent === "Ada Lindgren is writing…"`)
	ada.enter()
	mia.reads("In tune")
	mia.writes("My card is 4111 1111 1111 1111.")
	ada.reads("My card is •••• 1111.")
	mia.reads("My card is •••• 1111.") // as the desk has changed it
	mia.do("react", chromedp.Evaluate[chromedp.Void](`document.querySelector(".message:not(.own) .tool").click()`))
	ada.until("a thumb is up", `() => document.querySelector(".own .chip")?.ariaLabel === "thumbs up, 1"`)

	mia.do("delete", chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll(".own [aria-label=Delete]")].at(-1).click()`))
	mia.act("Delete")
	for _, p := range []*page{mia, ada} {
		p.until("the message is gone", `() => !document.querySelector(".messages").textContent.includes("My card")`)
	}

	ada.writes("/close")
	mia.reads("Ada Lindgren closed the ticket.")
	mia.click(".star:nth-child(4)")
	ada.until("four stars are there", `() => document.querySelector(".stars")?.ariaLabel === "4 of 5 stars"`)

	// A reload shows the same ticket.
	mia.do("reload", chromedp.Reload())
	mia.reads("In tune")
	mia.until("the stars are there", `() => document.querySelectorAll(".star.on").length === 4`)
}

// TestDeskLink breaks the link while somebody writes: what was written is sent once.
func TestDeskLink(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startDesk(t)
	ada, lea := b.enter("ada", s.url()), b.enter("lea", s.url())
	for _, p := range []*page{ada, lea} {
		p.expectBrokenLinks()
		p.pick("The lamp flickers")
	}
	ada.until("Lea looks at the ticket, too", `() => document.querySelector("#about").textContent.includes("Lea Martin")`)
	ada.do("go offline", chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("offline"))`))
	ada.writes("Still there?")
	ada.reads("Still there?")
	lea.reads("Still there?")
}

// TestDeskSignOut ends the sessions of a user on all their pages.
func TestDeskSignOut(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startDesk(t)
	here, there := b.enter("mia", s.url()), b.enter("mia", s.url())
	for _, p := range []*page{here, there} {
		p.expectBrokenLinks()
	}
	here.click("#me")
	here.act("Sign out everywhere")
	for _, p := range []*page{here, there} {
		p.until("it is at the door", `() => document.getElementById("door")?.hidden === false`)
	}
}

// TestDeskGiven gives a ticket to an agent, whose page says so.
func TestDeskGiven(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startDesk(t)
	ada, ben := b.enter("ada", s.url()), b.enter("ben", s.url())
	ada.pick("Two parcels, one kettle")
	ada.until("Ben can have it", `() => document.querySelector("#about [value=ben]")`)
	ada.do("give it to Ben", chromedp.Evaluate[chromedp.Void](`{
		const agent = document.querySelector("#about select");
		agent.value = "ben";
		agent.dispatchEvent(new Event("change"));
	}`))
	ben.until("it is announced", `() => document.getElementById("given").textContent.startsWith("Two parcels, one kettle was given to you.")`)
	ben.act("Open")
	ben.reads("Ada Lindgren gave the ticket to Ben Okafor.")
	ben.reads("I got two parcels today, but there was only one kettle on the receipt. Should I send one back?")
}

// TestDeskSuspend takes a customer out.
func TestDeskSuspend(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startDesk(t)
	zoe, ben := b.enter("zoe", s.url()), b.enter("ben", s.url())
	zoe.expectBrokenLinks()
	zoe.expectFailures() // a login that is refused
	ben.pick("Two parcels, one kettle")
	ben.act("Suspend and erase…")
	ben.act("Erase")
	ben.until("what she wrote is gone", `() => document.querySelectorAll(".message").length === 0 &&
		document.querySelector(".title h2").textContent === "Erased"`)
	zoe.until("she is at the door", `() => document.getElementById("door")?.hidden === false`)
	zoe.fill("[name=email]", "zoe@example.com")
	zoe.fill("[name=password]", "demo")
	zoe.enter()
	zoe.until("she does not come in", `() => document.getElementById("sign-in-problem").textContent !== ""`)
}

// TestDeskNames holds every control to having a name that can be read out.
func TestDeskNames(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startDesk(t)
	p := b.enter("ada", s.url())
	p.pick("The lamp flickers")
	controls := 0
	for _, node := range command(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role := strings.Trim(string(node.Role.Value), `"`)
		if !slices.Contains([]string{"button", "link", "textbox", "combobox", "dialog", "log", "navigation", "complementary"}, role) {
			continue
		}
		controls++
		if name := strings.Trim(string(node.Name.Value), `" `); name == "" {
			t.Errorf("a %s has no name (node %d)", role, node.BackendDOMNodeID)
		}
	}
	if controls < 20 {
		t.Errorf("there are only %d controls: the test looks at the wrong place", controls)
	}
}

// TestDeskFits holds the page to the width of each screen, and takes pictures if there
// is a place for them.
func TestDeskFits(t *testing.T) {
	t.Parallel()
	// Two browsers, because whether there is a mouse is the same for all pages of one.
	b, mobile, s := startBrowser(t), startBrowser(t), startDesk(t)
	mia := b.enter("mia", s.url())
	mia.openTicket(strings.Repeat("subject ", 14), strings.Repeat("long", 100))
	door, ada, lea := b.open("nobody", s.url()), b.enter("ada", s.url()), mobile.enter("lea", s.url())
	ada.pick("The lamp flickers")
	ada.writes("Then it is the wheel. A new one is on its way, and you can keep the lamp until it is there.")
	ada.do("react", chromedp.Evaluate[chromedp.Void](`document.querySelectorAll(".message:not(.own) .tool")[1].click()`))
	for _, at := range []struct {
		name          string
		p             *page
		width, height int64
	}{
		{"door", door, 1280, 800},
		{"door", door, 390, 844},
		{"agent", ada, 1280, 800},
		{"agent", ada, 768, 1024},
		{"customer", mia, 1280, 800},
		{"customer", mia, 768, 1024},
		{"list", lea, 390, 844},
		{"ticket", lea, 390, 844},
		{"about", lea, 390, 844},
		{"smallest", lea, 320, 640},
	} {
		at.p.shape(at.width, at.height)
		switch at.name {
		case "ticket":
			at.p.pick("The lamp flickers")
		case "about":
			at.p.click(".details")
		case "smallest":
			at.p.press(kb.Escape)
		}
		over := get[[]string](at.p, `[...document.querySelectorAll("#shell *, #door *")].filter((e) => {
			const r = e.getBoundingClientRect();
			return e.checkVisibility() && r.width > 1 && (r.right > innerWidth + 1 || r.left < -1);
		}).map((e) => e.tagName + "." + e.className)`)
		if len(over) > 0 {
			t.Errorf("%s at a width of %d: these stick out: %v", at.name, at.width, over)
		}
		if screenshotDir != "" {
			at.p.pictures(fmt.Sprintf("desk-%s-%d", at.name, at.width))
		}
	}
}
