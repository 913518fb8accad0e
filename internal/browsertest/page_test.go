package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

// atEnd is the condition that the newest message is in view.
const atEnd = `() => {
	const t = document.querySelector(".timeline");
	return t.scrollHeight - t.scrollTop - t.clientHeight < 2;
}`

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada := b.join("Ada", s.url())
	const total = 230 // three pages
	ada.publish(numbered(total)...)
	bo := b.join("Bo", s.url())
	bo.until("the newest page is there", `() => document.querySelectorAll(".message").length === 100`)
	bo.until("it shows its end", atEnd)

	// Older pages come above what is being read, and do not move it.
	for _, shown := range []int{200, total} {
		const second = `document.querySelectorAll(".bubble")[1]`
		before := get[string](bo, second+`.textContent`)
		at := get[float64](bo, `(() => {
			document.querySelector(".timeline").scrollTop = 100;
			return `+second+`.getBoundingClientRect().top;
		})()`)
		bo.until("an older page is there", `(n) => document.querySelectorAll(".message").length === n`, shown)
		bo.until("what is read stays where it is", `(text, at) => {
			const bubble = [...document.querySelectorAll(".bubble")].find((b) => b.textContent === text);
			return Math.abs(bubble.getBoundingClientRect().top - at) < 2;
		}`, before, at)
	}
	var want []string
	for i := range total {
		want = append(want, fmt.Sprintf("Message %d", i))
	}
	if diff := cmp.Diff(want, bo.texts()); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// numbered returns the data of that many messages.
func numbered(n int) []any {
	data := make([]any, n)
	for i := range data {
		data[i] = map[string]string{"text": fmt.Sprintf("Message %d", i)}
	}
	return data
}

func TestScrolling(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())
	ada.publish(numbered(40)...)
	bo.sees("Message 39")
	const top = `document.querySelector(".timeline").scrollTop`

	bo.until("who is at the end stays there", atEnd)
	bo.do("scroll up", chromedp.Evaluate[chromedp.Void](top+` = 200`))
	bo.until("there is a way back", `() => !document.getElementById("jump").hidden`)
	ada.say("Do not look up")
	bo.until("it is announced", `() => document.getElementById("jump").textContent === "1 new"`)
	if at := get[float64](bo, top); at != 200 {
		t.Errorf("the page scrolled to %v by itself", at)
	}
	bo.click("#jump")
	bo.until("it went to the end", atEnd)
	bo.until("nothing is new any more", `() => document.getElementById("jump").hidden && document.title === "lobby · Hotsock chat"`)
	bo.do("scroll up", chromedp.Evaluate[chromedp.Void](top+` = 200`))
	bo.until("there is a way back", `() => !document.getElementById("jump").hidden`)
	bo.say("My own message brings me to the end")
	bo.until("it went to the end", atEnd)
}

// TestKeyboard goes in, writes, reacts and comes back without a mouse.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	p := b.open("Ada", s.url())
	focused := func(why, selector string) {
		t.Helper()
		p.until(why, `(selector) => document.activeElement.matches(selector)`, selector)
	}

	focused("the name has the focus", "[name=name]")
	p.enter()
	p.connected()
	focused("the field for messages has the focus", "#draft")
	p.say("First")
	p.sees("First")
	p.say("Second")
	p.sees("Second")
	p.press(kb.ArrowUp)
	focused("the newest message has the focus", ".message:last-child")
	p.press(kb.ArrowUp)
	focused("the one before has it", ".message:nth-last-child(2)")
	p.enter()
	focused("the first reaction has it", "#picker :first-child")
	p.press(kb.ArrowRight)
	p.enter()
	p.until("the heart is there", `() => document.querySelector(".message:nth-last-child(2) .chip")?.ariaLabel === "heart, 1: you"`)
	focused("the message has the focus again", ".message:nth-last-child(2), .message:nth-last-child(2) .react")
}

// TestNames holds every control to having a name that can be read out.
func TestNames(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	p := b.join("Ada", s.url())
	p.say("Something to react to")
	p.sees("Something to react to")
	for _, place := range []struct{ name, open string }{
		{"the page", ""},
		{"the reminder", "#open-reminder"},
		{"the settings", "#open-settings"},
		{"the notes", "#open-notes"},
		{"the picker", ".react"},
	} {
		if place.open != "" {
			p.click(place.open)
		}
		controls := 0
		for _, node := range command(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
			if node.Ignored || node.Role == nil {
				continue
			}
			role := strings.Trim(string(node.Role.Value), `"`)
			if !slices.Contains([]string{"button", "link", "textbox", "radio", "combobox", "spinbutton", "dialog", "log"}, role) {
				continue
			}
			controls++
			if name := strings.Trim(string(node.Name.Value), `" `); name == "" {
				t.Errorf("on %s, a %s has no name (node %d)", place.name, role, node.BackendDOMNodeID)
			}
		}
		if controls < 3 {
			t.Errorf("on %s there are only %d controls: the test looks at the wrong place", place.name, controls)
		}
		p.press(kb.Escape)
	}
}

// TestNarrow holds the page to the width of the smallest phones, whatever
// people write.
func TestNarrow(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	wide := strings.Repeat("W", 32)
	p, other := b.join(wide, s.url()), b.join(strings.Repeat("M", 32), s.url())
	p.setTopic(strings.Repeat("topic", 20))
	other.say(strings.Repeat("long", 100))
	p.sees(strings.Repeat("long", 100))
	p.click(".react")
	p.click("#picker [aria-label=heart]")
	p.until("the heart is there", `() => document.querySelector(".chip")`)
	for _, width := range []int64{320, 375, 390, 768, 1280} {
		p.shape(width, 700)
		over := get[[]string](p, `[...document.querySelectorAll("#shell *")].filter((e) => {
			const r = e.getBoundingClientRect();
			return r.width > 1 && (r.right > innerWidth + 1 || r.left < -1);
		}).map((e) => e.tagName + "." + e.className)`)
		if len(over) > 0 {
			t.Errorf("at a width of %d these stick out: %v", width, over)
		}
	}
}
