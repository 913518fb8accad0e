package browsertest

import (
	"testing"
	"time"
)

// TestConsoleRaw sends frames and requests as they are typed in.
func TestConsoleRaw(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t, "-api-key", "the key")
	p := b.open("Ada", s.base)
	p.ready()
	p.expectFailures()
	p.tab("raw")
	p.click("#frame-form .primary")
	p.outcome("frame-form", "NOT_CONNECTED")
	p.tab("connect")
	p.click("#mint-form .primary")
	p.isConnected()
	p.click("#link-form [value=ping]")
	p.outcome("link-form", "Pong after ")
	p.click("#link-form [value=heartbeat]")
	p.outcome("link-form", "Accepted after ")
	p.subscribe("room")

	p.tab("raw")
	p.click("#frame-form .primary")
	p.outcome("frame-form", "Answered.")
	p.mustShow("#frame-form .answer", "hotsock.pong")
	p.paste("#frame-text", `{"event": "chat", "channel": "room", "data": 12345678901234567890, "ref": "mine"}`)
	p.click("#frame-form .primary")
	p.outcome("frame-form", "Answered.")
	p.framed(1, "in", "12345678901234567890")
	p.paste("#frame-text", `{"event": "hotsock.dance", "ref": "mine"}`)
	p.click("#frame-form .primary")
	p.outcome("frame-form", "UNKNOWN_EVENT")
	p.paste("#frame-text", `no JSON`)
	p.click("#frame-form .primary")
	p.outcome("frame-form", "Sent. Without a ref")
	p.framed(1, "out", "no JSON")

	p.paste("#request-body", `{"channel": "room"}`)
	p.click("#request-form .primary")
	p.outcome("request-form", "200 OK, after ")
	p.mustShow("#request-form .answer", `"subscriptionsCount": 1`)
	p.framed(0, "out", "connectionSecret=")
	p.choose("#request-who", "nobody")
	p.click("#request-form .primary")
	p.outcome("request-form", "401 Unauthorized")
	p.choose("#request-who", "app")
	p.click("#request-form .primary")
	p.outcome("request-form", "NO_KEY")
	p.tab("app")
	p.paste("#app-key", "the key")
	p.tab("raw")
	p.choose("#request-method", "GET")
	p.paste("#request-path", "/channels?prefix=ro")
	p.click("#request-form .primary")
	p.outcome("request-form", "200 OK, after ")
	p.mustShow("#request-form .answer", `"room"`)
	p.paste("#request-path", "../console/api/config")
	p.click("#request-form .primary")
	p.outcome("request-form", "NO_PATH")
}

// TestConsoleSendsOverHTTP publishes, schedules on the clocks of another zone, and
// lists who has reacted.
func TestConsoleSendsOverHTTP(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.console("Ada", s, freely("ada"))
	p.subscribe("room")
	p.tab("send")
	p.choose("#publish-via", "http")
	p.sendEvent("room", "chat", `{"n": 12345678901234567890}`)
	p.outcome("publish-form", "Accepted as 01")
	p.framed(1, "in", `"n":12345678901234567890`)
	zone, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	due := time.Now().Add(30 * time.Minute).In(zone).Truncate(time.Minute)
	p.choose("#publish-at", due.Format("2006-01-02T15:04"))
	p.choose("#publish-zone", "Asia/Tokyo")
	p.sendEvent("room", "reminder", `"over HTTP"`)
	p.outcome("publish-form", "Scheduled for ")
	p.outcome("publish-form", "GMT+9, which is ")
	p.choose("#publish-via", "socket")
	p.sendEvent("room", "reminder", `"over the WebSocket"`)
	p.framed(1, "out", `"over the WebSocket"`)
	p.outcome("publish-form", "Scheduled for ")
	p.tab("schedules")
	p.until("both are due then", `(due) => [...document.querySelectorAll("#due .age")].map((n) => Date.parse(n.dateTime)).join() === due + "," + due`, due.UnixMilli())

	p.lookInside()
	p.click("#info ol button:nth-child(2)")
	p.until("the form is filled in", `() => document.activeElement.id === "react-reaction"`)
	p.click("#react-form [value=list]")
	p.outcome("react-form", "Nobody has reacted")
	p.click("#react-form [value=add]")
	p.outcome("react-form", "Added.")
	p.click("#react-form [value=list]")
	p.until("it is listed", `() => document.getElementById("reactions").textContent === "👍ada"`)
}

// TestConsoleTimes knows the hours that a clock shows twice or never as the server does.
func TestConsoleTimes(t *testing.T) {
	t.Parallel()
	b, s := startBrowser(t), startConsole(t)
	p := b.open("Ada", s.base)
	for _, test := range []struct{ why, at, zone, want string }{
		{"no offset", "2030-07-24T09:00", "UTC", "2030-07-24T09:00:00.000Z"},
		{"summer", "2030-07-24T09:00:05", "America/New_York", "2030-07-24T13:00:05.000Z"},
		{"winter", "2030-01-24T09:00", "America/New_York", "2030-01-24T14:00:00.000Z"},
		{"half an hour", "2030-07-24T09:00", "Asia/Kolkata", "2030-07-24T03:30:00.000Z"},
		{"twice: the first", "2030-11-03T01:30", "America/New_York", "2030-11-03T05:30:00.000Z"},
		{"never: as much later", "2030-03-10T02:30", "America/New_York", "2030-03-10T07:30:00.000Z"},
		{"just after a change", "2030-03-10T03:00", "America/New_York", "2030-03-10T07:00:00.000Z"},
		{"soon after a change", "2030-11-03T09:00", "America/New_York", "2030-11-03T14:00:00.000Z"},
	} {
		got := run[string](p, `return (await import("./times.js")).instantOf(...args).toISOString()`, test.at, test.zone)
		if got != test.want {
			t.Errorf("%s: %s in %s is %s, want %s", test.why, test.at, test.zone, got, test.want)
		}
	}
}
