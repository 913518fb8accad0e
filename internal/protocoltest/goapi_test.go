package protocoltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/store"
)

// Section 12: the server API in Go, used on any node.
func TestGoAPI(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		c := e.connect(t, withUMD("Jim", `{"n":1}`, everything))
		c.Subscribe("presence.room")

		p := e.publish(t, hotsock.Message{Channel: "presence.room", Event: "e", Data: map[string]any{"a": "<b>"}, Store: time.Hour})
		e.set("id1", p.ID)
		c.expect(`{"id":"$id1","event":"e","channel":"presence.room","data":{"a":"\u003cb\u003e"}}`)
		for _, data := range []any{json.RawMessage(` { "a" : 1 } `), []byte(` { "a" : 1 } `)} {
			e.publish(t, hotsock.Message{Channel: "presence.room", Event: "e", Data: data})
			c.expect(`{"id":"$_","event":"e","channel":"presence.room","data":{"a":1}}`)
		}

		for _, remove := range []bool{false, false, true, true} { // each twice: the second does nothing
			if err := e.anyNode().React(ctx, hotsock.Reaction{Channel: "presence.room", MessageID: p.ID, Reaction: "+", UID: "Bot", UMD: 1, Remove: remove}); err != nil {
				t.Fatal(err)
			}
			if list, err := e.anyNode().History(ctx, hotsock.HistoryQuery{Channel: "presence.room", Reverse: true}); err != nil || len(list.Items) != 1 ||
				cmp.Diff(list.Items[0].Reactions, map[bool]map[string][]hotsock.Member{false: {"+": {{UID: "Bot", UMD: json.RawMessage("1")}}}}[remove]) != "" {
				t.Errorf("History = %+v, %v", list, err)
			}
		}
		c.expect(
			`{"id":"$_","event":"hotsock.messageReactionAdded","channel":"presence.room","data":{"messageId":"$id1","reaction":"+","action":"add"},"meta":{"uid":"Bot","umd":1}}`,
			`{"id":"$_","event":"hotsock.messageReactionRemoved","channel":"presence.room","data":{"messageId":"$id1","reaction":"+","action":"remove"},"meta":{"uid":"Bot","umd":1}}`)

		if _, err := e.anyNode().SetStorage(ctx, hotsock.Entry{Channel: "presence.room", Key: "k", Data: []int{1}, Store: time.Hour}); err != nil {
			t.Fatal(err)
		}
		c.expect(stored("presence.room", "k", "[1]", noMeta))
		entries, err := e.anyNode().Storage(ctx, hotsock.StorageQuery{Channel: "presence.room"})
		if err != nil || len(entries.Items) != 1 || entries.Items[0].Key != "k" || string(entries.Items[0].Data) != "[1]" || entries.Items[0].By.UID != "" || entries.Items[0].Expires.IsZero() {
			t.Errorf("Storage = %+v, %v", entries, err)
		}
		info, err := e.anyNode().ChannelInfo(ctx, "presence.room")
		want := hotsock.ChannelInfo{SubscriptionsCount: 1, Members: []hotsock.Member{{UID: "Jim", UMD: json.RawMessage(`{"n":1}`)}}}
		if diff := cmp.Diff(want, info); diff != "" || err != nil {
			t.Errorf("ChannelInfo: %v\n%s", err, diff)
		}

		// Unsubscribing a user tells its client, and lets it come back.
		if n, err := e.anyNode().UnsubscribeUser(ctx, "Jim", "presence.room"); n != 1 || err != nil {
			t.Errorf("UnsubscribeUser = %d, %v", n, err)
		}
		c.expect(`{"event":"hotsock.unsubscribed","channel":"presence.room","data":{},"meta":{"uid":"Jim","umd":{"n":1}}}`)
		if n, err := e.anyNode().UnsubscribeUser(ctx, "Jim", "presence.room"); n != 0 || err != nil {
			t.Errorf("UnsubscribeUser = %d, %v", n, err)
		}
		c.Subscribe("presence.room")
		for _, id := range []string{"", "x", strings.Repeat("A", 22) + c.ID[22:], c.ID[:22] + "nonode"} {
			if ok, err := e.anyNode().Disconnect(ctx, id); ok || err != nil {
				t.Errorf("Disconnect(%q) = %t, %v", id, ok, err)
			}
		}
		if err := e.anyNode().Ready(ctx); err != nil {
			t.Errorf("Ready: %v", err)
		}
	})
}

// A user who is somebody else on a channel, by a subscribe token, is
// unsubscribed by that name too.
func TestUnsubscribeUserByChannelName(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		c := e.connect(t, user("", `{}`))
		tok := token(t, `{"scope":"subscribe","connectionId":"`+c.ID+`","uid":"Guest","channels":{"presence.room":{"subscribe":true}}}`)
		c.do(`{"event":"hotsock.subscribe","channel":"presence.room","data":{"token":"`+tok+`"}}`, joined("presence.room", member("Guest", "null"), member("Guest", "null")))
		if n, err := e.anyNode().UnsubscribeUser(ctx, "Guest", "presence.room"); n != 1 || err != nil {
			t.Fatalf("UnsubscribeUser = %d, %v", n, err)
		}
		c.expect(`{"event":"hotsock.unsubscribed","channel":"presence.room","data":{},"meta":{"uid":"Guest","umd":null}}`)
	})
}

// What a host gets wrong is an *Error that says so, and changes nothing.
func TestGoAPIErrors(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		ended, end := context.WithCancel(ctx)
		end()
		h := e.anyNode().Handler
		publish := func(m hotsock.Message) error { _, err := h.Publish(ctx, m); return err }
		set := func(m hotsock.Entry) error { _, err := h.SetStorage(ctx, m); return err }
		for _, tt := range []struct {
			why  string
			err  error
			code hotsock.Code
		}{
			{"no channel", publish(hotsock.Message{Event: "e"}), hotsock.CodeInvalidRequest},
			{"no event", publish(hotsock.Message{Channel: "room"}), hotsock.CodeInvalidRequest},
			{"an event of the protocol", publish(hotsock.Message{Channel: "room", Event: "hotsock.x"}), hotsock.CodeInvalidRequest},
			{"data that cannot be marshalled", publish(hotsock.Message{Channel: "room", Event: "e", Data: math.NaN()}), hotsock.CodeInvalidRequest},
			{"data that is not JSON", publish(hotsock.Message{Channel: "room", Event: "e", Data: json.RawMessage("{")}), hotsock.CodeInvalidJSON},
			{"bytes that are not JSON", publish(hotsock.Message{Channel: "room", Event: "e", Data: []byte("hello")}), hotsock.CodeInvalidJSON},
			{"an entry of bytes that are not JSON", set(hotsock.Entry{Channel: "room", Key: "k", Data: []byte("hello")}), hotsock.CodeInvalidJSON},
			{"metadata of bytes that are not JSON", h.React(ctx, hotsock.Reaction{Channel: "room", MessageID: "01J00000000000000000000000", Reaction: "+", UID: "Jim", UMD: []byte("hello")}), hotsock.CodeInvalidJSON},
			{"data that is too long", publish(hotsock.Message{Channel: "room", Event: "e", Data: strings.Repeat("x", 32<<10-1)}), hotsock.CodePayloadTooLarge},
			{"a fraction of a second", publish(hotsock.Message{Channel: "room", Event: "e", Store: time.Millisecond}), hotsock.CodeInvalidRequest},
			{"less than nothing", publish(hotsock.Message{Channel: "room", Event: "e", Store: -time.Second}), hotsock.CodeInvalidRequest},
			{"a long deduplication id", publish(hotsock.Message{Channel: "room", Event: "e", DeduplicationID: strings.Repeat("x", 129)}), hotsock.CodeInvalidRequest},
			{"an entry that is never kept", set(hotsock.Entry{Channel: "room", Key: "k", Store: hotsock.Never}), hotsock.CodeInvalidRequest},
			{"no key", set(hotsock.Entry{Channel: "room"}), hotsock.CodeInvalidRequest},
			{"a wrong key", set(hotsock.Entry{Channel: "room", Key: "a b"}), hotsock.CodeInvalidRequest},
			{"no message", h.React(ctx, hotsock.Reaction{Channel: "room", MessageID: "x", Reaction: "+", UID: "Jim"}), hotsock.CodeMessageNotFound},
			{"no user", h.React(ctx, hotsock.Reaction{Channel: "room", MessageID: "01J00000000000000000000000", Reaction: "+"}), hotsock.CodeInvalidRequest},
			{"no reaction", h.React(ctx, hotsock.Reaction{Channel: "room", MessageID: "01J00000000000000000000000", UID: "Jim"}), hotsock.CodeInvalidRequest},
			{"no such schedule", h.CancelSchedule(ctx, "arn:hotsock:scheduler:::schedule/memory/01J00000000000000000000000"), hotsock.CodeScheduleNotFound},
			{"later than any scheduler can", publish(hotsock.Message{Channel: "room", Event: "e", At: time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)}), hotsock.CodeInvalidScheduleExpression},
			{"earlier", set(hotsock.Entry{Channel: "room", Key: "k", At: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)}), hotsock.CodeInvalidScheduleExpression},
			{"moved to no time", h.MoveSchedule(ctx, "arn:hotsock:scheduler:::schedule/memory/01J00000000000000000000000", time.Time{}), hotsock.CodeInvalidScheduleExpression},
			{"not an id", func() error { _, err := h.History(ctx, hotsock.HistoryQuery{Channel: "room", After: "x"}); return err }(), hotsock.CodeInvalidRequest},
			{"not a Next", func() error { _, err := h.Schedules(ctx, hotsock.ScheduleQuery{After: "x"}); return err }(), hotsock.CodeInvalidRequest},
			{"a negative limit", func() error { _, err := h.Schedules(ctx, hotsock.ScheduleQuery{Limit: -1}); return err }(), hotsock.CodeInvalidRequest},
			{"a long page", func() error {
				_, err := h.Storage(ctx, hotsock.StorageQuery{Channel: "room", Limit: 101})
				return err
			}(), hotsock.CodeInvalidRequest},
			{"nobody", func() error { _, err := h.DisconnectUser(ctx, ""); return err }(), hotsock.CodeInvalidRequest},
			{"no time", func() error { _, err := h.Publish(ended, hotsock.Message{Channel: "room", Event: "e"}); return err }(), hotsock.CodeUnavailable},
		} {
			var he *hotsock.Error
			if !errors.As(tt.err, &he) || he.Code != tt.code {
				t.Errorf("%s: got %v, want %s", tt.why, tt.err, tt.code)
			}
		}
		if _, err := h.Publish(ended, hotsock.Message{Channel: "room", Event: "e"}); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("the error does not wrap its causes: %v", err)
		}
		e.server(t, "GET", "/channels/room", "").want(t, 200, `{"name":"room","subscriptionsCount":0}`)
	})
}

// Page by page, the Go API returns everything once, and who did it.
func TestGoAPIPages(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		c := e.connect(t, withUMD("Jim", `{"n":1}`, everything))
		c.Subscribe("room")
		c.call(t, "publishMessage", `{"channel":"room","event":"e"}`).want(t, 202, "")
		due := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
		want := []string{"of Jim"}
		var last string
		for n := range 120 {
			last = e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: n, Store: time.Hour}).ID
			want = append(want, "of the server")
		}
		for n := range 7 { // of which some are due at the same time
			e.publish(t, hotsock.Message{Channel: "room", Event: fmt.Sprint(n), At: due.Add(time.Duration(n/3) * time.Second)})
			e.publish(t, hotsock.Message{Channel: "other", Event: "e", At: due})
		}
		for n := range 7 {
			if err := e.anyNode().React(ctx, hotsock.Reaction{Channel: "room", MessageID: last, Reaction: "+", UID: fmt.Sprint("u", n)}); err != nil {
				t.Fatal(err)
			}
			if _, err := e.anyNode().SetStorage(ctx, hotsock.Entry{Channel: "room", Key: fmt.Sprint("k", n), Data: n}); err != nil {
				t.Fatal(err)
			}
		}
		for _, limit := range []int{0, 1, 3, 7, 100} { // 7 divides 7: there is no empty page at the end
			for _, reverse := range []bool{false, true} {
				var got []string
				q := hotsock.HistoryQuery{Channel: "room", Reverse: reverse, Limit: limit}
				for _, m := range pages(t, limit, func(after string) (hotsock.Page[hotsock.HistoryMessage], error) {
					if q.After = after; reverse {
						q.After, q.Before = "", after
					}
					return e.anyNode().History(ctx, q)
				}) {
					switch {
					case m.By == nil:
						got = append(got, "of the server")
					case string(m.By.UMD) == `{"n":1}`:
						got = append(got, "of "+m.By.UID)
					}
				}
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("History, %d, reverse %v (-want +got):\n%s", limit, reverse, diff)
				}
			}
			var got []string
			for _, s := range pages(t, limit, func(after string) (hotsock.Page[hotsock.Schedule], error) {
				return e.anyNode().Schedules(ctx, hotsock.ScheduleQuery{Channel: "room", After: after, Limit: limit})
			}) {
				got = append(got, fmt.Sprint(s.Due.Sub(due), s.Channel))
			}
			if !slices.IsSorted(got) || len(got) != 7 || got[0] != "0sroom" {
				t.Errorf("Schedules, %d: %q", limit, got)
			}
			got = nil
			for _, s := range pages(t, limit, func(after string) (hotsock.Page[hotsock.StoredEntry], error) {
				return e.anyNode().Storage(ctx, hotsock.StorageQuery{Channel: "room", After: after, Limit: limit})
			}) {
				got = append(got, s.Key)
			}
			if diff := cmp.Diff([]string{"k0", "k1", "k2", "k3", "k4", "k5", "k6"}, got); diff != "" {
				t.Errorf("Storage, %d (-want +got):\n%s", limit, diff)
			}
			got = nil
			for _, s := range pages(t, limit, func(after string) (hotsock.Page[hotsock.MessageReaction], error) {
				return e.anyNode().Reactions(ctx, hotsock.ReactionsQuery{Channel: "room", MessageID: last, After: after, Limit: limit})
			}) {
				got = append(got, s.By.UID)
			}
			if diff := cmp.Diff([]string{"u0", "u1", "u2", "u3", "u4", "u5", "u6"}, got); diff != "" {
				t.Errorf("Reactions, %d (-want +got):\n%s", limit, diff)
			}
		}
	})
}

// pages reads all pages, of which none may be empty or too long.
func pages[T any](t *testing.T, limit int, read func(after string) (hotsock.Page[T], error)) []T {
	t.Helper()
	var all []T
	for after := ""; ; {
		page, err := read(after)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(page.Items); n == 0 || n > 100 || limit > 0 && n > limit {
			t.Fatalf("a page of %d has %d items", limit, n)
		}
		all = append(all, page.Items...)
		if after = page.Next; after == "" {
			return all
		}
	}
}
