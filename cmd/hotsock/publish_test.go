package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// stored are the data of a channel's stored messages.
func stored(t *testing.T, rt *hotsock.Handler, channel string) (data []string) {
	t.Helper()
	page, err := rt.History(t.Context(), hotsock.HistoryQuery{Channel: channel})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range page.Items {
		who := ""
		if m.By != nil {
			who = m.By.UID + ": "
		}
		data = append(data, who+string(m.Data))
	}
	return data
}

// TestPublish: what is published, by whom.
func TestPublish(t *testing.T) {
	rt, url := newServer(t)
	x := newTerminal(t, url)
	user := x.with("HOTSOCK_API_KEY", "", "HOTSOCK_TOKEN", mustSign(t, claims("other", "pam")))
	for i, row := range []struct {
		why, stdin string
		x          *terminal
		args       []string
		want       string
	}{
		{"JSON", "", x, []string{`{"a": 1}`, "--store", "1h"}, `[{"a":1}]`},
		{"nothing", "", x, []string{"--store", "-1s"}, `[null]`},
		{"text", "", x, []string{"--text", `say "hi"`, "--store", "1h"}, `["say \"hi\""]`},
		{"the standard input", "[1,\n2]\n", x, []string{"-", "--store", "1h"}, `[[1,2]]`},
		{"text of the standard input", "a\nb\r\n", x, []string{"-", "--text", "--store", "1h"}, `["a\nb"]`},
		{"lines", "1\n\n{\"b\":2}\r\n", x, []string{"--lines", "--store", "1h"}, `[1 {"b":2}]`},
		{"lines of text", "a\n\nb", x, []string{"--lines", "--text", "--store", "1h"}, `["a" "" "b"]`},
		{"in a user's name", "", x, []string{"1", "--uid", "jim", "--store", "1h"}, `[jim: 1]`},
		{"as a client", "", user, []string{"1"}, `[pam: 1]`},
	} {
		channel := fmt.Sprint("c", i)
		if row.x == user {
			row.x = x.with("HOTSOCK_API_KEY", "", "HOTSOCK_TOKEN", mustSign(t, storing(channel)))
		}
		ids := strings.Fields(row.x.must(row.stdin, append([]string{"publish", channel, "chat"}, row.args...)...))
		got := stored(t, rt, channel)
		if text := fmt.Sprint(got); text != row.want || len(ids) != len(got) {
			t.Errorf("%s: %s is stored, want %s; ids: %v", row.why, text, row.want, ids)
		}
	}
	for range 2 {
		x.must("", "publish", "once", "chat", "--dedup", "7", "--store", "1h")
	}
	if got := stored(t, rt, "once"); len(got) != 1 {
		t.Errorf("with one id there are %v", got)
	}
	var p published
	if out := x.must("", "publish", "room", "chat", "--json"); json.Unmarshal([]byte(out), &p) != nil || p.ID == "" || p.Channel != "room" || p.Event != "chat" {
		t.Errorf("as JSON it says %s", out)
	}
	for _, row := range []struct {
		why, stdin string
		x          *terminal
		args       []string
		code       int
		says       string
	}{
		{"no JSON", "", x, []string{"hello"}, exitUsage, "--text"},
		{"no text", "", x, []string{"--text"}, exitUsage, "--text"},
		{"no JSON on a line", "1\nx\n", x, []string{"--lines"}, exitUsage, "line 2"},
		{"data and lines", "", x, []string{"1", "--lines"}, exitUsage, "--lines"},
		{"one id for many", "", x, []string{"--dedup", "1", "--lines"}, exitUsage, "--dedup"},
		{"a line that is too long for the server", `"` + strings.Repeat("x", 100<<10) + `"`, x, []string{"--lines"}, exitFailed, "line 1: hotsock: "},
		{"a line without an end", strings.Repeat("1", maxData+1), x, []string{"--lines"}, exitFailed, "line 1"},
		{"what clients cannot", "", x.with("HOTSOCK_API_KEY", ""), []string{"--store", "1h"}, exitUsage, "HOTSOCK_API_KEY"},
		{"nobody", "", x, []string{"--as", "god"}, exitUsage, "--as"},
	} {
		code, _, errs := row.x.run(row.stdin, append([]string{"publish", "room", "chat"}, row.args...)...)
		if code != row.code || !strings.Contains(errs, row.says) {
			t.Errorf("%s: exit code %d, want %d: %s", row.why, code, row.code, errs)
		}
	}
}

// TestHostileServer: what answers may be anything.
func TestHostileServer(t *testing.T) {
	huge := strings.Repeat("x", 1<<20)
	for _, row := range []struct {
		why    string
		answer http.HandlerFunc
		code   int
		says   string
	}{
		{"a page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, exitUnreachable, "not that of a Hotsock server"},
		{"a gateway", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) }, exitUnreachable, "502"},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.test/x?token=secret", http.StatusFound)
		}, exitUnreachable, "redirects to https://elsewhere.test/x: "},
		{"without an end", func(w http.ResponseWriter, _ *http.Request) {
			for err := error(nil); err == nil; {
				_, err = fmt.Fprint(w, huge)
			}
		}, exitFailed, "longer than"},
		{"not ready", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"error":{"code":"UNAVAILABLE","message":"later"}}`)
		}, exitUnreachable, "UNAVAILABLE"},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // Else the end of the request is not noticed.
			<-r.Context().Done()
		}, exitUnreachable, "no answer"},
		{"escape sequences", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":{"code":"X\u001b[2J","message":"\u009b31m"}}`)
		}, exitFailed, `X\u001b[2J: \u009b31m`},
	} {
		x := newTerminal(t, serve(t, "/rt", row.answer))
		timeout := "30s"
		if row.why == "no answer" {
			timeout = "200ms"
		}
		code, _, errs := x.run("", "publish", "room", "chat", "--timeout", timeout)
		if code != row.code || !strings.Contains(errs, row.says) || strings.Contains(errs, "secret") {
			t.Errorf("%s: exit code %d, want %d: %s", row.why, code, row.code, errs)
		}
		if code, _, errs := x.run("", "tail", "room", "--timeout", timeout); code == exitOK || strings.ContainsFunc(errs, func(r rune) bool { return r != '\n' && !harmless(r) }) {
			t.Errorf("%s, to a client: exit code %d: %q", row.why, code, errs)
		}
	}
}

// storing permits to publish what is stored, on one channel at any time.
func storing(channel string) (c hotsock.Claims) {
	c = claims(channel, "pam")
	m := c.Channels[channel]
	m.Messages = map[string]hotsock.MessageClaims{"chat": {Broadcast: hotsock.Allow, Store: time.Hour}}
	c.Channels[channel] = m
	return c
}
