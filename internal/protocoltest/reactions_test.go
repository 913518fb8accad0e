package protocoltest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// react is the command to add or remove a reaction to the message $id1.
func react(reaction, action string) string {
	return fmt.Sprintf(`{"event":"hotsock.messageReaction","channel":"room","data":{"messageId":"$id1","reaction":%q,"action":%q},"ref":"r"}`, reaction, action)
}

// reacted is what subscribers get.
func reacted(reaction, action, meta string) string {
	event := map[string]string{"add": "Added", "remove": "Removed"}[action]
	return fmt.Sprintf(`{"id":"$_","event":"hotsock.messageReaction%s","channel":"room","data":{"messageId":"$id1","reaction":%q,"action":%q},"meta":%s}`, event, reaction, action, meta)
}

const (
	reactionAck = `{"event":"hotsock.ack","channel":"room","data":{},"ref":"r"}`
	reactClaims = `{"room":{"subscribe":true,"historyStart":0,"messages":{"chat":{"publish":true,"store":60,"react":true}}}}`
)

// storedMessage publishes a message that is kept, as $id1.
func (e *env) storedMessage(t *testing.T, event string, subscribers ...*client) {
	t.Helper()
	e.server(t, "POST", "/publish", fmt.Sprintf(`{"channel":"room","event":%q,"store":60,"eagerIdGeneration":true}`, event)).
		want(t, 202, fmt.Sprintf(`{"channel":"room","event":%q,"id":"$id1"}`, event))
	for _, c := range subscribers {
		c.expect(fmt.Sprintf(`{"id":"$id1","event":%q,"channel":"room","data":null}`, event))
	}
}

// Section 9: reactions, from adding to listing.
func TestReactions(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim := e.connect(t, withUMD("Jim", `{"n":1}`, reactClaims))
		pam := e.connect(t, user("Pam", reactClaims))
		loud := e.connect(t, user("Al", strings.Replace(reactClaims, `"chat"`, `"hotsock.messageReaction":{"echo":true},"chat"`, 1)))
		all := []*client{jim, pam, loud}
		for _, c := range all {
			c.Subscribe("room")
		}
		e.storedMessage(t, "chat", all...)
		const jimMeta, pamMeta, alMeta = `{"uid":"Jim","umd":{"n":1}}`, `{"uid":"Pam","umd":null}`, `{"uid":"Al","umd":null}`

		jim.do(react("👍", "add"), reactionAck)
		pam.expect(reacted("👍", "add", jimMeta))
		loud.expect(reacted("👍", "add", jimMeta))
		e.quiet(t, "room", all...)

		jim.do(react("👍", "add"), reactionAck) // again: nothing happens
		jim.do(react("👎", "remove"), reactionAck)
		e.quiet(t, "room", all...)

		loud.send(react("👍", "add")) // with echo
		loud.together(reactionAck, reacted("👍", "add", alMeta))
		jim.expect(reacted("👍", "add", alMeta))
		pam.expect(reacted("👍", "add", alMeta))
		pam.call(t, "publishMessage", `{"channel":"room","event":"hotsock.messageReaction","data":{"messageId":"$id1","reaction":"🎉 ja","action":"add"}}`).
			want(t, 202, `{"channel":"room","event":"hotsock.messageReaction"}`)
		jim.expect(reacted("🎉 ja", "add", pamMeta))
		loud.expect(reacted("🎉 ja", "add", pamMeta))
		e.quiet(t, "room", all...)

		const message = `{"id":"$id1","event":"chat","channel":"room","data":null,"meta":{"uid":null,"umd":null},"reactions":`
		pam.history(t, "room", "").want(t, 200, `{"messages":[`+message+`{"👍":{"count":2},"🎉 ja":{"count":1}}}]}`)
		pam.history(t, "room", `,"expandReactions":true`).want(t, 200, `{"messages":[`+message+
			`{"👍":{"count":2,"items":[{"uid":"Jim","umd":{"n":1}},{"uid":"Al"}]},"🎉 ja":{"count":1,"items":[{"uid":"Pam"}]}}}]}`)
		pam.call(t, "listReactions", `{"channel":"room","messageId":"$id1"}`).
			want(t, 200, `{"reactions":[{"reaction":"👍","uid":"Jim","umd":{"n":1}},{"reaction":"👍","uid":"Al"},{"reaction":"🎉 ja","uid":"Pam"}]}`)

		jim.do(react("👍", "remove"), reactionAck)
		pam.expect(reacted("👍", "remove", jimMeta))
		loud.expect(reacted("👍", "remove", jimMeta))
		pam.history(t, "room", "").want(t, 200, `{"messages":[`+message+`{"👍":{"count":1},"🎉 ja":{"count":1}}}]}`)
		loud.send(react("👍", "remove"))
		loud.together(reactionAck, reacted("👍", "remove", alMeta))
		pam.call(t, "publishMessage", `{"channel":"room","event":"hotsock.messageReaction","data":{"messageId":"$id1","reaction":"🎉 ja","action":"remove"}}`).want(t, 202, "")
		pam.history(t, "room", "").want(t, 200, `{"messages":[`+strings.TrimSuffix(message, `,"reactions":`)+`}]}`)
		pam.history(t, "room", `,"expandReactions":true`).want(t, 200, `{"messages":[`+message+`{}}]}`)
		pam.call(t, "listReactions", `{"channel":"room","messageId":"$id1"}`).want(t, 200, `{"reactions":[]}`)
	})
}

// Who may react with what: the target message's event decides.
func TestReactionPermissions(t *testing.T) {
	for _, tt := range []struct {
		why, messages, event, reaction, want string
	}{
		{"nothing by default", `{}`, "chat", "👍", "REACTION_PERMISSION_DENIED"},
		{"true allows all", `{"chat":{"react":true}}`, "chat", "👍", ""},
		{"of that event only", `{"chat":{"react":true}}`, "other", "👍", "REACTION_PERMISSION_DENIED"},
		{"publishing is no permission", `{"chat":{"publish":true}}`, "chat", "👍", "REACTION_PERMISSION_DENIED"},
		{"permissions of the reaction's own event do not count", `{"hotsock.messageReaction":{"react":true,"publish":true}}`, "chat", "👍", "REACTION_PERMISSION_DENIED"},
		{"one of a list", `{"chat":{"react":["👍","ok"]}}`, "chat", "ok", ""},
		{"not on the list", `{"chat":{"react":["👍","ok"]}}`, "chat", "👎", "REACTION_PERMISSION_DENIED"},
		{"one of a list, written differently", `{"chat":{"react":["👍"]}}`, "chat", "👍️", ""},
		{"as a keycap, which the list has without its style", `{"chat":{"react":["#⃣"]}}`, "chat", "#️⃣", ""},
		{"an empty list", `{"chat":{"react":[]}}`, "chat", "👍", "REACTION_PERMISSION_DENIED"},
		{"lists add up", `{"chat":{"react":["a"]},"c*":{"react":["b"]}}`, "chat", "b", ""},
		{"true outdoes a list", `{"chat":{"react":["a"]},"*":{"react":true}}`, "chat", "b", ""},
		{"false outdoes all", `{"chat":{"react":true},"*":{"react":false},"c*":{"react":["b"]}}`, "chat", "b", "REACTION_PERMISSION_DENIED"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				c := e.connect(t, user("Jim", `{"room":{"subscribe":true,"messages":`+tt.messages+`}}`))
				c.Subscribe("room")
				e.storedMessage(t, tt.event, c)
				want := reactionAck
				if tt.want != "" {
					want = strings.TrimSuffix(failure("room", tt.want), "}") + `,"ref":"r"}`
				}
				c.do(react(tt.reaction, "add"), want)
				c.do(react(tt.reaction, "remove"), want)
				a := c.call(t, "publishMessage", fmt.Sprintf(`{"channel":"room","event":"hotsock.messageReaction","data":{"messageId":"$id1","reaction":%q,"action":"add"}}`, tt.reaction))
				if tt.want != "" {
					a.wantError(t, 403, tt.want)
				} else {
					a.want(t, 202, `{"channel":"room","event":"hotsock.messageReaction"}`)
				}
			})
		})
	}
}

// What cannot be reacted to, and by whom.
func TestReactionRefused(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		e.storedMessage(t, "chat") // before anybody subscribed
		old := e.get("id1")
		const sinceNow = `{"room":{"subscribe":true,"messages":{"*":{"react":true,"broadcast":true}}}}`
		c := e.connect(t, user("Jim", sinceNow))
		anonymous := e.connect(t, user("", sinceNow))
		try := func(c *client, code string) {
			t.Helper()
			c.do(react("x", "add"), strings.TrimSuffix(failure("room", code), "}")+`,"ref":"r"}`)
		}
		try(c, "NOT_SUBSCRIBED")
		c.call(t, "listReactions", `{"channel":"room","messageId":"$id1"}`).wantError(t, 403, "NOT_SUBSCRIBED")
		c.Subscribe("room")
		anonymous.Subscribe("room")
		try(c, "HISTORY_PERMISSION_DENIED")
		c.call(t, "listReactions", `{"channel":"room","messageId":"$id1"}`).wantError(t, 403, "HISTORY_PERMISSION_DENIED")
		e.forget("id1")
		e.storedMessage(t, "chat", c, anonymous)
		try(anonymous, "REACTION_PERMISSION_DENIED")
		// Not kept, of another channel, and of nobody.
		for _, m := range []hotsock.Message{{Channel: "room", Event: "chat"}, {Channel: "other", Event: "chat", Store: hotsock.Forever}} {
			e.set("id1", e.publish(t, m).ID)
			if m.Channel == "room" {
				c.expect(`{"id":"$id1","event":"chat","channel":"room","data":null}`)
			}
			try(c, "MESSAGE_NOT_FOUND")
		}
		e.set("id1", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
		try(c, "MESSAGE_NOT_FOUND")
		c.call(t, "listReactions", `{"channel":"room","messageId":"$id1"}`).wantError(t, 404, "MESSAGE_NOT_FOUND")
		e.set("id1", old)
		e.server(t, "GET", "/channels/room", "").want(t, 200, `{"name":"room","subscriptionsCount":2}`)
	})
}

// Many who react at once are all counted, once.
func TestReactionsAtOnce(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		e.storedMessage(t, "chat")
		var clients []*client
		for n := range 6 {
			c := e.connect(t, user(fmt.Sprintf("u%d", n/2), reactClaims)) // each twice
			c.Subscribe("room")
			clients = append(clients, c)
		}
		for range 10 {
			for _, c := range clients {
				c.send(react("+", "add"))
				c.send(react("+", "remove"))
			}
		}
		for _, c := range clients {
			c.send(react("+", "add"))
			c.send(`{"event":"hotsock.ping"}`)
			c.until(`{"event":"hotsock.pong","data":{}}`)
		}
		clients[0].history(t, "room", "").want(t, 200,
			`{"messages":[{"id":"$id1","event":"chat","channel":"room","data":null,"meta":{"uid":null,"umd":null},"reactions":{"+":{"count":3}}}]}`)
	})
}

// However many have reacted, a page of messages tells how many, the first of
// them and the user who asks; and who else, a list of its own.
func TestManyReactions(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		const n = 250
		c := e.connect(t, user("u240", reactClaims))
		c.Subscribe("room")
		e.storedMessage(t, "chat")
		ctx, cancel := e.context()
		defer cancel()
		for i := range n {
			err := e.anyNode().React(ctx, hotsock.Reaction{Channel: "room", MessageID: e.get("id1"), Reaction: []string{"a", "b"}[i%2], UID: fmt.Sprint("u", i)})
			if err != nil {
				t.Fatal(err)
			}
		}
		const message = `{"id":"$id1","event":"chat","channel":"room","data":null,"meta":{"uid":null,"umd":null},"reactions":`
		c.history(t, "room", "").want(t, 200, `{"messages":[`+message+`{"a":{"count":125},"b":{"count":125}}}]}`)
		items := func(from, to, step int) string {
			var uids []string
			for i := from; i < to; i += step {
				uids = append(uids, fmt.Sprintf(`{"uid":"u%d"}`, i))
			}
			return strings.Join(uids, ",")
		}
		c.history(t, "room", `,"expandReactions":true`).want(t, 200, `{"messages":[`+message+
			`{"a":{"count":125,"items":[`+items(0, 20, 2)+`,{"uid":"u240"}]},"b":{"count":125,"items":[`+items(1, 20, 2)+`]}}}]}`)
		listed, after := 0, ""
		for _, want := range []int{100, 100, 50} {
			a := c.call(t, "listReactions", `{"channel":"room","messageId":"$id1"`+after+`}`)
			var page struct {
				Reactions []struct{ UID string }
				Next      string
			}
			if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(page.Reactions) != want || (page.Next == "") != (want == 50) {
				t.Fatalf("a page of %d, next %q, want %d: %v", len(page.Reactions), page.Next, want, err)
			}
			for _, r := range page.Reactions {
				if r.UID != fmt.Sprint("u", listed) {
					t.Fatalf("reaction %d is of %s", listed, r.UID)
				}
				listed++
			}
			after = fmt.Sprintf(`,"after":%q`, page.Next)
		}

		list, err := e.anyNode().History(ctx, hotsock.HistoryQuery{Channel: "room"})
		if err != nil || len(list.Items) != 1 || list.Items[0].ReactionCounts["a"] != 125 || len(list.Items[0].Reactions["a"]) != 10 {
			t.Errorf("History = %+v, %v", list, err)
		}
		listed = 0
		for q := (hotsock.ReactionsQuery{Channel: "room", MessageID: e.get("id1")}); ; {
			page, err := e.anyNode().Reactions(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Items {
				if r.By.UID != fmt.Sprint("u", listed) || r.Created.IsZero() {
					t.Fatalf("Reactions: the one at %d is %+v", listed, r)
				}
				listed++
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if listed != n {
			t.Errorf("Reactions: %d, want %d", listed, n)
		}
	})
}

// Reactions that look the same are the same, whoever sends them.
func TestReactionsThatLookTheSame(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		var clients []*client
		for _, uid := range []string{"Jim", "Pam"} {
			c := e.connect(t, user(uid, reactClaims))
			c.Subscribe("room")
			clients = append(clients, c)
		}
		jim, pam := clients[0], clients[1]
		e.storedMessage(t, "chat", clients...)
		for _, pair := range [][3]string{ // as sent by each, and the normal form
			{"👍", "👍️", "👍"}, {"❤", "❤️", "❤️"}, {"#️⃣", "#⃣", "#️⃣"}, {"é", "é", "é"}, {"+1", "\u200b+1", "+1"},
		} {
			jim.do(react(pair[0], "add"), reactionAck)
			pam.expect(reacted(pair[2], "add", `{"uid":"Jim","umd":null}`))
			pam.do(react(pair[1], "add"), reactionAck)
			jim.expect(reacted(pair[2], "add", `{"uid":"Pam","umd":null}`))
			pam.call(t, "listReactions", `{"channel":"room","messageId":"$id1"}`).
				want(t, 200, fmt.Sprintf(`{"reactions":[{"reaction":%q,"uid":"Jim"},{"reaction":%q,"uid":"Pam"}]}`, pair[2], pair[2]))
			jim.do(react(pair[1], "remove"), reactionAck)
			pam.expect(reacted(pair[2], "remove", `{"uid":"Jim","umd":null}`))
			pam.do(react(pair[0], "remove"), reactionAck)
			jim.expect(reacted(pair[2], "remove", `{"uid":"Pam","umd":null}`))
		}
	})
}
