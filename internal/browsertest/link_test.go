package browsertest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestServerRestart(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	ada, bo := b.join("Ada", s.url()), b.join("Bo", s.url())
	ada.say("Before")
	bo.sees("Before")

	ada.expectBrokenLinks()
	bo.expectBrokenLinks()
	s.stop()
	for _, p := range []*page{ada, bo} {
		p.until("the page says that the link is lost", `() => !document.getElementById("trouble").hidden`)
	}
	ada.say("Meanwhile")
	ada.until("it waits to be sent", messagesWith+` => messages(text, "sending").length === 1`, "Meanwhile")

	// Keys and messages of the old process are gone: the pages need new tokens,
	// and keep what they show.
	s.start()
	ada.connected()
	bo.connected()
	bo.sees("Meanwhile")
	ada.sees("Meanwhile")
	bo.say("After")
	ada.sees("After")
	for _, p := range []*page{ada, bo} {
		if diff := cmp.Diff([]string{"Before", "Meanwhile", "After"}, p.texts()); diff != "" {
			t.Errorf("on %s's page (-want +got):\n%s", p.name, diff)
		}
		p.until("the page says that all is well", `() => document.getElementById("trouble").hidden`)
	}
}

func TestBrokenLink(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startServer(t)
	link := startLink(t, s.addr)
	ada, bo := b.join("Ada", "http://"+link.addr+"/"), b.join("Bo", s.url())
	ada.say("One")
	bo.sees("One")

	const listed = `performance.getEntriesByType("resource").filter((e) => e.name.includes("listMessages")).length`
	before := get[int](ada, listed)
	ada.expectBrokenLinks()
	link.cut()
	ada.until("the page says that the link is lost", `() => !document.getElementById("trouble").hidden`)
	bo.say("Two")
	bo.click(".react")
	bo.click(`#picker [aria-label="thumbs up"]`)
	bo.sees("Two")
	ada.say("Three")
	link.mend()

	ada.sees("Two")
	bo.sees("Three")
	ada.until("the reaction was caught up with",
		`() => document.querySelector(".chip")?.ariaLabel === "thumbs up, 1: Bo"`)
	if n := get[int](ada, listed) - before; n != 0 {
		t.Errorf("history was listed %d times: what was missed should have come by itself", n)
	}
	for _, p := range []*page{ada, bo} {
		if diff := cmp.Diff([]string{"One", "Two", "Three"}, p.texts()); diff != "" {
			t.Errorf("on %s's page (-want +got):\n%s", p.name, diff)
		}
	}
}
