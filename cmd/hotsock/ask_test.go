package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// TestHistory: the same messages, whoever asks.
func TestHistory(t *testing.T) {
	rt, url := newServer(t)
	const all = apiPage + 20 // more than a page
	for i := range all {
		publishAll(t, rt, "room", i)
	}
	if _, err := rt.Publish(t.Context(), hotsock.Message{Channel: "room", Event: hostile, Data: hostile, Store: hotsock.Forever}); err == nil {
		t.Fatal("an event has such a name")
	}
	app := newTerminal(t, url)
	user := app.with("HOTSOCK_API_KEY", "")
	first := records(t, app.must("", "history", "room", "--all", "--limit", "1", "--json"))[0].ID
	for _, row := range []struct {
		why  string
		args []string
		from int
		to   int
	}{
		{"the newest", nil, all - 20, all},
		{"some of the newest", []string{"--limit", "3"}, all - 3, all},
		{"more than a page of the newest", []string{"--limit", "110"}, all - 110, all},
		{"all", []string{"--all"}, 0, all},
		{"after the first", []string{"--after", first}, 1, all},
		{"two after the first", []string{"--after", first, "--limit", "2"}, 1, 3},
		{"before the first", []string{"--before", first}, 0, 0},
		{"of an event", []string{"--event", "chat", "--limit", "2"}, all - 2, all},
		{"of another event", []string{"--event", "other", "--all"}, 0, 0},
	} {
		for who, x := range map[string]*terminal{"app": app, "client": user} {
			got := records(t, x.must("", append([]string{"history", "room", "--json"}, row.args...)...))
			if len(got) != row.to-row.from {
				t.Errorf("%s, as %s: %d messages, want %d", row.why, who, len(got), row.to-row.from)
				continue
			}
			for i, r := range got {
				if string(r.Data) != strconv.Itoa(row.from+i) || r.Channel != "room" || r.Event != "chat" || r.Version != 1 || r.ID == "" {
					t.Errorf("%s, as %s: %+v is message %d", row.why, who, r, i)
				}
			}
		}
	}
	if text := app.must("", "history", "room", "--limit", "1"); !strings.HasSuffix(text, fmt.Sprintf("  room  chat  -  %d\n", all-1)) {
		t.Errorf("for people it is %q", text)
	}
	for _, args := range [][]string{{"--limit", "-1"}, {"--limit", "1001"}, {"--all", "--before", first}} {
		if code, _, errs := app.run("", append([]string{"history", "room"}, args...)...); code != exitUsage {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
	pam := user.with("HOTSOCK_TOKEN", mustSign(t, hotsock.Claims{UID: "pam"}))
	if code, _, errs := pam.run("", "history", "room"); code != exitRefused || !strings.Contains(errs, "PERMISSION_DENIED") {
		t.Errorf("without permission: exit code %d: %s", code, errs)
	}
	pages := 0
	loop := newTerminal(t, serve(t, "/rt", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		pages++
		fmt.Fprint(w, `{"messages":[],"next":"x"}`)
	})))
	if loop.must("", "history", "room", "--all"); pages != 2 {
		t.Errorf("a server whose pages have no end was asked %d times", pages)
	}
}

// TestPresence: who is there.
func TestPresence(t *testing.T) {
	_, url := newServer(t)
	app := newTerminal(t, url)
	f := follow(t, app, "presence.lobby", "--uid", "jim", "--info")
	waitFor(t, f, "subscriptions: 0")
	named := follow(t, app.with("HOTSOCK_TOKEN", mustSign(t, claims("room.1", "pam"))), "room.1", "--info")
	waitFor(t, named, "subscriptions: 1")
	for who, x := range map[string]*terminal{"app": app, "client": app.with("HOTSOCK_API_KEY", "")} {
		if got := x.must("", "presence", "presence.lobby"); got != "presence.lobby: 0 subscriptions\n  jim\n" {
			t.Errorf("as %s it is %q", who, got)
		}
		if got := x.must("", "presence", "room.1", "--json"); got != `{"name":"room.1","subscriptionsCount":1}`+"\n" {
			t.Errorf("as %s it is %q", who, got)
		}
	}
	if got := app.must("", "presence"); got != "presence.lobby: 0 subscriptions, 1 members\nroom.1: 1 subscriptions\n" {
		t.Errorf("the channels are %q", got)
	}
	if got := app.must("", "presence", "--prefix", "room", "--json"); got != `{"name":"room.1","subscriptionsCount":1}`+"\n" {
		t.Errorf("as JSON they are %q", got)
	}
	for _, row := range []struct {
		x    *terminal
		args []string
	}{
		{app.with("HOTSOCK_API_KEY", ""), nil},
		{app, []string{"room", "--prefix", "r"}},
	} {
		if code, _, errs := row.x.run("", append([]string{"presence"}, row.args...)...); code != exitUsage {
			t.Errorf("%v: exit code %d: %s", row.args, code, errs)
		}
	}
	f.end(t)
	named.end(t)
}

// TestCall: what the app answers.
func TestCall(t *testing.T) {
	rt, url := newServer(t)
	rt.Handle("add", hotsock.Typed(func(_ context.Context, c hotsock.Call, in struct{ A, B int }) (any, error) {
		if in.A < 0 {
			return nil, &hotsock.Error{Code: "TOO_SMALL", Message: "\x1b[2J"}
		}
		return map[string]any{"sum": in.A + in.B, "by": c.UID, "on": c.Channel}, nil
	}))
	rt.Handle("nothing", func(context.Context, hotsock.Call) (any, error) { return nil, nil })
	x := newTerminal(t, url)
	for _, row := range []struct {
		why, stdin string
		args       []string
		want       string
	}{
		{"parameters", "", []string{"add", `{"A":1,"B":2}`, "--uid", "jim"}, `{"by":"jim","on":"","sum":3}`},
		{"parameters of the standard input", `{"A":1,"B":2}` + "\n", []string{"add", "-", "--uid", "jim"}, `{"by":"jim","on":"","sum":3}`},
		{"on a channel", "", []string{"add", `{"A":1,"B":2}`, "--channel", "room", "--uid", "jim"}, `{"by":"jim","on":"room","sum":3}`},
		{"no parameters, no result", "", []string{"nothing"}, "null"},
	} {
		if got := x.must(row.stdin, append([]string{"call"}, row.args...)...); got != row.want+"\n" {
			t.Errorf("%s: %s, want %s", row.why, got, row.want)
		}
	}
	for _, row := range []struct {
		why  string
		x    *terminal
		args []string
		code int
		says string
	}{
		{"an error of the app", x, []string{"add", `{"A":-1}`}, exitFailed, `TOO_SMALL: \u001b[2J`},
		{"no such method", x, []string{"subtract"}, exitFailed, "UNKNOWN_METHOD"},
		{"no JSON", x, []string{"add", "1 2"}, exitUsage, "not JSON"},
		{"no permission", x.with("HOTSOCK_TOKEN", mustSign(t, hotsock.Claims{UID: "pam"})), []string{"add"}, exitRefused, "CALL_PERMISSION_DENIED"},
	} {
		if code, _, errs := row.x.run("", append([]string{"call"}, row.args...)...); code != row.code || !strings.Contains(errs, row.says) {
			t.Errorf("%s: exit code %d, want %d: %s", row.why, code, row.code, errs)
		}
	}
}
