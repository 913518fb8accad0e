package protocoltest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// What the app publishes in a user's name has a sender, and the connection that has
// caused it does not get it, whichever node holds it.
func TestPublishInAName(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim := e.connectTo(t, 0, user("Jim", everything))
		pam := e.connectTo(t, len(e.nodes)-1, user("Pam", everything))
		for _, c := range []*client{jim, pam} {
			c.Subscribe("room")
		}
		const meta = `"meta":{"uid":"Jim","umd":{"n":1}}`
		delivered := func(data string) string {
			return `{"id":"$_","event":"e","channel":"room","data":` + data + `,` + meta + `}`
		}
		members := `"uid":"Jim","umd":{ "n": 1 },"excludeConnectionId":"` + jim.ID + `"`
		soon := `"scheduleExpression":"` + time.Now().UTC().Add(time.Second).Format("at(2006-01-02T15:04:05)") + `"`
		for n := range e.nodes { // on the node that holds the connection, and on another
			for _, publish := range []func(data string) error{
				func(data string) error {
					_, err := e.nodes[n].Publish(t.Context(), hotsock.Message{
						Channel: "room", Event: "e", Data: json.RawMessage(data), Store: time.Hour,
						From: &hotsock.Member{UID: "Jim", UMD: json.RawMessage(`{ "n": 1 }`)}, Exclude: jim.ID,
					})
					return err
				},
				func(data string) error {
					return e.asServer(t, n, "/publish", `{"channel":"room","event":"e","data":`+data+`,"store":3600,`+members+`}`)
				},
				func(data string) error {
					return e.asServer(t, n, "/publish/batch", `{"messages":[{"channel":"room","event":"e","data":`+data+`,"store":3600,`+members+`}]}`)
				},
				func(data string) error {
					return e.asServer(t, n, "/publish", `{"channel":"room","event":"e","data":`+data+`,"store":3600,`+members+`,`+soon+`}`)
				},
			} {
				data := fmt.Sprint(e.marks.Add(1))
				if err := publish(data); err != nil {
					t.Fatal(err)
				}
				pam.expect(delivered(data))
			}
		}
		e.quiet(t, "room", jim, pam)
		page, err := e.anyNode().History(t.Context(), hotsock.HistoryQuery{Channel: "room"})
		if err != nil {
			t.Fatal(err)
		}
		if want := 4 * len(e.nodes); len(page.Items) != want {
			t.Fatalf("%d messages are kept, want %d", len(page.Items), want)
		}
		for _, m := range page.Items {
			if m.By == nil || m.By.UID != "Jim" || string(m.By.UMD) != `{"n":1}` {
				t.Errorf("by %+v", m.By)
			}
		}
	})
}

// asServer makes a request of the server's HTTP API on a node.
func (e *env) asServer(t *testing.T, n int, path, body string) error {
	a := e.request(t, n, "POST", path, body, "Authorization", "Bearer "+apiKeys[0])
	if a.status != 202 || strings.Contains(a.body, `"error"`) {
		return fmt.Errorf("%d %s", a.status, a.body)
	}
	return nil
}

// A deduplicationId means the same whoever the sender is.
func TestDeduplicateInAName(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		var first string
		for i, from := range []*hotsock.Member{{UID: "Jim"}, {UID: "Pam"}, nil} {
			p := e.publish(t, hotsock.Message{Channel: "room", Event: "e", From: from, DeduplicationID: "d"})
			if i == 0 {
				first = p.ID
			}
			if p.ID != first || p.Duplicate != (i > 0) {
				t.Errorf("%+v: got %+v, the first was %s", from, p, first)
			}
		}
	})
}

// The app reacts for users over HTTP.
func TestReactInAName(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim := e.connectTo(t, 0, user("Jim", everything))
		pam := e.connectTo(t, len(e.nodes)-1, user("Pam", everything))
		for _, c := range []*client{jim, pam} {
			c.Subscribe("room")
		}
		e.server(t, "POST", "/publish", `{"channel":"room","event":"kept","store":60,"eagerIdGeneration":true}`).
			want(t, 202, `{"channel":"room","event":"kept","id":"$m"}`)
		for _, c := range []*client{jim, pam} {
			c.expect(`{"id":"$m","event":"kept","channel":"room","data":null}`)
		}
		react := func(rest string) string {
			return `{"channel":"room","event":"hotsock.messageReaction",` + rest + `}`
		}
		const add = `"data":{"messageId":"$m","reaction":"👍","action":"add"}`
		e.server(t, "POST", "/publish", react(add+`,"uid":"Jim","umd":{"n":1},"excludeConnectionId":"`+jim.ID+`"`)).
			want(t, 202, `{"channel":"room","event":"hotsock.messageReaction"}`)
		pam.expect(`{"id":"$_","event":"hotsock.messageReactionAdded","channel":"room","data":{"messageId":"$m","reaction":"👍","action":"add"},"meta":{"uid":"Jim","umd":{"n":1}}}`)
		e.quiet(t, "room", jim, pam)
		e.server(t, "POST", "/publish/batch", `{"messages":[`+react(`"data":{"messageId":"$m","reaction":"👍","action":"remove"},"uid":"Jim"`)+`]}`).
			want(t, 202, `{"results":[{"channel":"room","event":"hotsock.messageReaction"}]}`)
		for _, c := range []*client{jim, pam} {
			c.expect(`{"id":"$_","event":"hotsock.messageReactionRemoved","channel":"room","data":{"messageId":"$m","reaction":"👍","action":"remove"},"meta":{"uid":"Jim","umd":null}}`)
		}
		for why, tt := range map[string]struct {
			body   string
			status int
			code   string
		}{
			"nobody reacts":               {react(add), 400, "INVALID_REQUEST"},
			"null reacts":                 {react(add + `,"uid":null`), 400, "INVALID_REQUEST"},
			"only metadata reacts":        {react(add + `,"umd":1`), 400, "INVALID_REQUEST"},
			"somebody too long reacts":    {react(add + `,"uid":"` + strings.Repeat("u", 129) + `"`), 400, "INVALID_REQUEST"},
			"later":                       {react(add + `,"uid":"Jim","scheduleExpression":"at(2040-01-01T00:00:00)"`), 400, "INVALID_REQUEST"},
			"without data":                {react(`"uid":"Jim"`), 400, "INVALID_REQUEST"},
			"with another action":         {react(`"uid":"Jim","data":{"messageId":"$m","reaction":"👍","action":"toggle"}`), 400, "INVALID_REQUEST"},
			"to no message":               {react(`"uid":"Jim","data":{"messageId":"01JA3HVNF6E89HDT1ABRFWJ8C8","reaction":"👍","action":"add"}`), 404, "MESSAGE_NOT_FOUND"},
			"excluding too long a name":   {react(add + `,"uid":"Jim","excludeConnectionId":"` + strings.Repeat("c", 45) + `"`), 400, "INVALID_REQUEST"},
			"a message of nobody":         {`{"channel":"room","event":"e","umd":1}`, 400, "INVALID_REQUEST"},
			"a message of a number":       {`{"channel":"room","event":"e","uid":1}`, 400, "INVALID_REQUEST"},
			"a message of somebody long":  {`{"channel":"room","event":"e","uid":"` + strings.Repeat("u", 129) + `"}`, 400, "INVALID_REQUEST"},
			"metadata that is too long":   {`{"channel":"room","event":"e","uid":"Jim","umd":"` + strings.Repeat("u", 8<<10) + `"}`, 413, "PAYLOAD_TOO_LARGE"},
			"a message for all but a lot": {`{"channel":"room","event":"e","excludeConnectionId":"` + strings.Repeat("c", 45) + `"}`, 400, "INVALID_REQUEST"},
			"an entry of somebody":        {`{"channel":"room","event":"hotsock.channelStorageSet","key":"k","data":1,"uid":"Jim"}`, 400, "INVALID_REQUEST"},
			"an entry for all but one":    {`{"channel":"room","event":"hotsock.channelStorageSet","key":"k","data":1,"excludeConnectionId":"c"}`, 400, "INVALID_REQUEST"},
		} {
			t.Log(why)
			e.server(t, "POST", "/publish", tt.body).wantError(t, tt.status, tt.code)
		}
		for why, m := range map[string]hotsock.Message{
			"nobody":                {From: &hotsock.Member{}},
			"metadata is no JSON":   {From: &hotsock.Member{UID: "Jim", UMD: json.RawMessage(`{`)}},
			"metadata is too long":  {From: &hotsock.Member{UID: "Jim", UMD: json.RawMessage(`"` + strings.Repeat("u", 8<<10) + `"`)}},
			"excluded is too long":  {Exclude: strings.Repeat("c", 45)},
			"excluded is not UTF-8": {Exclude: "\xff"},
		} {
			m.Channel, m.Event = "room", "e"
			if p, err := e.anyNode().Publish(context.Background(), m); err == nil {
				t.Errorf("%s: accepted as %s", why, p.ID)
			}
		}
		e.quiet(t, "room", jim, pam)
	})
}
