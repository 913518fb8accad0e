package storeredis

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

// TestKeptByFirstVersion: what 0.1.0 has kept can be listed, counted, reacted to and edited.
// testdata has what it left in Redis of a channel with five messages, one of them not kept,
// and a reaction.
func TestKeptByFirstVersion(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	client := srv.Client()
	text, err := os.ReadFile("testdata/kept-0.1.0.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var command []any
		if err := json.Unmarshal([]byte(line), &command); err != nil {
			t.Fatal(err)
		}
		if err := client.Do(t.Context(), command...).Err(); err != nil {
			t.Fatalf("%v: %v", command[:2], err)
		}
	}
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	type kept struct {
		Event, Data string
		By          *store.Meta
		Updates     int64
		Forever     bool
	}
	jim := &store.Meta{UID: "Jim", UMD: []byte(`{"name":"Jim"}`)}
	want := []kept{
		{"chat", `{"text":"Hi"}`, jim, 0, true},
		{"news", `"👋"`, nil, 0, false},
		{"chat", "", &store.Meta{}, 0, true},
		{"chat", `"last"`, jim, 0, true},
	}
	list := func(why string) (messages []*store.Message) {
		t.Helper()
		page, err := n.History(unhurried(t), store.HistoryRequest{Channel: "room", Limit: 10, MaxBytes: 1 << 20})
		if err != nil {
			t.Fatalf("%s: %v", why, err)
		}
		var got []kept
		for _, m := range page.Messages {
			got = append(got, kept{m.Event, string(m.Data), m.Meta, m.Updates, m.Expires.IsZero()})
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", why, d)
		}
		return page.Messages
	}
	messages := list("as it was left")
	first, last := messages[0].ID, messages[3].ID
	if got, err := n.Count(unhurried(t), store.CountRequest{Channel: "room", After: first, Limit: 10}); got != 3 || err != nil {
		t.Errorf("%d follow the first one, %v", got, err)
	}
	if _, err := n.React(unhurried(t), store.ReactRequest{
		Channel: "room", Reaction: store.Reaction{Message: first, Reaction: "👍", UID: "Jim"},
		Notice: store.PublishRequest{Channel: "room", Event: "notice"},
	}); err != nil {
		t.Error(err)
	}
	for _, e := range []store.EditRequest{
		{Message: first, Data: []byte(`"Hello"`), IfVersion: 1},
		{Message: last, Append: true, Data: []byte("!"), Tail: 1, IfVersion: 1},
		{Message: messages[1].ID, Delete: true},
	} {
		e.Channel, e.Notice = "room", store.PublishRequest{Channel: "room", Event: "notice"}
		if _, err := n.Edit(unhurried(t), e); err != nil {
			t.Errorf("%v: %v", e.Message, err)
		}
	}
	want = []kept{{"chat", `"Hello"`, jim, 1, true}, want[2], {"chat", `"last!"`, jim, 1, true}}
	list("edited")
	tallies, err := n.Tallies(unhurried(t), store.TalliesRequest{Channel: "room", Messages: []ulid.ULID{first}, First: 10, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]store.ReactionCount{{Reaction: "👍", Count: 2}}, tallies[0].Counts); d != "" {
		t.Errorf("reactions (-want +got):\n%s", d)
	}
}
