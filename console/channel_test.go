package console_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/console"
)

func TestChannel(t *testing.T) {
	page, rt := newConsole(t, console.Options{})
	const name = "presence.a/b <i>"
	channel := strings.ReplaceAll(name, " ", "_")
	sent, err := rt.Publish(t.Context(), hotsock.Message{Channel: channel, Event: "e", Data: 1, Store: hotsock.Forever})
	if err == nil {
		_, err = rt.SetStorage(t.Context(), hotsock.Entry{Channel: channel, Key: "k", Data: "v"})
	}
	if err == nil {
		err = rt.React(t.Context(), hotsock.Reaction{Channel: channel, MessageID: sent.ID, Reaction: "👍", UID: "u"})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.UpdateMessage(t.Context(), hotsock.MessageUpdate{Channel: channel, MessageID: sent.ID, Data: 2}); err != nil {
		t.Fatal(err)
	}
	history, err1 := rt.History(t.Context(), hotsock.HistoryQuery{Channel: channel})
	entries, err2 := rt.Storage(t.Context(), hotsock.StorageQuery{Channel: channel})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	w := request(page, http.MethodGet, "/api/channel?name="+url.QueryEscape(channel), "")
	want := map[string]any{
		"name": channel, "subscriptionsCount": 0.0, "members": []any{},
		"storage": []any{map[string]any{"key": "k", "data": "v", "by": map[string]any{"uid": ""}, "version": entries.Items[0].Version}},
		"messages": []any{map[string]any{
			"id": sent.ID, "event": "e", "data": 2.0, "reactions": map[string]any{"👍": 1.0}, "version": 2.0,
			"updated": history.Items[0].Updated.Format(time.RFC3339Nano), "origin": map[string]any{"trigger": "server.go"},
		}},
	}
	if diff := cmp.Diff(any(want), get[any](t, w)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if w := request(page, http.MethodGet, "/api/channel?name=with+space", ""); w.Code != http.StatusBadRequest {
		t.Errorf("a name that is none: %d", w.Code)
	}
}
