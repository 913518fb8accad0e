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
		c.subscribe(t, "presence.room")

		p := e.publish(t, hotsock.Message{Channel: "presence.room", Event: "e", Data: map[string]any{"a": "<b>"}, Store: time.Hour})
		e.set("id1", p.ID)
		c.expect(t, `{"id":"$id1","event":"e","channel":"presence.room","data":{"a":"\u003cb\u003e"}}`)
		for _, data := range []any{json.RawMessage(` { "a" : 1 } `), []byte(` { "a" : 1 } `)} {
			e.publish(t, hotsock.Message{Channel: "presence.room", Event: "e", Data: data})
			c.expect(t, `{"id":"$_","event":"e","channel":"presence.room","data":{"a":1}}`)
		}

		for _, remove := range []bool{false, false, true, true} { // each twice: the second does nothing
			if err := e.anyNode().React(ctx, hotsock.Reaction{Channel: "presence.room", MessageID: p.ID, Reaction: "+", UID: "Bot", UMD: 1, Remove: remove}); err != nil {
				t.Fatal(err)
			}
			if list, err := e.anyNode().History(ctx, hotsock.HistoryQuery{Channel: "presence.room", Reverse: true}); err != nil || len(list) != 1 ||
				cmp.Diff(list[0].Reactions, map[bool]map[string][]hotsock.Member{false: {"+": {{UID: "Bot", UMD: json.RawMessage("1")}}}}[remove]) != "" {
				t.Errorf("History = %+v, %v", list, err)
			}
		}
		c.expect(t,
			`{"id":"$_","event":"hotsock.messageReactionAdded","channel":"presence.room","data":{"messageId":"$id1","reaction":"+","action":"add"},"meta":{"uid":"Bot","umd":1}}`,
			`{"id":"$_","event":"hotsock.messageReactionRemoved","channel":"presence.room","data":{"messageId":"$id1","reaction":"+","action":"remove"},"meta":{"uid":"Bot","umd":1}}`)

		if _, err := e.anyNode().SetStorage(ctx, hotsock.Entry{Channel: "presence.room", Key: "k", Data: []int{1}, Store: time.Hour}); err != nil {
			t.Fatal(err)
		}
		c.expect(t, stored("presence.room", "k", "[1]", noMeta))
		entries, err := e.anyNode().Storage(ctx, "presence.room", "")
		if err != nil || len(entries) != 1 || entries[0].Key != "k" || string(entries[0].Data) != "[1]" || entries[0].By.UID != "" || entries[0].Expires.IsZero() {
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
		c.expect(t, `{"event":"hotsock.unsubscribed","channel":"presence.room","data":{},"meta":{"uid":"Jim","umd":{"n":1}}}`)
		if n, err := e.anyNode().UnsubscribeUser(ctx, "Jim", "presence.room"); n != 0 || err != nil {
			t.Errorf("UnsubscribeUser = %d, %v", n, err)
		}
		c.subscribe(t, "presence.room")
		for _, id := range []string{"", "x", strings.Repeat("A", 22) + c.id[22:], c.id[:22] + "nonode"} {
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
		tok := token(t, `{"scope":"subscribe","connectionId":"`+c.id+`","uid":"Guest","channels":{"presence.room":{"subscribe":true}}}`)
		c.do(t, `{"event":"hotsock.subscribe","channel":"presence.room","data":{"token":"`+tok+`"}}`, joined("presence.room", member("Guest", "null"), member("Guest", "null")))
		if n, err := e.anyNode().UnsubscribeUser(ctx, "Guest", "presence.room"); n != 1 || err != nil {
			t.Fatalf("UnsubscribeUser = %d, %v", n, err)
		}
		c.expect(t, `{"event":"hotsock.unsubscribed","channel":"presence.room","data":{},"meta":{"uid":"Guest","umd":null}}`)
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
			{"no limit", func() error { _, err := h.Schedules(ctx, "", nil, 0); return err }(), hotsock.CodeInvalidRequest},
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
		c.subscribe(t, "room")
		c.call(t, "publishMessage", `{"channel":"room","event":"e"}`).want(t, 202, "")
		due := time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC)
		want := []string{"of Jim"}
		for n := range 120 {
			e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: n, Store: time.Hour})
			want = append(want, "of the server")
		}
		for n := range 7 { // of which some are due at the same time
			e.publish(t, hotsock.Message{Channel: "room", Event: fmt.Sprint(n), At: due.Add(time.Duration(n/3) * time.Second)})
			e.publish(t, hotsock.Message{Channel: "other", Event: "e", At: due})
		}
		for _, reverse := range []bool{false, true} {
			var got []string
			for q := (hotsock.HistoryQuery{Channel: "room", Reverse: reverse}); ; {
				page, err := e.anyNode().History(ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range page {
					switch {
					case m.By == nil:
						got = append(got, "of the server")
					case string(m.By.UMD) == `{"n":1}`:
						got = append(got, "of "+m.By.UID)
					}
				}
				if len(page) < 100 {
					break
				}
				if last := page[len(page)-1].ID; reverse {
					q.Before = last
				} else {
					q.After = last
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("History, reverse %v (-want +got):\n%s", reverse, diff)
			}
		}
		for _, limit := range []int{1, 2, 100} {
			seen := make(map[string]bool)
			var after *hotsock.Schedule
			for {
				page, err := e.anyNode().Schedules(ctx, "room", after, limit)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range page {
					if seen[s.ARN] || s.Channel != "room" || after != nil && s.Due.Before(after.Due) {
						t.Errorf("pages of %d: %+v comes after %+v", limit, s, after)
					}
					seen[s.ARN] = true
					after = &s
				}
				if len(page) < limit {
					break
				}
			}
			if len(seen) != 7 {
				t.Errorf("pages of %d: %d schedules, want 7", limit, len(seen))
			}
		}
	})
}
