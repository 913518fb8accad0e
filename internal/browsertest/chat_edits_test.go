package browsertest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"
)

// change chooses what is done with the newest message of one's own.
func (p *page) change(action string) {
	p.t.Helper()
	p.click(".message.own:nth-last-child(1 of .own) .react")
	p.do(action, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		`[...document.querySelectorAll("#picker .action")].find((b) => b.textContent === %q).click()`, action)))
}

// Messages are edited and removed by those who wrote them, and by nobody else.
func TestEditingMessages(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())
	ada.say("Helo")
	bo.sees("Helo")
	ada.sees("Helo")
	ada.write("What I was about to say")
	ada.change("Edit")
	ada.until("the message is there to be edited", `() => !document.getElementById("editing").hidden && document.getElementById("draft").value === "Helo"`)
	ada.press(kb.Escape)
	ada.until("the draft is back", `() => document.getElementById("editing").hidden && document.getElementById("draft").value === "What I was about to say"`)
	ada.change("Edit")
	ada.fill("#draft", "Hello")
	ada.enter()
	const edited = `() => document.querySelector(".message:last-child .state").textContent === "edited"`
	for _, p := range []*page{ada, bo} {
		p.sees("Hello")
		p.until("it is marked as edited", edited)
	}
	ada.until("the draft is back", `() => document.getElementById("draft").value === "What I was about to say"`)
	bo.reload()
	bo.sees("Hello")
	bo.until("it is still marked", edited)
	bo.click(".react")
	if n := get[int](bo, `document.querySelectorAll("#picker .action").length`); n > 0 {
		t.Errorf("Bo is offered %d ways to change Ada's message", n)
	}
	bo.press(kb.Escape)

	// The same person elsewhere was faster.
	phone := b.join("Ada", s.url())
	phone.change("Edit")
	phone.fill("#draft", "Hello from the phone")
	ada.change("Edit")
	ada.fill("#draft", "Hello from the desk")
	ada.enter()
	phone.sees("Hello from the desk")
	phone.until("it is still being edited", `() => document.getElementById("draft").value === "Hello from the phone"`)
	phone.enter()
	phone.sees("Hello from the phone") // knowing of the other one

	ada.sees("Hello from the phone")
	ada.change("Remove")
	for _, p := range []*page{ada, bo, phone} {
		p.until("it is removed", `() => [...document.querySelectorAll(".message[data-state=removed] .bubble")].map((b) => b.textContent).join() === "This message was removed"`)
	}
	bo.reload()
	if texts := bo.texts(); len(texts) > 0 {
		t.Errorf("after a reload there are %q", texts)
	}
}

// Two who change different settings at once both have their way.
func TestSettingsAtOnce(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())
	ada.tool("open-settings")
	bo.tool("open-settings")
	ada.fill("#settings [name=topic]", "All about tea")
	bo.click("#settings [value=teal] + .swatch")
	const save = `document.querySelector("#settings .primary").click()`
	ada.do("save", chromedp.Evaluate[chromedp.Void](save))
	bo.do("save", chromedp.Evaluate[chromedp.Void](save))
	for _, p := range []*page{ada, bo} {
		p.hasSettings("All about tea", "teal")
	}
}

// Two write in the notes at once, and all that they write is there.
func TestNotesAtOnce(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())
	ada.tool("open-notes")
	bo.tool("open-notes")
	ada.fill("#notes textarea", "–")
	bo.until("Ada's line is there", `() => document.querySelector("#notes textarea").value === "–"`)
	const words = 30
	write := func(p *page, how string) {
		p.do("begin to write", chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
			const field = document.querySelector("#notes textarea");
			let n = 0;
			const timer = setInterval(() => {
				if (n === %d) return clearInterval(timer);
				field.value = %s;
				n++;
				field.dispatchEvent(new Event("input"));
			}, 50);
		}`, words, how)))
	}
	write(ada, "`a${n} ${field.value}`")
	write(bo, "`${field.value} b${n}`")
	want := []string{"–"}
	for n := range words {
		want = slices.Concat([]string{fmt.Sprint("a", n)}, want, []string{fmt.Sprint("b", n)})
	}
	for _, p := range []*page{ada, bo} {
		p.until("all is there and saved", `(n, last) => {
			const words = document.querySelector("#notes textarea").value.split(" ");
			return words.length >= n && last.every((word) => words.includes(word)) && document.getElementById("notes-state").textContent === "Saved";
		}`, 2*words+1, []string{fmt.Sprint("a", words-1), fmt.Sprint("b", words-1)})
	}
	for _, p := range []*page{ada, bo} {
		if got := get[string](p, `document.querySelector("#notes textarea").value`); got != strings.Join(want, " ") {
			t.Errorf("%s has %q", p.name, got)
		}
	}

	// The one who reads keeps the place where the caret is, and who comes later sees it all.
	bo.do("put the caret before the dash", chromedp.Evaluate[chromedp.Void](`{
		const field = document.querySelector("#notes textarea");
		field.focus();
		field.setSelectionRange(field.value.indexOf("–"), field.value.indexOf("–"));
	}`))
	ada.do("write at the beginning", chromedp.Evaluate[chromedp.Void](`{
		const field = document.querySelector("#notes textarea");
		field.value = "First: " + field.value;
		field.dispatchEvent(new Event("input"));
	}`))
	bo.until("the caret is still there", `() => {
		const field = document.querySelector("#notes textarea");
		return field.value.startsWith("First: ") && field.selectionStart === field.value.indexOf("–");
	}`)
	cy := b.join("Cy", s.url())
	cy.tool("open-notes")
	cy.until("Cy sees it, too", `(text) => document.querySelector("#notes textarea").value === text`, "First: "+strings.Join(want, " "))
}

// Merging has both changes, whatever they are.
func TestMerge(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	p := b.join("Ada", s.url())
	for _, test := range []struct{ why, base, theirs, mine, want string }{
		{"only I have changed it", "a", "a", "ab", "ab"},
		{"only they have", "a", "ab", "a", "ab"},
		{"both the same", "a", "ab", "ab", "ab"},
		{"before theirs", "one two", "one two three", "zero one two", "zero one two three"},
		{"after theirs", "one two", "zero one two", "one two three", "zero one two three"},
		{"both at the end", "one", "one two", "one three", "one two three"},
		{"both from nothing", "", "a", "b", "ab"},
		{"they remove, I add elsewhere", "one two three", "three", "one two three four", "three four"},
		{"I remove, they add elsewhere", "one two three", "one two three four", "three", "three four"},
		{"they clear it all", "one two", "", "one big two", "big "},
		{"halves of emoji stay together", "👍", "👍👎", "👏", "👏👎"},
	} {
		got := run[string](p, `return (await import("/merge.js")).merge(...args)`, test.base, test.theirs, test.mine)
		if got != test.want {
			t.Errorf("%s: merge(%q, %q, %q) = %q, want %q", test.why, test.base, test.theirs, test.mine, got, test.want)
		}
	}
	got := run[[]int](p, `
		const { moved } = await import("/merge.js");
		return [moved("abc", "xabc", 2), moved("abc", "abcx", 2), moved("abc", "axc", 2), moved("abc", "", 2), moved("", "abc", 0)];
	`)
	if diff := cmp.Diff([]int{3, 2, 2, 0, 0}, got); diff != "" {
		t.Errorf("moved (-want +got):\n%s", diff)
	}
}

// A reminder for a time, as browsers write it: without seconds.
func TestReminderAtATime(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	p := b.join("Ada", s.url())
	p.tool("open-reminder")
	p.fill("#reminder [name=text]", "Call Grandma")
	p.choose("#reminder [name=unit]", "at")
	p.choose("#reminder [name=at]", "2020-07-24T09:00")
	p.click("#reminder .primary")
	p.until("it is told of the time", `() => document.querySelector("#reminder .problem").textContent === "the scheduled time has passed"`)
	p.do("choose a time", chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const at = new Date(%d);
		document.querySelector("#reminder [name=at]").value = new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
	}`, time.Now().Add(48*time.Hour).UnixMilli())))
	p.click("#reminder .primary")
	p.until("the reminder is set", `() => document.getElementById("toast").textContent.startsWith("Reminder set for")`)
}
