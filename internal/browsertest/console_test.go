package browsertest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
)

// TestConsole makes a token, connects, subscribes, publishes and watches.
func TestConsole(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.open("Ada", s.base)
	p.ready()
	p.click("#mint-form .primary") // as it is
	p.until("it is connected", `() => document.getElementById("status").textContent === "Connected as me"`)
	p.outcome("mint-form", "Connected.")
	p.mustShow("#claims", "connect", "me", "historyStart the beginning", "store 3600 s", "pattern")
	p.framed(1, "in", "hotsock.connected")
	if strings.Contains(p.shows("#frames"), "connectionSecret") && !strings.Contains(p.shows("#frames"), "(hidden)") {
		t.Errorf("the secret is shown: %s", p.shows("#frames"))
	}

	p.subscribe("room.1")
	p.mustShow("#subscriptions", "room.1")
	const number = "12345678901234567890.10" // JavaScript would change it
	p.sendEvent("room.1", "chat", `{"n": `+number+`}`)
	p.outcome("publish-form", "Accepted as 01")
	p.framed(1, "out", "chat")
	p.framed(1, "in", "chat")
	p.openFrame("chat")
	p.mustShow("#frames [open] .json", number)

	p.paste("#publish-data", `{"n": }`)
	p.click("#publish-form .primary")
	p.until("it says that this is no JSON", `() => document.querySelector("#publish-form .problem").textContent.startsWith("This is not JSON")`)
	p.framed(1, "out", "chat")

	p.paste("#filter", "event:chat channel:ROOM")
	p.until("only chat is shown", `() => [...document.querySelectorAll("#frames > li:not([hidden])")].every((li) => li.innerText.includes("chat"))`)
	p.framed(1, "in", "chat")
	p.choose("#direction", "in")
	p.framed(0, "out", "chat")
	p.paste("#filter", "nothing has this")
	p.framed(0, "in", "")
	p.paste("#filter", "a")
	p.press(kb.Backspace)
	p.framed(1, "in", "hotsock.connected")

	p.click("#pause")
	p.sendEvent("room.1", "chat", `"while paused"`)
	p.outcome("publish-form", "Accepted as 01")
	p.until("frames wait", `() => /paused, [1-9]/.test(document.getElementById("traffic-note").textContent)`)
	p.framed(0, "in", "while paused")
	p.click("#pause")
	p.framed(1, "in", `"while paused"`)
	p.click("#clear")
	p.framed(0, "in", "")

	p.tab("channels")
	p.click("#subscriptions button:last-child")
	p.outcome("subscribed", "Unsubscribed from room.1")
	p.until("there is no subscription", `() => document.querySelectorAll("#subscriptions li").length === 0`)
	p.click("#disconnect")
	p.until("it is disconnected", `() => document.getElementById("status").textContent === "Not connected"`)
}

func TestConsoleStorage(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Ada", s, freely("ada"))
	p.subscribe("board")
	p.tab("storage")
	p.paste("#storage-channel", "board")
	p.click("#storage-form [value=set]") // without a key
	p.until("the key is asked for", `() => document.querySelector("#storage-key:invalid")`)
	p.store("set", "board", "title", `{"text": "Launch", "by": 7}`)
	p.outcome("storage-form", "Set.")
	p.framed(1, "in", "hotsock.channelStorageUpdated") // it observes
	p.paste("#storage-data", "")
	p.click("#storage-form [value=get]")
	p.until("the entry is read", `() => document.getElementById("storage-data").value === '{\n  "text": "Launch",\n  "by": 7\n}'`)
	p.outcome("storage-form", "Written by ada.")
	p.listEntries(1)
	p.mustShow("#entries", "title", "Launch", "by ada")
	p.paste("#storage-data", "null")
	p.click("#storage-form [value=set]")
	p.outcome("storage-form", "Set.")
	p.click("#storage-form [value=list]")
	p.outcome("storage-form", "There are no entries")
}

func TestConsoleSchedules(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Ada", s, freely("ada"))
	p.subscribe("room")

	// Cancelled by the client that made it.
	p.tab("send")
	p.set("#publish-at", time.Now().Add(30*time.Minute))
	p.sendEvent("room", "reminder", `"one"`)
	p.outcome("publish-form", "Scheduled for")
	p.click("#publish-form .outcome button")
	p.outcome("publish-form", "Cancelled.")
	// By the host.
	p.sendEvent("room", "reminder", `"two"`)
	p.outcome("publish-form", "Scheduled for")
	p.tab("schedules")
	p.until("it is listed", `() => document.querySelectorAll("#due > li").length === 1`)
	p.mustShow("#due", "reminder", "room", "by ada", `"two"`)
	p.click("#due button")
	p.outcome("schedules-form", "Cancelled: reminder on room.")
	p.until("there is none any more", `() => document.getElementById("due").textContent === "Nothing is scheduled."`)
	// Carried out.
	p.tab("send")
	p.set("#publish-at", time.Now().Add(10*time.Second))
	p.sendEvent("room", "reminder", `"three"`)
	p.outcome("publish-form", "Scheduled for")
	p.framed(1, "in", `"three"`)
	// What people choose is blamed on the time, if on anything.
	p.choose("#publish-at", "2020-07-24T09:00") // as a browser writes it without seconds
	p.sendEvent("room", "reminder", `"four"`)
	p.outcome("publish-form", "INVALID_SCHEDULE_EXPRESSION: the scheduled time has passed")
	p.choose("#publish-at", time.Now().UTC().Add(30*time.Minute).Format("2006-01-02T15:04"))
	p.sendEvent("room", "reminder", `"five"`)
	p.outcome("publish-form", "Scheduled for")
	p.choose("#publish-at", "12027-07-24T09:00")
	p.click("#publish-form .primary")
	p.until("the year is too far away", `() => document.querySelector("#publish-at:invalid")`)
}

func TestConsoleOnline(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Ada", s, freely("ada"))
	p.subscribe("presence.room")
	p.subscribe("lobby")
	p.tab("online")
	p.until("both are listed", `() => document.querySelectorAll("#online-channels > li").length === 2`)
	p.mustShow("#online-channels", "lobby", "1 subscription", "presence.room", "1 member")
	p.until("Ada is listed", `() => document.querySelectorAll("#connections > li li").length === 1`)
	p.mustShow("#connections", "ada", "1 connection", "2 subscriptions", "127.0.0.1", "Mozilla")
	p.paste("#connections-uid", "nobody")
	p.click("#connections-form .ask button")
	p.until("there is none", `() => document.getElementById("connections").textContent === "Nobody is connected."`)
	p.paste("#online-prefix", "pres")
	p.click("#online-channels-form .ask button")
	p.until("one is listed", `() => document.querySelectorAll("#online-channels > li").length === 1`)
	p.click("#online-channels button")
	p.until("it is looked into", `() => document.getElementById("info").checkVisibility()`)
	p.mustShow("#inside", "presence.room", "ada")
}

func TestConsoleReactsAndLooksInside(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Ada", s, freely("ada"))
	p.subscribe("presence.room")
	p.sendEvent("presence.room", "chat", `"Hello"`)
	p.framed(1, "in", `"Hello"`)
	p.openFrame("chat")
	p.click("#frames [open] + .tools button:first-child")
	p.until("the form is filled in", `() => document.getElementById("react-channel").value === "presence.room" && document.activeElement.id === "react-reaction"`)
	p.click("#react-form [value=add]")
	p.outcome("react-form", "Added.")
	p.lookInside()
	p.mustShow("#info", "1 subscription", "Members (1)", "ada", "Storage (0)", "History (1)", `"Hello"`, "by ada", "👍 1")
	p.tab("send")
	p.click("#react-form [value=remove]")
	p.outcome("react-form", "Removed.")
}

func TestConsoleCalls(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Ada", s, `{"scope":"connect","exp":4000000000,"uid":"ada","calls":{"order.*":true}}`)
	p.tab("send")
	p.paste("#call-method", "order.place")
	p.paste("#call-params", `{"n"`)
	p.click("#call-form button")
	p.until("the parameters are not JSON", `() => document.querySelector("#call-form .problem").textContent !== ""`)
	p.paste("#call-params", `{"n":1}`)
	p.click("#call-form button")
	p.outcome("call-form", "UNKNOWN_METHOD: there is no such method")
	p.paste("#call-method", "cancel")
	p.click("#call-form button")
	p.outcome("call-form", "CALL_PERMISSION_DENIED")
	p.click("#call-form .outcome button")
	p.until("it is explained", `() => document.querySelector("#explanation .verdict")?.textContent.startsWith("No")`)
}

func TestConsoleExplains(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.open("Ada", s.base)
	p.expectBrokenLinks() // Chromium tells of the refused WebSocket
	p.connectWith("nonsense")
	p.until("it says why it is not connected", `() => document.getElementById("connect-problem").textContent.includes("not three parts")`)

	claims := fmt.Sprintf(`{"scope":"connect","exp":%d,"uid":"ada","channels":{
		"room.*":{"subscribe":true,"messages":{"*":{"publish":true}}},
		"room.hr":{"messages":{"chat":{"publish":false}}}}}`, time.Now().Add(time.Hour).Unix())
	p.paste("#connect-token", s.token(claims))
	p.click("#connect-form [value=connect]")
	p.isConnected()
	p.mustShow("#claims", "room.hr", "not publish")
	p.subscribe("room.hr")
	p.sendEvent("room.hr", "chat", `1`)
	p.outcome("publish-form", "PUBLISH_PERMISSION_DENIED")
	p.click("#publish-form .outcome button")
	p.until("it is explained", `() => document.querySelector("#explanation .verdict")`)
	p.mustShow("#explanation .verdict", "No", "PUBLISH_PERMISSION_DENIED")
	p.mustShow("#explanation .reason", `publish is false under channels["room.hr"].messages["chat"] of the connect token`)
	p.mustShow("#explanation .counts", "room.hr", "counts")

	// Another question, of claims that were typed in.
	p.choose("#explain-action", "stop")
	p.paste("#explain-channel", "presence.x")
	p.paste("#explain-event", "answer")
	p.paste("#explain-token", `{"uid":"ada","channels":{"presence.*":{"subscribe":true,"messages":{"answer":{"stop":"own"}}}}}`)
	p.click("#explain-form .primary")
	p.until("it is explained", `() => document.querySelector("#explanation .reason")?.textContent.includes("only of messages of its own")`)
	p.choose("#explain-action", "subscribe")
	p.until("there is no event to fill in", `() => !document.getElementById("explain-event").checkVisibility()`)
	p.paste("#explain-channel", "presence.x")
	p.paste("#explain-token", `{"channels":{"presence.*":{"subscribe":true}}}`)
	p.click("#explain-form .primary")
	p.until("it is explained", `() => document.querySelector("#explanation .reason")?.textContent.includes("need a uid")`)
	p.paste("#explain-token", s.token(`{"scope":"connect","exp":1000,"uid":"ada","channels":{"presence.*":{"subscribe":true}}}`))
	p.click("#explain-form .primary")
	p.until("it has expired", `() => document.querySelector("#explanation .reason")?.textContent.includes("expired at 1970")`)
	p.click("#explanation button")
	p.until("its claims are explained", `() => document.querySelector("#explanation .verdict").textContent === "Yes"`)
	p.paste("#explain-token", `{"channels":`)
	p.click("#explain-form .primary")
	p.until("it says what is wrong", `() => document.querySelector("#explain-form .problem").textContent.includes("JSON")`)
}

// TestConsoleShowsHostileContent has names and messages that would run as HTML,
// everywhere they are shown. The page's problems would include what its policy
// had to stop.
func TestConsoleShowsHostileContent(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Mallory", s, freely(`<img src=x onerror=alert(1)>`))
	const channel, event, key = `presence.<script>alert(1)</script>`, `<img/src=x/onerror=alert(2)>`, `<svg/onload=alert(3)>`
	data := `{"<b>name</b>":"<img src=x onerror=alert(4)>","turned":"` + "\u202e" + `gnp.exe"}`
	p.subscribe(channel)
	p.sendEvent(channel, event, data)
	p.outcome("publish-form", "Accepted")
	p.framed(1, "in", event)
	p.openFrame(event)
	p.mustShow("#frames [open] .json", "<img src=x onerror=alert(4)>", `\u202egnp.exe`)
	p.store("set", channel, key, data)
	p.outcome("storage-form", "Set.")
	p.listEntries(1)
	p.set("#publish-at", time.Now().Add(30*time.Minute))
	p.sendEvent(channel, event, data)
	p.outcome("publish-form", "Scheduled")
	p.tab("schedules")
	p.until("it is listed", `() => document.querySelectorAll("#due > li").length === 1`)
	p.mustShow("#due", event, channel)
	p.lookInside()
	p.mustShow("#info", key, event, `<img src=x onerror=alert(1)>`)
	p.tab("explain")
	p.choose("#explain-action", "subscribe")
	p.paste("#explain-channel", channel)
	p.paste("#explain-token", `{"channels":{"`+channel+`":{"subscribe":false}}}`)
	p.click("#explain-form .primary")
	p.until("it is explained", `() => document.querySelector("#explanation .keys")`)
	p.mustShow("#explanation", channel)
	if n := get[int](p, `document.querySelectorAll("main img, main script, main svg, main b").length`); n > 0 {
		t.Errorf("%d elements were made of messages", n)
	}
}

// TestConsoleIsBounded sends more than the page keeps.
func TestConsoleIsBounded(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t, "-api-key", "key")
	p := b.console("Ada", s, freely("ada"))
	p.subscribe("flood")
	const n = 600
	for i := range n {
		r, err := http.NewRequest(http.MethodPost, strings.Replace(s.base, "/console/", "/rt/publish", 1),
			strings.NewReader(fmt.Sprintf(`{"channel":"flood","event":"drop","data":"number %d."}`, i)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer key")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	p.framed(1, "in", fmt.Sprintf("number %d.", n-1))
	p.until("only the newest are kept", `() => document.querySelectorAll("#frames > li").length === 500`)
	p.framed(0, "in", "number 1.")
	p.mustShow("#traffic-note", "500 frames", "older dropped")
}
