package browsertest

import (
	"encoding/json"
	"fmt"

	"github.com/chromedp/chromedp"
)

// What a person does and sees on the chat's page.

// join opens the chat, and goes into its lobby.
func (b *browser) join(name, url string) *page {
	b.t.Helper()
	p := b.open(name, url)
	p.fill("#join-form [name=name]", name)
	p.click("#join-form .primary")
	p.connected()
	return p
}

func (p *page) connected() {
	p.t.Helper()
	p.until("the page is connected", `() => document.documentElement.dataset.link === "open"`)
	p.until("history is there", `() => document.querySelector(".beginning")?.textContent !== "Loading messages…"`)
}

// reload loads the page again.
func (p *page) reload() {
	p.t.Helper()
	p.do("reload", chromedp.Reload())
	p.connected()
}

// write types into the field for messages.
func (p *page) write(keys string) {
	p.t.Helper()
	p.do("write "+keys, chromedp.SendKeys(chromedp.CSS("#draft"), keys))
}

// say writes a message and sends it with the Enter key.
func (p *page) say(text string) {
	p.t.Helper()
	p.write(text)
	p.enter()
}

// sees waits until a message with that text is there, once.
func (p *page) sees(text string) {
	p.t.Helper()
	p.until("it shows "+text+" once", messagesWith+` => messages(text, "sent").length === 1`, text)
}

// tool presses one of the buttons of a room. On a phone they are in a menu.
func (p *page) tool(id string) {
	p.t.Helper()
	if get[bool](p, `document.querySelector(".opener").checkVisibility()`) {
		p.click(".opener")
	}
	p.click("#" + id)
}

// setTopic says what the room is about.
func (p *page) setTopic(topic string) {
	p.t.Helper()
	p.tool("open-settings")
	p.fill("#settings [name=topic]", topic)
	p.click("#settings .primary")
	p.until("the topic is set", `(topic) => document.getElementById("room-topic").textContent === topic`, topic)
}

// hasSettings waits until the room is about that, in that colour.
func (p *page) hasSettings(topic, colour string) {
	p.t.Helper()
	p.until("the room is about "+topic+", and "+colour, `(topic, colour) => document.getElementById("room-topic").textContent === topic &&
		document.documentElement.dataset.colour === colour`, topic, colour)
}

// remind sets a reminder for the room or, with "me", for oneself.
func (p *page) remind(text, seconds, whom string) {
	p.t.Helper()
	p.tool("open-reminder")
	p.fill("#reminder [name=text]", text)
	p.fill("#reminder [name=amount]", seconds)
	p.click("#reminder [value=" + whom + "] + span")
	p.click("#reminder .primary")
	p.until("the reminder is set", `() => !document.getElementById("reminder").open`)
}

// messagesWith begins a condition about the messages with a text in a state.
const messagesWith = `(text, messages = (text, state) =>
	[...document.querySelectorAll(".message[data-state=" + state + "] .bubble")].filter((b) => b.textContent === text))`

// texts returns the texts of all messages, from top to bottom.
func (p *page) texts() []string {
	p.t.Helper()
	return get[[]string](p, `[...document.querySelectorAll(".message .bubble")].map((b) => b.textContent)`)
}

// publish makes Cy publish chat messages with these data, on a connection of the
// page's own client.
func (p *page) publish(data ...any) {
	p.t.Helper()
	encoded, err := json.Marshal(data)
	if err != nil {
		p.t.Fatal(err)
	}
	p.do("publish", chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(async () => {
		const { Client } = await import("/rt/client.js");
		const { mint } = await import("/session.js");
		const token = async () => (await mint("Cy", "lobby")).token;
		const client = new Client({ token });
		const channel = client.channel("presence.room.lobby");
		client.connect();
		await channel.subscribe();
		await Promise.all(%s.map((data) => channel.publish("chat", data)));
		client.close();
	})()`, encoded), chromedp.EvalAwaitPromise))
}
