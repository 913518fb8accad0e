package browsertest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())

	ada.say("Hello, Bo")
	bo.sees("Hello, Bo")
	bo.say("Hello, Ada")
	ada.sees("Hello, Ada")
	ada.sees("Hello, Bo") // its own, acknowledged
	ada.say(`<img src=x onerror="alert(1)"><script>alert(2)</script>`)
	bo.sees(`<img src=x onerror="alert(1)"><script>alert(2)</script>`)

	// A reload is the same person again, with all that was said.
	want := bo.texts()
	bo.reload()
	if diff := cmp.Diff(want, bo.texts()); diff != "" {
		t.Errorf("after a reload (-before +after):\n%s", diff)
	}
}

// TestStrangeMessages publishes what this page never would. It must not disturb
// what else is shown, nor leave anything on the console.
func TestStrangeMessages(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())
	ada.publish(
		nil, 1, "text", []int{}, map[string]any{}, // of another shape
		map[string]any{"text": nil}, map[string]any{"text": []int{1}}, map[string]any{"text": 1, "key": 1},
		map[string]any{"text": "Hi", "key": []int{}},                                            // a message, if not its key
		map[string]any{"text": "Once", "key": "k"}, map[string]any{"text": "Twice", "key": "k"}, // sent again
		map[string]any{"text": "Is it https://example.com/?a=<b>, or javascript:alert(1)"},
	)
	want := []string{"Hi", "Once", "Is it https://example.com/?a=<b>, or javascript:alert(1)"}
	bo.sees(want[2])
	if diff := cmp.Diff(want, bo.texts()); diff != "" {
		t.Errorf("live (-want +got):\n%s", diff)
	}
	if links := get[[]string](bo, `[...document.querySelectorAll(".bubble a")].map((a) => a.href)`); len(links) != 1 || links[0] != "https://example.com/?a=" {
		t.Errorf("the links are %q", links)
	}
	bo.reload()
	if diff := cmp.Diff(want, bo.texts()); diff != "" {
		t.Errorf("from history (-want +got):\n%s", diff)
	}
}

func TestTyping(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())

	ada.write("I was going to say")
	bo.until("Ada is typing", `() => document.getElementById("typing").textContent === "Ada is typing"`)
	bo.until("it wears off", `() => document.getElementById("typing").textContent === ""`)

	ada.write(" something")
	bo.until("Ada is typing again", `() => document.getElementById("typing").textContent === "Ada is typing"`)
	ada.say(".")
	bo.sees("I was going to say something.")
	if text := get[string](bo, `document.getElementById("typing").textContent`); text != "" {
		t.Errorf("%q is still shown after the message came", text)
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	const here = `(names) => [...document.querySelectorAll("#people .name")].map((n) => n.textContent).join() === names`

	ada := b.join("Ada", s.url())
	ada.until("Ada is alone", here, "Ada")
	bo := b.join("Bo", s.url())
	ada.until("Bo came", here, "Ada,Bo")
	bo.until("Bo sees both, himself first", here, "Bo,Ada")
	phone := b.join("Bo", s.url())
	phone.until("the second Bo is the same person", here, "Bo,Ada")
	phone.click("#sign-out")
	phone.until("the second Bo is asked again who he is", `() => document.getElementById("join")?.open`)
	ada.until("Bo is still there", here, "Ada,Bo")
	bo.click("#sign-out")
	ada.until("Bo is gone", here, "Ada")
}

func TestReactions(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())
	const chips = `(want) => [...document.querySelectorAll(".chip")].map((c) => c.ariaLabel).join("; ") === want`

	ada.say("Cake?")
	bo.sees("Cake?")
	bo.click(".react")
	bo.click("#picker [aria-label=heart]")
	ada.until("Bo's heart is there", chips, "heart, 1: Bo")
	ada.click(".chip") // the same, with one click
	bo.until("there are two hearts", chips, "heart, 2: you, Ada")
	bo.reload()
	bo.until("they are there after a reload", chips, "heart, 2: you, Ada")
	bo.click(".chip")
	ada.until("Bo's is taken back", chips, "heart, 1: you")
}

func TestReminders(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())
	ada.remind("Stand up", "1", "room")
	ada.sees("Stand up")
	bo.sees("Stand up")
	if who := get[string](bo, `document.querySelector(".reminder b").textContent`); who != "Reminder from Ada" {
		t.Errorf("the reminder is headed %q", who)
	}

	ada.remind("Call Grandma", "1", "me")
	const cards = `(want) => [...document.querySelectorAll("#inbox strong")].map((s) => s.textContent).join() === want`
	ada.until("the private reminder came", cards, "Call Grandma")
	ada.reload()
	ada.until("it is there until it is dismissed", cards, "Call Grandma")
	ada.click("#inbox [aria-label=Dismiss]")
	ada.reload()
	ada.until("it is gone", cards, "")
	bo.until("Bo never got it", cards, "")

	ada.remind("Never mind", "600", "room")
	ada.click("#toast button")
	ada.until("the server says that it is cancelled",
		`() => document.getElementById("toast").textContent === "The reminder is cancelled."`)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())
	ada.tool("open-settings")
	ada.fill("#settings [name=topic]", "All about tea")
	ada.click("#settings [value=teal] + .swatch")
	ada.click("#settings .primary")
	bo.hasSettings("All about tea", "teal")
	ada.hasSettings("All about tea", "teal")
	b.join("Cy", s.url()).hasSettings("All about tea", "teal") // who comes later sees it
}

func TestRooms(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())

	ada.click(`#rooms [href="#kitchen"]`)
	ada.until("Ada is in the kitchen", `() => document.getElementById("room-name").textContent === "kitchen"`)
	bo.say("Is somebody in the lobby?")
	ada.until("the lobby has one unread message",
		`() => document.querySelector('#rooms [href="#lobby"] .badge')?.textContent === "1 unread"`)
	if title := get[string](ada, `document.title`); title != "(1) kitchen · Hotsock chat" {
		t.Errorf("the page's title is %q", title)
	}
	ada.say("I am in the kitchen")
	ada.click(`#rooms [href="#lobby"]`)
	ada.sees("Is somebody in the lobby?")
	ada.until("it is read", `() => document.querySelector("#rooms .badge") === null`)
	if diff := cmp.Diff([]string{"Is somebody in the lobby?"}, bo.texts()); diff != "" {
		t.Errorf("in the lobby (-want +got):\n%s", diff)
	}
}
