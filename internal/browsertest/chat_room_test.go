package browsertest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestEmptyRoom: a room in which nobody has written yet says how to begin.
func TestEmptyRoom(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	p := b.join("Ada", s.url())
	p.until("it invites", `() => document.querySelector(".beginning.inviting h2")?.textContent === "It is quiet in lobby"`)
	p.click(".beginning .primary")
	p.until("a message is begun", `() => document.activeElement.id === "draft" && document.activeElement.value === "Hello! 👋"`)
	p.enter()
	p.sees("Hello! 👋")
	p.until("it is a conversation", `() => document.querySelector(".beginning:not(.inviting) h2")?.textContent === "Welcome to lobby"`)
}

// TestPendingReminders are listed with their times, and can be cancelled.
func TestPendingReminders(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())
	const pending = `(want) => [...document.querySelectorAll("#pending strong")].map((s) => s.textContent).join() === want`
	ada.remind("Leave for the lake", "900", "room")
	ada.remind("Call Grandma", "600", "me")
	ada.reload()
	ada.tool("open-reminder")
	ada.until("both are listed, the earlier first", pending, "Call Grandma,Leave for the lake")
	zone := get[string](ada, `Intl.DateTimeFormat().resolvedOptions().timeZone`)
	ada.mustShow("#reminder-zone", zone)
	ada.mustShow("#pending li:first-child small", "only you", get[string](ada, `new Intl.DateTimeFormat(undefined, { timeZoneName: "short" }).formatToParts().at(-1).value`))
	ada.mustShow("#pending li:last-child small", "everyone in lobby")
	ada.click("#pending button")
	ada.until("one is left, and has the focus", `() => document.activeElement.ariaLabel === "Cancel the reminder Leave for the lake"`)
	bo.tool("open-reminder")
	bo.until("Bo has none", `() => document.getElementById("pending-note").textContent.startsWith("You have set none")`)
}

// touch puts a finger on the middle of an element, or lifts it.
func (p *page) touch(kind input.DispatchTouchEventType, selector string, by float64) {
	p.t.Helper()
	var points []*input.TouchPoint
	if kind != input.DispatchTouchEventTypeTouchEnd {
		at := get[[2]float64](p, fmt.Sprintf(`(() => {
			const r = document.querySelector(%q).getBoundingClientRect();
			return [r.x + r.width / 2, r.y + r.height / 2];
		})()`, selector))
		points = []*input.TouchPoint{{X: at[0], Y: at[1] + by}}
	}
	command(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
}

// TestLongPress: on a phone a finger that rests on a message opens the reactions, and
// one that scrolls does not.
func TestLongPress(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	p := b.join("Ada", s.url())
	p.shape(390, 844)
	p.say("Press me")
	p.sees("Press me")
	const held = `() => document.querySelector(".bubble.held")`
	p.touch(input.DispatchTouchEventTypeTouchStart, ".bubble", 0)
	p.until("it is held", held)
	p.touch(input.DispatchTouchEventTypeTouchMove, ".bubble", 30)
	p.until("it is not held any more", `() => !document.querySelector(".bubble.held")`)
	p.touch(input.DispatchTouchEventTypeTouchEnd, "", 0)
	p.touch(input.DispatchTouchEventTypeTouchStart, ".bubble", 0)
	p.until("it is held", held)
	if open := get[bool](p, `document.getElementById("picker").matches(":popover-open")`); open {
		t.Error("the reactions are open while the finger rests")
	}
	p.touch(input.DispatchTouchEventTypeTouchEnd, "", 0)
	p.until("the reactions are open", `() => document.getElementById("picker").matches(":popover-open")`)
	if actions := get[[]string](p, `[...document.querySelectorAll("#picker .action")].map((b) => b.textContent)`); !slices.Equal(actions, []string{"Copy", "Edit", "Remove"}) {
		t.Errorf("the actions are %q", actions)
	}
	p.click("#picker [aria-label=heart]")
	p.until("the heart is there", `() => document.querySelector(".chip")?.ariaLabel === "heart, 1: you"`)
}

// TestFaces differ for names that are alike, and are the same on every page.
func TestFaces(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	p := b.join("Ada", s.url())
	face := func(p *page, name string) string {
		return run[string](p, `
			const { avatar } = await import("/avatar.js");
			const face = avatar(args[0]);
			return [face.textContent, face.className, face.style.getPropertyValue("--hue")].join();
		`, name)
	}
	seen := map[string]string{}
	for _, name := range []string{"Ada", "Adam", "Adele", "Ann", "Anna", "Ada Lovelace", "Al Lee", "A", "B", "Bo", "Bob", "Бо", "👩‍🚀 Sally", "李"} {
		f := face(p, name)
		if other, ok := seen[f]; ok {
			t.Errorf("%s looks like %s: %s", name, other, f)
		}
		seen[f] = name
	}
	if ada := face(b.join("Bo", s.url()), "Ada"); seen[ada] != "Ada" {
		t.Errorf("Ada is %s on another page", ada)
	}
}

// TestRoomMenu: on a phone, what there is to do in a room is in a menu, with words.
func TestRoomMenu(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	p := b.join("Ada", s.url())
	want := []string{"Reminders", "Notes", "Copy link", "Settings"}
	const words = `[...document.querySelectorAll("#tools button")].filter((b) => b.checkVisibility()).map((b) => b.innerText)`
	if got := get[[]string](p, words); !slices.Equal(got, want) {
		t.Errorf("on a desktop there are %q", got)
	}
	p.shape(390, 844)
	p.until("they are out of the way", `() => !document.getElementById("open-notes").checkVisibility()`)
	p.click(".opener")
	p.until("the menu is open", `() => document.getElementById("open-notes").checkVisibility()`)
	if got := get[[]string](p, words); !slices.Equal(got, want) {
		t.Errorf("on a phone there are %q", got)
	}
	p.click("#open-notes")
	p.until("the notes are open", `() => document.getElementById("notes").open`)
	p.press(kb.Escape)
	p.do("look", chromedp.Evaluate[chromedp.Void](`document.querySelector(".opener").focus()`))
	p.enter()
	p.press(kb.Escape)
	p.until("it is closed", `() => !document.getElementById("open-notes").checkVisibility()`)
}
