package hotsock

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Explain names the hook that would be asked next, and asks none.
func TestExplainNamesHooks(t *testing.T) {
	all := Hooks{
		BeforeConnect:    func(context.Context, Requester) error { panic("asked") },
		BeforeSubscribe:  func(context.Context, Requester, SubscribeRequest) (*ChannelClaims, error) { panic("asked") },
		BeforePublish:    func(context.Context, Requester, *PublishRequest) error { panic("asked") },
		BeforeSetStorage: func(context.Context, Requester, SetStorageRequest) error { panic("asked") },
		BeforeReact:      func(context.Context, Requester, ReactRequest) error { panic("asked") },
		BeforeUpdate:     func(context.Context, Requester, *UpdateRequest) error { panic("asked") },
		BeforeDelete:     func(context.Context, Requester, DeleteRequest) error { panic("asked") },
	}
	claims := &Claims{UID: "Jim", Channels: map[string]ChannelClaims{
		"room": {
			Subscribe: Allow, Messages: map[string]MessageClaims{"e": {Publish: Allow, React: Allow, Update: Own, Delete: Allow, ScheduleBefore: time.Now().Add(time.Hour)}},
			Storage: map[string]StorageClaims{"k": {Set: Allow, Get: Allow}},
		},
		"closed": {Messages: map[string]MessageClaims{"e": {Publish: Allow}}},
	}}
	for _, tt := range []struct {
		q    ExplainRequest
		want string
	}{
		{ExplainRequest{Action: ActionConnect}, "BeforeConnect"},
		{ExplainRequest{Action: ActionSubscribe, Channel: "room"}, "BeforeSubscribe"},
		{ExplainRequest{Action: ActionSubscribe, Channel: "other"}, "BeforeSubscribe"},
		{ExplainRequest{Action: ActionPublish, Channel: "room", Event: "e"}, "BeforePublish"},
		{ExplainRequest{Action: ActionSchedule, Channel: "room", Event: "e"}, "BeforePublish"},
		{ExplainRequest{Action: ActionPublish, Channel: "room", Event: "no"}, ""},
		{ExplainRequest{Action: ActionPublish, Channel: "closed", Event: "e"}, "BeforeSubscribe"},
		{ExplainRequest{Action: ActionSet, Channel: "room", Key: "k"}, "BeforeSetStorage"},
		{ExplainRequest{Action: ActionStore, Channel: "room", Key: "k"}, "BeforeSetStorage"},
		{ExplainRequest{Action: ActionGet, Channel: "room", Key: "k"}, ""},
		{ExplainRequest{Action: ActionReact, Channel: "room", Event: "e", Reaction: "👍"}, "BeforeReact"},
		{ExplainRequest{Action: ActionUpdate, Channel: "room", Event: "e"}, "BeforeUpdate"},
		{ExplainRequest{Action: ActionDelete, Channel: "room", Event: "e"}, "BeforeDelete"},
		{ExplainRequest{Action: ActionDelete, Channel: "room", Event: "no"}, ""},
	} {
		for _, hooks := range []Hooks{all, {}} {
			h := newExplaining(t, hooks)
			tt.q.Claims = claims
			e, err := h.Explain(t.Context(), tt.q)
			want := tt.want
			if hooks.BeforeConnect == nil {
				want = ""
			}
			if err != nil || e.Hook != want || strings.Contains(e.String(), "is asked") != (want != "") {
				t.Errorf("%v of %q: %q, %v, want %q", tt.q.Action, tt.q.Channel, e.Hook, err, want)
			}
		}
	}
}

func newExplaining(t *testing.T, hooks Hooks) *Handler {
	t.Helper()
	h, err := New(Options{Authenticate: func(*http.Request) (*Claims, error) { return nil, nil }, Hooks: hooks})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// Explain says what the app's grant decides, and that a token overrules it.
func TestExplainNamesGrants(t *testing.T) {
	h := explainHandler(t, Options{})
	chat := map[string]MessageClaims{"chat": {Publish: Allow}}
	for _, tt := range []struct {
		connect string
		granted *ChannelClaims
		allowed bool
		by      string
	}{
		{`{}`, &ChannelClaims{Subscribe: Allow, Messages: chat}, true, `channels["c"].messages["chat"] of the app's grant`},
		{`{"c":{"subscribe":true}}`, &ChannelClaims{Messages: chat}, true, `channels["c"].messages["chat"] of the app's grant`},
		{`{"c":{"subscribe":true,"messages":{"*":{"publish":false}}}}`, &ChannelClaims{Messages: chat}, false, `channels["c"].messages["*"] of the connect token`},
		{`{"c":{"subscribe":true,"messages":{"*":{"publish":true}}}}`, &ChannelClaims{Messages: map[string]MessageClaims{"*": {Publish: Deny}}}, false, `channels["c"].messages["*"] of the app's grant`},
		{`{}`, nil, false, ""},
	} {
		e := explain(t, h, ExplainRequest{Action: ActionPublish, Channel: "c", Event: "chat", Claims: claimsOf(t, `{"channels":`+tt.connect+`}`), Granted: tt.granted})
		by := ""
		if e.By != nil {
			by = e.By.String()
		}
		if e.Allowed != tt.allowed || by != tt.by {
			t.Errorf("%s and %+v: %s", tt.connect, tt.granted, e)
		}
	}
}
