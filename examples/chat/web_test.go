package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/wstest"
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

	c := wstest.Connect(t, s.URL+"/rt?token="+url.QueryEscape(minted.Token), wstest.Options{})
	for _, tt := range []struct {
		why, channel, answer string
	}{
		{"the room that was asked for", roomChannel("lobby"), "hotsock.subscribed"},
		{"another room needs another token", roomChannel("kitchen"), "SUBSCRIBE_PERMISSION_DENIED"},
		{"one's own inbox", minted.Inbox, "hotsock.subscribed"},
		{"an inbox is private", inboxChannel("Bo"), "SUBSCRIBE_PERMISSION_DENIED"},
	} {
		t.Run(tt.why, func(*testing.T) {
			c.Do(`{"event":"hotsock.subscribe","channel":`+wstest.Quote(tt.channel)+`}`, tt.answer)
		})
	}
}

// TestEdits: people edit and remove what they wrote, and nothing else.
func TestEdits(t *testing.T) {
	s := startChat(t)
	connect := func(name string) *wstest.Conn {
		answer, err := s.Client().Post(s.URL+"/token", "application/json", strings.NewReader(`{"name":"`+name+`","room":"lobby"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var minted struct{ Token string }
		if err := json.NewDecoder(answer.Body).Decode(&minted); err != nil {
			t.Fatal(err)
		}
		c := wstest.Connect(t, s.URL+"/rt?token="+url.QueryEscape(minted.Token), wstest.Options{})
		c.Subscribe(roomChannel("lobby"))
		return c
	}
	ada := connect("Ada")
	channel := wstest.Quote(roomChannel("lobby"))
	sent := ada.Do(`{"event":"chat","channel":`+channel+`,"data":{"text":"Helo"},"ref":"1"}`, "hotsock.ack")
	id := regexp.MustCompile(`01[0-9A-Z]{24}`).FindString(sent.Text)
	edit := func(event, rest string) string {
		return `{"event":"` + event + `","channel":` + channel + `,"data":{"messageId":"` + id + `"` + rest + `},"ref":"2"}`
	}
	bo := connect("Bo")
	bo.Do(edit("hotsock.messageUpdate", `,"data":{"text":"Bo was here"}`), "UPDATE_PERMISSION_DENIED")
	bo.Do(edit("hotsock.messageDelete", ""), "DELETE_PERMISSION_DENIED")
	ada.Until("hotsock.memberAdded")
	ada.Do(edit("hotsock.messageUpdate", `,"data":{"text":"Hello"},"ifVersion":1`), "hotsock.ack")
	bo.Expect("hotsock.messageUpdated")
	ada.Do(edit("hotsock.messageDelete", ""), "hotsock.ack")
	bo.Expect("hotsock.messageDeleted")
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
