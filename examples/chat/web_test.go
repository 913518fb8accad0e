package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/google/go-cmp/cmp"
)

// startChat serves the chat until the test ends.
func startChat(t *testing.T) *httptest.Server {
	t.Helper()
	rt, key, err := newRealtime()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(newMux(rt, key))
	t.Cleanup(func() {
		s.Close()
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestTokenRequests(t *testing.T) {
	s := startChat(t)
	for _, tt := range []struct {
		why    string
		body   string
		header http.Header
		status int
	}{
		{"the page asks like this", `{"name":"Ada Lovelace","room":"lobby"}`, nil, 200},
		{"names and rooms are in any script", `{"name":"李小龙","room":"кухня_2"}`, nil, 200},
		{"a browser says that our own page asks", `{"name":"Ada","room":"lobby"}`, http.Header{"Sec-Fetch-Site": {"same-origin"}}, 200},
		{"a page of another site must not get tokens", `{"name":"Ada","room":"lobby"}`, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		{"not JSON", `name=Ada`, nil, 400},
		{"a wrong type", `{"name":1,"room":"lobby"}`, nil, 400},
		{"too long to be read at all", `{"name":"` + strings.Repeat("a", maxTokenRequest) + `","room":"lobby"}`, nil, 400},
		{"no name", `{"room":"lobby"}`, nil, 400},
		{"a name of spaces", `{"name":"  ","room":"lobby"}`, nil, 400},
		{"it would look like Ada", `{"name":"Ada ","room":"lobby"}`, nil, 400},
		{"it would look like Ada, too", `{"name":"Ada\u200b","room":"lobby"}`, nil, 400},
		{"the longest name", `{"name":"` + strings.Repeat("é", maxName) + `","room":"lobby"}`, nil, 200},
		{"one character more", `{"name":"` + strings.Repeat("é", maxName+1) + `","room":"lobby"}`, nil, 400},
		{"no room", `{"name":"Ada"}`, nil, 400},
		{"a wildcard would be every room", `{"name":"Ada","room":"*"}`, nil, 400},
		{"a pattern would be every room", `{"name":"Ada","room":"#regex:.*"}`, nil, 400},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/token", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header = tt.header
			answer, err := s.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != tt.status {
				t.Errorf("status %d, want %d", answer.StatusCode, tt.status)
			}
			if tt.status != http.StatusBadRequest {
				return
			}
			var problem struct {
				Error struct{ Code, Message string }
			}
			if err := json.NewDecoder(answer.Body).Decode(&problem); err != nil || problem.Error.Message == "" {
				t.Errorf("no reason is given: %+v, %v", problem, err)
			}
		})
	}
}

// TestReach tries what a token opens, and what it does not.
func TestReach(t *testing.T) {
	s := startChat(t)
	answer, err := s.Client().Post(s.URL+"/token", "application/json", strings.NewReader(`{"name":"Ada","room":"lobby"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var minted struct{ Token, Inbox string }
	if err := json.NewDecoder(answer.Body).Decode(&minted); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, s.URL+"/rt?token="+url.QueryEscape(minted.Token), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }() // the server may have been first
	type frame struct {
		Event string
		Error struct{ Code string }
	}
	var connected frame
	if err := wsjson.Read(ctx, ws, &connected); err != nil || connected.Event != "hotsock.connected" {
		t.Fatalf("connecting: %+v, %v", connected, err)
	}
	denied := frame{Event: "hotsock.error", Error: struct{ Code string }{"SUBSCRIBE_PERMISSION_DENIED"}}
	for _, tt := range []struct {
		why, channel string
		want         frame
	}{
		{"the room that was asked for", roomChannel("lobby"), frame{Event: "hotsock.subscribed"}},
		{"another room needs another token", roomChannel("kitchen"), denied},
		{"one's own inbox", minted.Inbox, frame{Event: "hotsock.subscribed"}},
		{"an inbox is private", inboxChannel("Bo"), denied},
	} {
		t.Run(tt.why, func(t *testing.T) {
			command := map[string]string{"event": "hotsock.subscribe", "channel": tt.channel}
			if err := wsjson.Write(ctx, ws, command); err != nil {
				t.Fatal(err)
			}
			var got frame
			if err := wsjson.Read(ctx, ws, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPage(t *testing.T) {
	s := startChat(t)
	status, page := get(t, s.URL)
	if status != http.StatusOK {
		t.Fatalf("the page: %d", status)
	}
	if inline := regexp.MustCompile(`<style| style=| on[a-z]+=|<script[^>]*>[^<]`).FindString(page); inline != "" {
		t.Errorf("the page has %q, which its policy forbids", inline)
	}
	references := regexp.MustCompile(`(?:src|href)="([^"#]+)`).FindAllStringSubmatch(page, -1)
	if len(references) < 5 {
		t.Fatalf("the page refers to %d files: the test looks for the wrong thing", len(references))
	}
	for _, reference := range references {
		r, err := s.Client().Get(s.URL + "/" + reference[1])
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", reference[1], r.StatusCode)
		}
		if policy := r.Header.Get("Content-Security-Policy"); policy != contentPolicy {
			t.Errorf("%s has the policy %q", reference[1], policy)
		}
	}
	if status, _ := get(t, s.URL+"/nothing"); status != http.StatusNotFound {
		t.Errorf("what does not exist: status %d", status)
	}
}
