package browsertest

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// What a person does and sees on the support desk's page.

func startDesk(t *testing.T) *server { return startExample(t, deskBinary) }

// enter signs somebody of the demo data in.
func (b *browser) enter(uid, url string) *page {
	b.t.Helper()
	p := b.open(uid, url)
	p.fill("[name=email]", uid+"@example.com")
	p.fill("[name=password]", "demo")
	p.click("#sign-in .primary")
	p.until("the desk is there", `() => document.documentElement?.dataset.link === "open"`)
	p.until("the tickets are there", `() => document.querySelector("#tickets[aria-busy=false]")`)
	return p
}

// openTicket writes a new ticket, and waits until it is shown.
func (p *page) openTicket(subject, text string) {
	p.t.Helper()
	p.click("#new")
	p.fill("#new-ticket [name=subject]", subject)
	p.fill("#new-ticket [name=text]", text)
	p.click("#new-ticket .primary")
	p.reads(text)
}

// pick opens a ticket of the list.
func (p *page) pick(subject string) {
	p.t.Helper()
	p.until("it is in the list", `(subject) => [...document.querySelectorAll(".ticket")].some((t) => t.textContent.includes(subject))`, subject)
	p.do("pick "+subject, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		`[...document.querySelectorAll(".ticket")].find((t) => t.textContent.includes(%q)).click()`, subject)))
	p.until("it is open", `(subject) => document.querySelector(".title h2")?.textContent === subject`, subject)
	p.until("its messages are there", `() => document.querySelector(".messages")?.ariaBusy === "false"`)
}

// reads waits until a message or a note is there, once.
func (p *page) reads(text string) {
	p.t.Helper()
	p.until("it shows "+text+" once", `(text) => [...document.querySelectorAll(".note, [data-state=sent] .bubble")]
		.filter((b) => b.textContent === text).length === 1`, text)
}

// writes sends a message on the ticket that is open.
func (p *page) writes(text string) {
	p.t.Helper()
	p.do("write "+text, chromedp.SendKeys(chromedp.CSS(".composer textarea"), text))
	p.enter()
}

// act clicks on a button with this text.
func (p *page) act(label string) {
	p.t.Helper()
	p.until("there is "+label, `(label) => [...document.querySelectorAll("button")].some((b) => b.textContent === label && b.checkVisibility())`, label)
	p.do(label, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
		`[...document.querySelectorAll("button")].find((b) => b.textContent === %q && b.checkVisibility()).click()`, label)))
}
