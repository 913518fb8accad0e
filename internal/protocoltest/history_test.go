package protocoltest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// Section 11: pages of messages.
func TestListMessages(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		var all []string
		var ids, unkept []string
		for n := range 250 {
			p := e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: n, Store: hotsock.Forever})
			unkept = append(unkept, e.publish(t, hotsock.Message{Channel: "room", Event: "not kept"}).ID)
			ids = append(ids, p.ID)
			all = append(all, fmt.Sprintf(`{"id":%q,"event":"e","channel":"room","data":%d,"meta":{"uid":null,"umd":null}}`, p.ID, n))
		}
		reversed := make([]string, len(all))
		for i, m := range all {
			reversed[len(all)-1-i] = m
		}
		c := e.connect(t, user("", `{"room":{"subscribe":true,"historyStart":0}}`))
		c.Subscribe("room")
		for _, tt := range []struct {
			why, options string
			want         []string
		}{
			{"the oldest come first", ``, all[:100]},
			{"after a message", `,"after":"` + ids[99] + `"`, all[100:200]},
			{"the last page", `,"after":"` + ids[199] + `"`, all[200:]},
			{"a full last page is followed by an empty one", `,"after":"` + ids[249] + `"`, nil},
			{"after a message that was not kept", `,"after":"` + unkept[99] + `"`, all[100:200]},
			{"after the beginning of time", `,"after":"00000000000000000000000000"`, all[:100]},
			{"lower case", `,"after":"` + strings.ToLower(ids[99]) + `"`, all[100:200]},
			{"empty and null are absent", `,"after":"","before":null,"reverse":null`, all[:100]},
			{"before has no effect forwards", `,"before":"` + ids[10] + `"`, all[:100]},
			{"the newest come first in reverse", `,"reverse":true`, reversed[:100]},
			{"before a message", `,"reverse":true,"before":"` + ids[150] + `"`, reversed[100:200]},
			{"the first message ends it", `,"reverse":true,"before":"` + ids[50] + `"`, reversed[200:]},
			{"nothing is before the first", `,"reverse":true,"before":"` + ids[0] + `"`, nil},
			{"after has no effect in reverse", `,"reverse":true,"after":"` + ids[240] + `"`, reversed[:100]},
		} {
			a := c.history(t, "room", tt.options)
			if want := `{"messages":[` + strings.Join(tt.want, ",") + `]}`; a.status != 200 || a.body != want {
				t.Errorf("%s: got %d %s\nwant %s", tt.why, a.status, shorten(a.body), shorten(want))
			}
		}
		// The Go API reads the same pages.
		ctx, cancel := e.context()
		defer cancel()
		page, err := e.anyNode().History(ctx, hotsock.HistoryQuery{Channel: "room", After: ids[239]})
		if err != nil || len(page.Items) != 10 || page.Next != "" || page.Items[0].ID != ids[240] || page.Items[0].By != nil || string(page.Items[9].Data) != "249" || !page.Items[0].Expires.IsZero() {
			t.Errorf("History = %+v, %v", page, err)
		}
	})
}

// A page of big messages ends before 1 MB, and then says that there are more.
func TestMessagePageSize(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const count = 40
		data := strings.Repeat("x", 32<<10-2)
		for range count {
			e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: data, Store: hotsock.Forever})
		}
		c := e.connect(t, user("", `{"room":{"subscribe":true,"historyStart":0}}`))
		c.Subscribe("room")
		for _, direction := range []string{`"reverse":false,"after"`, `"reverse":true,"before"`} {
			seen := make(map[string]bool)
			last := ""
			for pages := 1; ; pages++ {
				a := c.history(t, "room", fmt.Sprintf(`,%s:%q`, direction, last))
				var page struct {
					Messages []struct{ ID string }
					More     bool
				}
				if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(a.body) > 1<<20 {
					t.Fatalf("%v, %d bytes", err, len(a.body))
				}
				for _, m := range page.Messages {
					last = m.ID
					seen[last] = true
				}
				if !page.More {
					if pages != 2 || len(seen) != count {
						t.Errorf("%d messages on %d pages", len(seen), pages)
					}
					break
				}
			}
		}
	})
}

// Paging through a channel while others publish returns every message once, in
// order, none skipped.
func TestPagingWhilePublishing(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const count = 600
		c := e.connect(t, user("", `{"room":{"subscribe":true,"historyStart":0}}`))
		c.Subscribe("room")
		go func() {
			for n := range count {
				ctx, cancel := e.context()
				if _, err := e.nodes[n%len(e.nodes)].Publish(ctx, hotsock.Message{Channel: "room", Event: "e", Data: n, Store: hotsock.Forever}); err != nil {
					t.Errorf("Publish: %v", err)
				}
				cancel()
			}
		}()
		last, next := "", 0
		for next < count && !t.Failed() {
			a := c.history(t, "room", fmt.Sprintf(`,"after":%q`, last))
			var page struct {
				Messages []struct {
					ID   string
					Data int
				}
			}
			if err := json.Unmarshal([]byte(a.body), &page); err != nil {
				t.Fatalf("%v: %s", err, shorten(a.body))
			}
			for _, m := range page.Messages {
				if m.Data != next || m.ID <= last {
					t.Fatalf("got message %d with id %s after %s, want %d", m.Data, m.ID, last, next)
				}
				next++
				last = m.ID
			}
			if len(page.Messages) > 100 {
				t.Fatalf("a page of %d", len(page.Messages))
			}
		}
		for n := range count {
			c.expect(fmt.Sprintf(`{"id":"$_","event":"e","channel":"room","data":%d}`, n))
		}
	})
}
