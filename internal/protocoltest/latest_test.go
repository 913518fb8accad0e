package protocoltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// What a page needs for its unread badges, of all channels at once.
func TestLatestAndCounts(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		after := map[string]string{"nothing": "", "room.0": ""}
		want := map[string]int{"nothing": 0, "room.0": 0}
		var channels []string
		for i := range 100 {
			channel := fmt.Sprintf("room.%d", i)
			channels = append(channels, channel)
			for n := range 3 {
				p := e.publish(t, hotsock.Message{Channel: channel, Event: "chat", Data: n, Store: time.Hour})
				if n == i%3 {
					after[channel], want[channel] = p.ID, 2-n
				}
			}
			e.publish(t, hotsock.Message{Channel: channel, Event: "typing"})
		}
		n := e.anyNode()
		got, err := n.CountSince(ctx, after)
		if err != nil || !maps.Equal(got, want) {
			t.Errorf("CountSince: %v, %v, want %v", got, err, want)
		}
		latest, err := n.Latest(ctx, append(channels, "nothing")...)
		if err != nil || len(latest) != 100 {
			t.Fatalf("Latest: %d channels, %v", len(latest), err)
		}
		for channel, m := range latest {
			if m.Channel != channel || m.Event != "chat" || string(m.Data) != "2" || m.By != nil || m.Expires.IsZero() {
				t.Errorf("Latest of %s: %+v", channel, m)
			}
		}

		// The same over HTTP, in the order of the request.
		var counted struct{ Counts map[string]int }
		ids, _ := json.Marshal(after)
		decodeJSON(t, e.server(t, http.MethodPost, "/messages/count", `{"after":`+string(ids)+`}`).body, &counted)
		if !maps.Equal(counted.Counts, want) {
			t.Errorf("over HTTP: %v, want %v", counted.Counts, want)
		}
		names, _ := json.Marshal(append([]string{"nothing", "room.1"}, channels...))
		var newest struct {
			Messages []struct {
				ID, Channel string
				Origin      struct{ Trigger string }
			}
			Rest []string
		}
		decodeJSON(t, e.server(t, http.MethodPost, "/messages/latest", `{"channels":`+string(names)+`}`).body, &newest)
		if len(newest.Messages) != 100 || newest.Messages[0].Channel != "room.1" || newest.Messages[1].Channel != "room.0" || newest.Rest != nil {
			t.Errorf("over HTTP: %+v", newest)
		}
		for _, m := range newest.Messages {
			if m.ID != latest[m.Channel].ID || m.Origin.Trigger != "server.go" {
				t.Errorf("over HTTP: %+v, want %+v", m, latest[m.Channel])
			}
		}

		batch := make([]hotsock.Message, 1000)
		for i := range batch {
			batch[i] = hotsock.Message{Channel: "many", Event: "chat", Store: hotsock.Forever}
		}
		for range 2 {
			if _, err := n.PublishBatch(ctx, batch); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := n.CountSince(ctx, map[string]string{"many": ""}); err != nil || got["many"] != hotsock.MaxCount {
			t.Errorf("of 2,000 messages, %v are counted (%v), want %d", got, err, hotsock.MaxCount)
		}

		for why, do := range map[string]func() error{
			"a name that is none": func() error { _, err := n.Latest(ctx, "a b"); return err },
			"an id that is none":  func() error { _, err := n.CountSince(ctx, map[string]string{"a": "x"}); return err },
			"1,001 channels":      func() error { _, err := n.Latest(ctx, make([]string, 1001)...); return err },
		} {
			if err := do(); !isCode(err, hotsock.CodeInvalidRequest) {
				t.Errorf("%s: %v", why, err)
			}
		}
	})
}

// What is long comes in several answers, each of which goes on where the last one ended.
func TestLatestInParts(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		long := strings.Repeat("x", 30<<10)
		var rest []string
		for i := range 80 {
			channel := fmt.Sprintf("room.%02d", i)
			rest = append(rest, channel)
			if i%10 > 0 {
				e.publish(t, hotsock.Message{Channel: channel, Event: "e", Data: long, Store: time.Hour})
			}
		}
		var found []string
		for answers := 1; ; answers++ {
			names, _ := json.Marshal(rest)
			var out struct {
				Messages []struct{ Channel string }
				Rest     []string
			}
			a := e.server(t, http.MethodPost, "/messages/latest", `{"channels":`+string(names)+`}`)
			if decodeJSON(t, a.body, &out); len(a.body) > 1<<20 {
				t.Errorf("an answer of %d bytes", len(a.body))
			}
			for _, m := range out.Messages {
				found = append(found, m.Channel)
			}
			if rest = out.Rest; len(rest) == 0 {
				if answers != 3 || len(found) != 72 || !slices.IsSorted(found) {
					t.Errorf("%d answers: %v", answers, found)
				}
				return
			}
		}
	})
}

// A server reads the history over HTTP, with bounds, in both directions, and of one
// event among many others.
func TestHistoryOverHTTP(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		for i := range 5 {
			e.forget(fmt.Sprint("id", i))
			p := e.publish(t, hotsock.Message{Channel: "room", Event: []string{"chat", "news"}[i%2], Data: i, Store: time.Hour})
			e.set(fmt.Sprint("id", i), p.ID)
		}
		list := func(next string, numbers ...int) string {
			text := ""
			for i, n := range numbers {
				if i > 0 {
					text += ","
				}
				text += fmt.Sprintf(`{"id":"$id%d","event":%q,"channel":"room","data":%d,"meta":{"uid":null,"umd":null},`+
					`"origin":{"trigger":"server.go","scheduled":false,"connectionId":null,"sourceIp":null,"userAgent":null}}`, n, []string{"chat", "news"}[n%2], n)
			}
			return `{"messages":[` + text + `]` + next + `}`
		}
		for query, want := range map[string]string{
			"":                       list("", 0, 1, 2, 3, 4),
			"?limit=2":               list(`,"next":"$id1"`, 0, 1),
			"?after=" + e.get("id1"): list("", 2, 3, 4),
			"?after=" + e.get("id0") + "&before=" + e.get("id3"): list("", 1, 2),
			"?reverse=true&limit=2":                              list(`,"next":"$id3"`, 4, 3),
			"?reverse=true&before=" + e.get("id2"):               list("", 1, 0),
			"?event=news":                                        list("", 1, 3),
			"?event=news&limit=1":                                list(`,"next":"$id1"`, 1),
			"?event=chat&reverse=true&limit=3":                   list("", 4, 2, 0),
			"?event=nothing":                                     list(""),
		} {
			e.server(t, http.MethodGet, "/channels/room/messages"+query, "").want(t, 200, want)
		}
		for _, query := range []string{"?limit=0", "?limit=101", "?limit=x", "?after=x", "?before=x", "?reverse=x"} {
			e.server(t, http.MethodGet, "/channels/room/messages"+query, "").wantError(t, 400, "INVALID_REQUEST")
		}
		e.server(t, http.MethodGet, "/channels/a%20b/messages", "").wantError(t, 400, "INVALID_REQUEST")

		// One message of an event among many long ones: pages, until it is found.
		ctx, cancel := e.context()
		defer cancel()
		long := make([]byte, 30<<10)
		for i := range long {
			long[i] = 'x'
		}
		wanted := e.publish(t, hotsock.Message{Channel: "long", Event: "wanted", Store: time.Hour}).ID
		for range 200 {
			e.publish(t, hotsock.Message{Channel: "long", Event: "other", Data: string(long), Store: time.Hour})
		}
		var found []string
		pages := 0
		for q := (hotsock.HistoryQuery{Channel: "long", Event: "wanted", Reverse: true}); ; {
			page, err := e.anyNode().History(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			for _, m := range page.Items {
				found = append(found, m.ID)
			}
			if q.Before = page.Next; q.Before == "" {
				break
			}
		}
		if len(found) != 1 || found[0] != wanted || pages != 2 {
			t.Errorf("found %v in %d pages, want %s in 2", found, pages, wanted)
		}
	})
}

// A client says how many messages a page has.
func TestListMessagesLimit(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		c.Subscribe("room")
		for i := range 3 {
			e.publish(t, hotsock.Message{Channel: "room", Event: "chat", Data: i, Store: time.Hour})
		}
		message := func(i int) string {
			return fmt.Sprintf(`{"id":"$_","event":"chat","channel":"room","data":%d,"meta":{"uid":null,"umd":null}}`, i)
		}
		c.call(t, "listMessages", `{"channel":"room","limit":2}`).want(t, 200, `{"messages":[`+message(0)+`,`+message(1)+`],"more":true}`)
		c.call(t, "listMessages", `{"channel":"room","limit":3,"reverse":true}`).want(t, 200, `{"messages":[`+message(2)+`,`+message(1)+`,`+message(0)+`]}`)
		c.call(t, "listMessages", `{"channel":"room","limit":0}`).wantError(t, 400, "INVALID_REQUEST")
	})
}

func isCode(err error, code hotsock.Code) bool {
	e, ok := errors.AsType[*hotsock.Error](err)
	return ok && e.Code == code
}
