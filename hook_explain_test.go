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
	}
	claims := &Claims{UID: "Jim", Channels: map[string]ChannelClaims{
		"room": {
			Subscribe: Allow, Messages: map[string]MessageClaims{"e": {Publish: Allow, React: Allow, ScheduleBefore: time.Now().Add(time.Hour)}},
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
