package protocoltest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
)

// other calls the server's HTTP API on a node that does not hold the client's
// connection, if there is one.
func (c *client) other(t *testing.T, method, path, body string) *answer {
	t.Helper()
	return c.e.request(t, (c.node+1)%len(c.e.nodes), method, path, body, "Authorization", "Bearer "+apiKeys[1])
}

func TestDisconnectOverHTTP(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		path := "/connections/" + url.PathEscape(c.ID)
		c.other(t, "DELETE", path, "").want(t, 200, `{"disconnected":1}`)
		c.ExpectClose(websocket.StatusServiceRestart, "")
		for _, id := range []string{"x", "x%2F..%2Fy", strings.Repeat("x", 8000), c.ID[:22] + "nonode", "%00"} {
			c.other(t, "DELETE", "/connections/"+id, "").want(t, 200, `{"disconnected":0}`)
		}
		c.other(t, "DELETE", "/connections/", "").wantError(t, 400, "INVALID_REQUEST")
	})
}

func TestDisconnectUserOverHTTP(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		pam := e.connect(t, user("Pam", everything))
		for _, uid := range []string{"Jim", "a/b", "..", "100%", "ä 😀", "connections", "users", strings.Repeat("é", 128)} {
			a, b := e.connect(t, user(uid, everything)), e.connect(t, user(uid, everything))
			path := "/users/" + strings.ReplaceAll(url.PathEscape(uid), ".", "%2E") + "/connections"
			a.other(t, "DELETE", path, "").want(t, 200, `{"disconnected":2}`)
			a.ExpectClose(websocket.StatusServiceRestart, "")
			b.ExpectClose(websocket.StatusServiceRestart, "")
		}
		for why, uid := range map[string]string{"not UTF-8": "%FF", "129 characters": strings.Repeat("x", 129)} {
			if a := e.server(t, "DELETE", "/users/"+uid+"/connections", ""); a.status != 400 {
				t.Errorf("%s: %d %s", why, a.status, a.body)
			}
		}
		pam.ExpectNothing()
	})
}

func TestUnsubscribeUserOverHTTP(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		for _, name := range []string{"room", "a/b", "users", "channels", "schedules", "presence.😀"} {
			jim, pam := e.connect(t, user("Jim", everything)), e.connect(t, user("Pam", everything))
			pam.Subscribe(name)
			jim.Subscribe(name, "another")
			path := "/channels/" + url.PathEscape(name) + "/users/Jim"
			jim.other(t, "DELETE", path, "").want(t, 200, `{"unsubscribed":1}`)
			jim.expect(fmt.Sprintf(`{"event":"hotsock.unsubscribed","channel":%q,"data":{},"meta":{"uid":"Jim","umd":null}}`, name))
			jim.other(t, "DELETE", path, "").want(t, 200, `{"unsubscribed":0}`)
			m := e.mark(t, name)
			pam.until(m)
			jim.do(fmt.Sprintf(`{"event":"hotsock.unsubscribe","channel":%q}`, name), failure(name, "NOT_SUBSCRIBED"))
			e.quiet(t, "another", jim)
		}
		e.server(t, "DELETE", "/channels/a%20b/users/Jim", "").wantError(t, 400, "INVALID_REQUEST")
		e.server(t, "DELETE", "/channels/room/users/", "").wantError(t, 400, "INVALID_REQUEST")
		e.server(t, "DELETE", "/channels/room/users/%FF", "").wantError(t, 400, "INVALID_REQUEST")
	})
}

// What the app says at an end reaches the client, on whichever node it is; and whether
// it should come back.
func TestReasons(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		longest := strings.Repeat("é", 61) + "x"
		for _, tt := range []struct {
			query, reason string
			status        websocket.StatusCode
		}{
			{"", "", websocket.StatusServiceRestart},
			{"?reason=" + url.QueryEscape("You have moved 👋"), "You have moved 👋", websocket.StatusServiceRestart},
			{"?stayAway=true&reason=" + url.QueryEscape(longest), longest, 4403},
			{"?stayAway=false", "", websocket.StatusServiceRestart},
			{"?stayAway=true", "", 4403},
		} {
			a, b := e.connect(t, user("Jim", everything)), e.connect(t, user("Jim", everything))
			a.Subscribe("room")
			a.other(t, "DELETE", "/channels/room/users/Jim"+tt.query, "").want(t, 200, `{"unsubscribed":1}`)
			data := "{}"
			if tt.reason != "" {
				data = fmt.Sprintf(`{"reason":%q}`, tt.reason)
			}
			a.expect(`{"event":"hotsock.unsubscribed","channel":"room","data":` + data + `,"meta":{"uid":"Jim","umd":null}}`)
			a.other(t, "DELETE", "/connections/"+url.PathEscape(a.ID)+tt.query, "").want(t, 200, `{"disconnected":1}`)
			b.other(t, "DELETE", "/users/Jim/connections"+tt.query, "").want(t, 200, "")
			for _, c := range []*client{a, b} {
				err := c.Drain()
				var closed websocket.CloseError
				if !errors.As(err, &closed) || closed.Code != tt.status || closed.Reason != tt.reason {
					t.Errorf("%q: %v", tt.query, err)
				}
			}
		}
		c := e.connect(t, user("Jim", everything))
		for _, query := range []string{"?stayAway=1", "?reason=" + longest + "x", "?reason=%FF", "?reason=a%0Ab", "?reason=%00"} {
			for _, path := range []string{"/connections/x", "/users/Jim/connections", "/channels/room/users/Jim"} {
				if strings.HasPrefix(path, "/channels") && strings.Contains(query, "stayAway") {
					continue
				}
				e.server(t, "DELETE", path+query, "").wantError(t, 400, "INVALID_REQUEST")
			}
		}
		if n, err := e.anyNode().DisconnectUser(ctx, "Jim", hotsock.Because(longest+"x")); n != 0 || !errors.Is(err, &hotsock.Error{Code: hotsock.CodeInvalidRequest}) {
			t.Errorf("%d, %v", n, err)
		}
		c.ExpectNothing()
	})
}

func TestPublishBatch(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", everything))
		c.Subscribe("room")
		e.server(t, "POST", "/publish/batch", `{"messages":[
			{"channel":"room","event":"e","data":0,"eagerIdGeneration":true},
			{"channel":"room","event":"hotsock.channelStorageSet","key":"k","data":1},
			{"channel":"room"},
			7,
			{"channel":"room","event":"e","data":`+strings.Repeat("[", 64)+`1`+strings.Repeat("]", 64)+`,"store":0.5},
			{"channel":"a b","event":"e"},
			{"channel":"room","event":"e","data":2,"deduplicationId":"d"},
			{"channel":"room","event":"e","data":3,"deduplicationId":"d"},
			{"channel":"room","event":"e","scheduleExpression":"at(2001-01-01T00:00:00)"},
			{"channel":"room","event":"e","scheduleExpression":`+fmt.Sprintf("%q", at(time.Hour))+`},
			{"channel":"elsewhere","event":"e"}
		]}`).want(t, 202, `{"results":[`+
			`{"channel":"room","event":"e","id":"$id1"},`+
			`{"channel":"room","event":"hotsock.channelStorageSet"},`+
			`{"error":{"code":"INVALID_REQUEST","message":"$_"}},`+
			`{"error":{"code":"INVALID_JSON","message":"$_"}},`+
			`{"error":{"code":"INVALID_REQUEST","message":"$_"}},`+
			`{"error":{"code":"INVALID_REQUEST","message":"$_"}},`+
			`{"channel":"room","event":"e"},`+
			`{"channel":"room","event":"e","duplicate":true},`+
			`{"error":{"code":"INVALID_SCHEDULE_EXPRESSION","message":"$_"}},`+
			`{"channel":"room","event":"e","scheduleArn":"$arn"},`+
			`{"channel":"elsewhere","event":"e"}]}`)
		c.expect(
			`{"id":"$id1","event":"e","channel":"room","data":0}`,
			stored("room", "k", "1", noMeta),
			`{"id":"$_","event":"e","channel":"room","data":2}`)
		e.quiet(t, "room", c)

		e.server(t, "POST", "/publish/batch", `{"messages":[]}`).want(t, 202, `{"results":[]}`)
		deep := `{"channel":"room","event":"e","data":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`
		one := `{"channel":"room","event":"e"}`
		for body, code := range map[string]string{
			`{}`: "INVALID_REQUEST", `{"messages":{}}`: "INVALID_REQUEST", `[]`: "INVALID_JSON", ``: "INVALID_JSON",
			`{"messages":[{"channel":"room","event":"e"},{"channel":"room","channel":"room","event":"e"}]}`: "INVALID_JSON",
			`{"messages":[` + one + `,` + deep + `]}`:                                                       "INVALID_REQUEST",
			`{"messages":[` + one + strings.Repeat(","+one, 1000) + `]}`:                                    "INVALID_REQUEST",
		} {
			e.server(t, "POST", "/publish/batch", body).wantError(t, 400, code)
		}
		e.server(t, "POST", "/publish/batch", `{"messages":["`+strings.Repeat("x", 256<<10)+`"]}`).wantError(t, 413, "PAYLOAD_TOO_LARGE")
		e.quiet(t, "room", c) // nothing of these
	})
}

// A batch is one in Go as well, keeps the order of each channel, and says what
// became of each message.
func TestPublishBatchInGo(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		c := e.connect(t, user("Jim", everything))
		const channels, each = 5, 40
		for i := range channels {
			c.Subscribe(fmt.Sprint("room", i))
		}
		var batch []hotsock.Message
		for n := range each {
			for i := range channels {
				batch = append(batch, hotsock.Message{Channel: fmt.Sprint("room", i), Event: "e", Data: n})
			}
		}
		sent, err := e.anyNode().PublishBatch(ctx, batch)
		if err != nil || len(sent) != len(batch) {
			t.Fatalf("%d results, %v", len(sent), err)
		}
		next := make(map[string]int)
		for range batch {
			frame := c.Next().Text
			n, room := 0, ""
			for i := range channels {
				room = fmt.Sprint("room", i)
				if strings.Contains(frame, `"channel":"`+room+`"`) {
					n = next[room]*channels + i
					break
				}
			}
			want := fmt.Sprintf(`{"id":%q,"event":"e","channel":%q,"data":%d}`, sent[n].ID, room, next[room])
			if frame != want {
				t.Fatalf("got %s, want %s", frame, want)
			}
			next[room]++
		}

		sent, err = e.anyNode().PublishBatch(ctx, []hotsock.Message{
			{Channel: "room0", Event: "e"},
			{Channel: "room0", Event: "hotsock.e"},
			{Channel: "room0", Event: "e", At: time.Now().Add(time.Hour)},
			{Channel: "room0", Event: "e", Data: func() {}},
		})
		var be *hotsock.BatchError
		if !errors.As(err, &be) || len(be.Errors) != 4 || be.Errors[0] != nil || be.Errors[1] == nil || be.Errors[2] != nil || be.Errors[3] == nil {
			t.Fatalf("the error is %v", err)
		}
		if !errors.Is(err, &hotsock.Error{Code: hotsock.CodeInvalidRequest}) || !strings.Contains(err.Error(), "2 of 4") {
			t.Errorf("the error is %v", err)
		}
		if sent[0].ID == "" || sent[1] != (hotsock.PublishResult{}) || sent[2].ScheduleARN == "" || sent[3] != (hotsock.PublishResult{}) {
			t.Errorf("the results are %+v", sent)
		}
		twice := hotsock.Message{Channel: "room0", Event: "e", DeduplicationID: "twice"}
		if sent, err = e.anyNode().PublishBatch(ctx, []hotsock.Message{twice, twice}); err != nil || sent[0].Duplicate || sent[1] != (hotsock.PublishResult{ID: sent[0].ID, Duplicate: true}) {
			t.Errorf("the same twice: %+v, %v", sent, err)
		}
		if sent, err := e.anyNode().PublishBatch(ctx, nil); len(sent) != 0 || err != nil {
			t.Errorf("of nothing: %v, %v", sent, err)
		}
	})
}

// schedulePath is the path of the schedule whose ARN was captured.
func (e *env) schedulePath(name string) string {
	return "/schedules/" + strings.TrimPrefix(e.get(name), "arn:hotsock:scheduler:::schedule/")
}

func TestSchedulesOverHTTP(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		c := e.connect(t, user("Jim", accepts))
		c.Subscribe("room")
		c.do(`{"event":"loud","channel":"room","data":1,"scheduleExpression":"at(2040-01-02T00:00:00)","ref":"1"}`,
			`{"event":"hotsock.ack","channel":"room","data":{"scheduleArn":"$arn1"},"ref":"1"}`)
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.channelStorageSet","key":"k","data":2,"scheduleExpression":"at(2040-01-01T00:00:00)"}`).
			want(t, 202, `{"channel":"room","event":"hotsock.channelStorageSet","scheduleArn":"$arn2"}`)
		e.server(t, "POST", "/publish", `{"channel":"b","event":"e","scheduleExpression":"at(2040-01-03T00:00:00)"}`).
			want(t, 202, `{"channel":"b","event":"e","scheduleArn":"$arn3"}`)
		e.set("connection", c.ID)
		first := `{"scheduleArn":"$arn1","due":"2040-01-02T00:00:00Z","channel":"room","event":"loud","data":1,"connectionId":"$connection","uid":"Jim"}`
		second := `{"scheduleArn":"$arn2","due":"2040-01-01T00:00:00Z","channel":"room","event":"hotsock.channelStorageSet","key":"k","data":2,"connectionId":null,"uid":null}`
		third := `{"scheduleArn":"$arn3","due":"2040-01-03T00:00:00Z","channel":"b","event":"e","data":null,"connectionId":null,"uid":null}`
		c.other(t, "GET", "/schedules", "").want(t, 200, `{"schedules":[`+second+`,`+first+`,`+third+`]}`)
		c.other(t, "GET", "/schedules?channel=room", "").want(t, 200, `{"schedules":[`+second+`,`+first+`]}`)
		c.other(t, "GET", "/schedules?channel=nothing", "").want(t, 200, `{"schedules":[]}`)
		_, id, _ := strings.Cut(e.schedulePath("arn2")[len("/schedules/"):], "/")
		c.other(t, "GET", "/schedules?after=2040-01-01T00:00:00Z_"+id, "").want(t, 200, `{"schedules":[`+first+`,`+third+`]}`)
		for _, query := range []string{"channel=a%20b", "after=x", "after=" + id, "after=2040-01-01T00:00:00Z", "after=9999999-01-01T00:00:00Z_" + id} {
			e.server(t, "GET", "/schedules?"+query, "").wantError(t, 400, "INVALID_REQUEST")
		}

		// Moved, and on another day there is another order.
		c.other(t, "PATCH", e.schedulePath("arn2"), `{"scheduleExpression":"at(2040-01-04T01:00:00)","scheduleExpressionTimezone":"Europe/Berlin"}`).want(t, 200, `{}`)
		second = strings.Replace(second, "2040-01-01", "2040-01-04", 1)
		c.other(t, "GET", "/schedules", "").want(t, 200, `{"schedules":[`+first+`,`+third+`,`+second+`]}`)
		for body, code := range map[string]string{
			`{}`: "INVALID_REQUEST", ``: "INVALID_JSON", `{"scheduleExpression":"at(2001-01-01T00:00:00)"}`: "INVALID_SCHEDULE_EXPRESSION",
			`{"scheduleExpression":"tomorrow"}`: "INVALID_SCHEDULE_EXPRESSION", `{"scheduleExpression":"at(2262-01-01T00:00:00)"}`: "INVALID_SCHEDULE_EXPRESSION",
		} {
			e.server(t, "PATCH", e.schedulePath("arn2"), body).wantError(t, 400, code)
		}

		// Cancelled is cancelled once.
		c.other(t, "DELETE", e.schedulePath("arn1"), "").want(t, 200, `{}`)
		c.other(t, "DELETE", e.schedulePath("arn1"), "").wantError(t, 404, "SCHEDULE_NOT_FOUND")
		c.other(t, "PATCH", e.schedulePath("arn1"), `{"scheduleExpression":"at(2040-01-01T00:00:00)"}`).wantError(t, 404, "SCHEDULE_NOT_FOUND")
		for _, path := range []string{"x/y", "p00/" + id, "a%2Fb/" + id, "p00/" + strings.ToLower(id), "p00%00/" + id, strings.Repeat("p", 5000) + "/" + id} {
			e.server(t, "DELETE", "/schedules/"+path, "").wantError(t, 404, "SCHEDULE_NOT_FOUND")
		}
		e.server(t, "GET", "/schedules", "").want(t, 200, `{"schedules":[`+third+`,`+second+`]}`)

		// Moved to now, it comes.
		c.other(t, "PATCH", e.schedulePath("arn2"), fmt.Sprintf(`{"scheduleExpression":%q}`, at(time.Second))).want(t, 200, `{}`)
		c.expect(stored("room", "k", "2", noMeta))
	})
}

// Every schedule is listed once, a page after the other.
func TestPagesOfSchedules(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const n = 230
		var batch []hotsock.Message
		for i := range n {
			batch = append(batch, hotsock.Message{Channel: fmt.Sprint(i % 7), Event: fmt.Sprint("e", i), At: time.Date(2040, 1, 1, 0, 0, i/10, 0, time.UTC)})
		}
		ctx, cancel := e.context()
		defer cancel()
		if _, err := e.anyNode().PublishBatch(ctx, batch); err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool)
		pages := 0
		for query := ""; ; pages++ {
			a := e.server(t, http.MethodGet, "/schedules"+query, "")
			a.want(t, 200, "")
			var page struct {
				Schedules []struct{ Event string }
				Next      string
			}
			decodeJSON(t, a.body, &page)
			for _, s := range page.Schedules {
				if seen[s.Event] {
					t.Errorf("%s is there twice", s.Event)
				}
				seen[s.Event] = true
			}
			if page.Next == "" {
				break
			}
			query = "?after=" + url.QueryEscape(page.Next)
		}
		if len(seen) != n || pages != 2 {
			t.Errorf("%d schedules on %d pages and a last one", len(seen), pages)
		}
	})
}
