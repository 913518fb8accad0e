package protocoltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

const editClaims = `{"room":{"subscribe":true,"historyStart":0,"messages":{"chat":{"publish":true,"store":60,"update":"own","delete":"own"}}}}`

// update and remove are the commands to update and delete the message $id1.
func update(rest string) string {
	return `{"event":"hotsock.messageUpdate","channel":"room","data":{"messageId":"$id1",` + rest + `},"ref":"r"}`
}

const (
	remove     = `{"event":"hotsock.messageDelete","channel":"room","data":{"messageId":"$id1"},"ref":"r"}`
	removedAck = `{"event":"hotsock.ack","channel":"room","data":{},"ref":"r"}`
)

func updatedAck(version int) string {
	return fmt.Sprintf(`{"event":"hotsock.ack","channel":"room","data":{"version":%d},"ref":"r"}`, version)
}

func updated(data string, version int, meta string) string {
	return fmt.Sprintf(`{"id":"$_","event":"hotsock.messageUpdated","channel":"room","data":{"messageId":"$id1","data":%s,"version":%d}%s}`,
		data, version, meta)
}

func removed(meta string) string {
	return `{"id":"$_","event":"hotsock.messageDeleted","channel":"room","data":{"messageId":"$id1"}` + meta + `}`
}

// refusedEdit is the answer to a command that is refused.
func refusedEdit(code string) string {
	return strings.TrimSuffix(failure("room", code), "}") + `,"ref":"r"}`
}

// Section 19: updates and deletions by clients and by the app, and who is told.
func TestEdits(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		jim := e.connect(t, withUMD("Jim", `{"n":1}`, editClaims))
		pam := e.connect(t, user("Pam", editClaims))
		loud := e.connect(t, user("Jim", strings.Replace(editClaims, `"chat"`, `"hotsock.message*":{"echo":true},"chat"`, 1)))
		all := []*client{jim, pam, loud}
		for _, c := range all {
			c.Subscribe("room")
		}
		const jimMeta = `,"meta":{"uid":"Jim","umd":{"n":1}}`
		jim.do(`{"event":"chat","channel":"room","data":"helo","ref":"r"}`, `{"event":"hotsock.ack","channel":"room","data":{"id":"$id1"},"ref":"r"}`)
		pam.expect(`{"id":"$id1","event":"chat","channel":"room","data":"helo"` + jimMeta + `}`)
		loud.expect(`{"id":"$id1","event":"chat","channel":"room","data":"helo"` + jimMeta + `}`)

		jim.do(update(`"data": {"text" : "hello"}`), updatedAck(2))
		pam.expect(updated(`{"text":"hello"}`, 2, jimMeta))
		loud.expect(updated(`{"text":"hello"}`, 2, jimMeta))
		e.quiet(t, "room", all...)
		loud.send(update(`"data":null,"ifVersion":2`)) // with echo
		loud.together(updatedAck(3), updated(`null`, 3, `,"meta":{"uid":"Jim","umd":null}`))
		jim.expect(updated(`null`, 3, `,"meta":{"uid":"Jim","umd":null}`))
		pam.expect(updated(`null`, 3, `,"meta":{"uid":"Jim","umd":null}`))
		jim.do(update(`"data":1,"ifVersion":2`), refusedEdit("CONFLICT"))
		pam.do(update(`"data":1`), refusedEdit("UPDATE_PERMISSION_DENIED")) // it is not hers
		pam.do(remove, refusedEdit("DELETE_PERMISSION_DENIED"))
		e.quiet(t, "room", all...)

		jim.call(t, "publishMessage", `{"channel":"room","event":"hotsock.messageUpdate","data":{"messageId":"$id1","data":"4"}}`).
			want(t, 202, `{"channel":"room","event":"hotsock.messageUpdate","version":4}`)
		jim.call(t, "publishMessage", `{"channel":"room","event":"hotsock.messageUpdate","data":{"messageId":"$id1","data":"4","ifVersion":3}}`).
			wantError(t, 409, "CONFLICT")
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.messageUpdate","data":{"messageId":"$id1","data":"5"},"uid":"Bot"}`).
			want(t, 202, `{"channel":"room","event":"hotsock.messageUpdate","version":5}`)
		ctx, cancel := e.context()
		defer cancel()
		version, err := e.anyNode().UpdateMessage(ctx, hotsock.MessageUpdate{Channel: "room", MessageID: e.get("id1"), Data: "six", IfVersion: 5, Exclude: pam.ID})
		if version != 6 || err != nil {
			t.Fatalf("UpdateMessage: %d, %v", version, err)
		}
		botMeta := `,"meta":{"uid":"Bot","umd":null}`
		pam.expect(updated(`"4"`, 4, jimMeta), updated(`"5"`, 5, botMeta))
		loud.expect(updated(`"4"`, 4, jimMeta), updated(`"5"`, 5, botMeta), updated(`"six"`, 6, ""))
		jim.expect(updated(`"5"`, 5, botMeta), updated(`"six"`, 6, ""))

		pam.history(t, "room", "").want(t, 200,
			`{"messages":[{"id":"$id1","event":"chat","channel":"room","data":"six"`+jimMeta+`,"version":6,"updatedAt":"$at"}]}`)
		at, err := time.Parse("2006-01-02T15:04:05.000Z", e.get("at"))
		if err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("it was updated at %s: %v", e.get("at"), err)
		}
		page, err := e.anyNode().History(ctx, hotsock.HistoryQuery{Channel: "room"})
		if err != nil || len(page.Items) != 1 || page.Items[0].Version != 6 || !page.Items[0].Updated.Equal(at) || page.Items[0].By.UID != "Jim" {
			t.Errorf("History: %+v, %v", page.Items, err)
		}

		jim.do(remove, removedAck)
		pam.expect(removed(jimMeta))
		loud.expect(removed(jimMeta))
		jim.do(remove, refusedEdit("MESSAGE_NOT_FOUND"))
		pam.history(t, "room", "").want(t, 200, `{"messages":[]}`)
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.messageDelete","data":{"messageId":"$id1"}}`).wantError(t, 404, "MESSAGE_NOT_FOUND")
		for range 2 {
			id := e.publish(t, hotsock.Message{Channel: "room", Event: "chat", Store: time.Hour}).ID
			for _, c := range all {
				c.expect(fmt.Sprintf(`{"id":%q,"event":"chat","channel":"room","data":null}`, id))
			}
			e.forget("id1")
			e.set("id1", id)
			if err := e.anyNode().DeleteMessage(ctx, hotsock.MessageDeletion{Channel: "room", MessageID: id, From: &hotsock.Member{UID: "Bot"}}); err != nil {
				t.Fatal(err)
			}
			for _, c := range all {
				c.expect(removed(botMeta))
			}
		}
		e.quiet(t, "room", all...)
	})
}

// Who may edit what: the event of the message decides, and with "own" who sent it.
func TestEditPermissions(t *testing.T) {
	for _, tt := range []struct {
		why, claim, from string
		may              bool
	}{
		{"nothing by default", `{}`, "Jim", false},
		{"publishing is no permission", `{"chat":{"publish":true,"broadcast":true}}`, "Jim", false},
		{"true is for everybody's", `{"chat":{"%":true}}`, "Pam", true},
		{"also for the server's", `{"chat":{"%":true}}`, "", true},
		{"of that event only", `{"other":{"%":true}}`, "Jim", false},
		{"not the command's own event", `{"hotsock.*":{"%":true}}`, "Jim", false},
		{"own", `{"chat":{"%":"own"}}`, "Jim", true},
		{"own is not somebody else's", `{"chat":{"%":"own"}}`, "Pam", false},
		{"own is not the server's", `{"chat":{"%":"own"}}`, "", false},
		{"true outdoes own", `{"chat":{"%":"own"},"*":{"%":true}}`, "Pam", true},
		{"false outdoes own", `{"chat":{"%":"own"},"*":{"%":false}}`, "Jim", false},
		{"false outdoes true", `{"chat":{"%":true},"*":{"%":false}}`, "Jim", false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			everywhere(t, nil, func(t *testing.T, e *env) {
				for _, name := range []string{"update", "delete"} {
					e.forget("id1")
					c := e.connect(t, user("Jim", `{"room":{"subscribe":true,"messages":`+strings.ReplaceAll(tt.claim, "%", name)+`}}`))
					c.Subscribe("room")
					m := hotsock.Message{Channel: "room", Event: "chat", Store: time.Hour}
					if tt.from != "" {
						m.From = &hotsock.Member{UID: tt.from}
					}
					e.set("id1", e.publish(t, m).ID)
					meta := ""
					if tt.from != "" {
						meta = fmt.Sprintf(`,"meta":{"uid":%q,"umd":null}`, tt.from)
					}
					c.expect(`{"id":"$id1","event":"chat","channel":"room","data":null` + meta + `}`)
					command, other, ack, answer := update(`"data":1`), remove, updatedAck(2), `,"version":3`
					if name == "delete" {
						command, other, ack, answer = other, command, removedAck, ""
					}
					denied := map[string]string{"update": "UPDATE_PERMISSION_DENIED", "delete": "DELETE_PERMISSION_DENIED"}
					c.do(other, refusedEdit(denied[map[string]string{"update": "delete", "delete": "update"}[name]]))
					if !tt.may {
						c.do(command, refusedEdit(denied[name]))
					} else {
						c.do(command, ack)
					}
					var asked map[string]json.RawMessage
					if err := json.Unmarshal([]byte(e.expand(command)), &asked); err != nil {
						t.Fatal(err)
					}
					delete(asked, "ref")
					body, _ := json.Marshal(asked)
					switch a := c.call(t, "publishMessage", string(body)); {
					case !tt.may:
						a.wantError(t, 403, denied[name])
					case name == "delete":
						a.wantError(t, 404, "MESSAGE_NOT_FOUND")
					default:
						a.want(t, 202, `{"channel":"room","event":"hotsock.messageUpdate"`+answer+`}`)
					}
				}
			})
		})
	}
}

// What cannot be edited, and by whom.
func TestEditRefused(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		e.storedMessage(t, "chat") // before anybody subscribed
		c := e.connect(t, user("Jim", `{"room":{"subscribe":true,"messages":{"*":{"update":true,"delete":true,"publish":true}}}}`))
		nobody := e.connect(t, user("", `{"room":{"subscribe":true,"messages":{"*":{"update":"own","delete":"own"}}}}`))
		try := func(c *client, code string) {
			t.Helper()
			c.do(update(`"data":1`), refusedEdit(strings.ReplaceAll(code, "*", "UPDATE")))
			c.do(remove, refusedEdit(strings.ReplaceAll(code, "*", "DELETE")))
		}
		try(c, "NOT_SUBSCRIBED")
		c.Subscribe("room")
		nobody.Subscribe("room")
		try(c, "HISTORY_PERMISSION_DENIED")
		e.forget("id1")
		e.storedMessage(t, "chat", c, nobody)
		try(nobody, "*_PERMISSION_DENIED")
		another := e.connect(t, user("", `{"room":{"messages":{"chat":{"broadcast":true,"store":60}}}}`))
		e.forget("id1")
		another.do(`{"event":"chat","channel":"room","ref":"r"}`, `{"event":"hotsock.ack","channel":"room","data":{"id":"$id1"},"ref":"r"}`)
		for _, c := range []*client{c, nobody} {
			c.expect(`{"id":"$id1","event":"chat","channel":"room","data":null,"meta":{"uid":null,"umd":null}}`)
		}
		try(nobody, "*_PERMISSION_DENIED") // Two without a uid are not the same.
		for _, m := range []hotsock.Message{{Channel: "room", Event: "chat"}, {Channel: "other", Event: "chat", Store: hotsock.Forever}} {
			e.set("id1", e.publish(t, m).ID)
			if m.Channel == "room" {
				c.expect(`{"id":"$id1","event":"chat","channel":"room","data":null}`)
				nobody.expect(`{"id":"$id1","event":"chat","channel":"room","data":null}`)
			}
			try(c, "MESSAGE_NOT_FOUND")
		}
		e.set("id1", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ")
		try(c, "MESSAGE_NOT_FOUND")
		for _, rest := range []string{`"x":1`, `"data":1,"ifVersion":0`, `"data":1,"ifVersion":"1"`} {
			c.do(update(rest), refusedEdit("INVALID_REQUEST"))
		}
		c.call(t, "publishMessage", `{"channel":"room","event":"hotsock.messageUpdate"}`).wantError(t, 400, "INVALID_REQUEST")
		c.call(t, "publishMessage", `{"channel":"room","event":"hotsock.messageDelete","data":{"messageId":"$id1"},"scheduleExpression":"at(2100-01-01T00:00:00)"}`).
			wantError(t, 400, "INVALID_REQUEST")
		for _, body := range []string{
			`"data":{"messageId":"$id1"},"event":"hotsock.messageUpdate"`, `"data":{},"event":"hotsock.messageDelete"`,
			`"data":{"messageId":"$id1"},"event":"hotsock.messageDelete","umd":1`,
			`"data":{"messageId":"$id1"},"event":"hotsock.messageDelete","scheduleExpression":"at(2100-01-01T00:00:00)"`,
		} {
			e.server(t, "POST", "/publish", `{"channel":"room",`+body+`}`).wantError(t, 400, "INVALID_REQUEST")
		}
		ctx, cancel := e.context()
		defer cancel()
		for _, tt := range []struct {
			u    hotsock.MessageUpdate
			want hotsock.Code
		}{
			{hotsock.MessageUpdate{Channel: "a b", MessageID: e.get("id1")}, hotsock.CodeInvalidRequest},
			{hotsock.MessageUpdate{Channel: "room", MessageID: "x"}, hotsock.CodeMessageNotFound},
			{hotsock.MessageUpdate{Channel: "room", MessageID: e.get("id1")}, hotsock.CodeMessageNotFound},
			{hotsock.MessageUpdate{Channel: "room", MessageID: e.get("id1"), IfVersion: -1}, hotsock.CodeInvalidRequest},
			{hotsock.MessageUpdate{Channel: "room", MessageID: e.get("id1"), From: &hotsock.Member{}}, hotsock.CodeInvalidRequest},
			{hotsock.MessageUpdate{Channel: "room", MessageID: e.get("id1"), Data: make(chan int)}, hotsock.CodeInvalidRequest},
			{hotsock.MessageUpdate{Channel: "room", MessageID: e.get("id1"), Data: strings.Repeat("x", 32<<10)}, hotsock.CodePayloadTooLarge},
		} {
			if _, err := e.anyNode().UpdateMessage(ctx, tt.u); !errors.Is(err, &hotsock.Error{Code: tt.want}) {
				t.Errorf("UpdateMessage(%+v): %v, want %s", tt.u, err, tt.want)
			}
		}
		e.quiet(t, "room", c, nobody)
	})
}

// Hooks are asked for what clients edit, with what the message is, and change updates.
func TestEditHooks(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) {
		o.Hooks.BeforeUpdate = func(_ context.Context, who hotsock.Requester, u *hotsock.UpdateRequest) error {
			switch {
			case who.UID != "Jim" || u.Channel != "room" || u.Event != "chat" || u.By == nil || u.By.UID != "Jim":
				return fmt.Errorf("asked for %+v", u)
			case string(u.Data) == `"rude"`:
				return &hotsock.Error{Code: "PROFANITY", Message: string(u.Before)}
			case string(u.Data) == `"bad"`:
				u.Data = json.RawMessage(`{`)
			case string(u.Data) == `"loud"`:
				u.Data = json.RawMessage(`{ "text" : "***" }`)
			}
			return nil
		}
		o.Hooks.BeforeDelete = func(_ context.Context, _ hotsock.Requester, d hotsock.DeleteRequest) error {
			if string(d.Data) != `{"text":"***"}` || d.Event != "chat" || d.By == nil || d.By.UID != "Jim" {
				return fmt.Errorf("asked for %+v", d)
			}
			return &hotsock.Error{Code: "KEEP_IT", Message: "no"}
		}
	}, func(t *testing.T, e *env) {
		jim := e.connect(t, user("Jim", editClaims))
		pam := e.connect(t, user("Pam", editClaims))
		jim.Subscribe("room")
		pam.Subscribe("room")
		jim.do(`{"event":"chat","channel":"room","data":"helo","ref":"r"}`, `{"event":"hotsock.ack","channel":"room","data":{"id":"$id1"},"ref":"r"}`)
		pam.expect(`{"id":"$id1","event":"chat","channel":"room","data":"helo","meta":{"uid":"Jim","umd":null}}`)
		pam.do(update(`"data":"rude"`), refusedEdit("UPDATE_PERMISSION_DENIED")) // and no hook is asked
		jim.do(update(`"data":"rude"`), `{"event":"hotsock.error","channel":"room","error":{"code":"PROFANITY","message":"\"helo\""},"ref":"r"}`)
		jim.do(update(`"data":"bad"`), refusedEdit("INTERNAL"))
		jim.do(update(`"data":"loud"`), updatedAck(2))
		pam.expect(updated(`{"text":"***"}`, 2, `,"meta":{"uid":"Jim","umd":null}`))
		jim.do(remove, refusedEdit("KEEP_IT"))
		e.server(t, "POST", "/publish", `{"channel":"room","event":"hotsock.messageDelete","data":{"messageId":"$id1"}}`).want(t, 202, "")
		pam.expect(removed(""))
	})
}

// Whatever a client has seen when it goes, it comes back to what the others show.
func TestEditsCaughtUp(t *testing.T) {
	everywhere(t, nil, func(t *testing.T, e *env) {
		ctx, cancel := e.context()
		defer cancel()
		c := e.connect(t, user("", everything))
		publish := func(data int) string {
			return e.publish(t, hotsock.Message{Channel: "room", Event: "e", Data: data, Store: time.Hour}).ID
		}
		edit := func(id, data string) {
			t.Helper()
			var err error
			if data == "" {
				err = e.anyNode().DeleteMessage(ctx, hotsock.MessageDeletion{Channel: "room", MessageID: id})
			} else {
				_, err = e.anyNode().UpdateMessage(ctx, hotsock.MessageUpdate{Channel: "room", MessageID: id, Data: json.RawMessage(data)})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		start := publish(0)
		updatedID, goneID := publish(1), publish(2)
		edit(updatedID, "10")
		edit(goneID, `"secret"`)
		edit(updatedID, "11")
		seen := publish(3)
		edit(updatedID, "12")
		edit(goneID, "")

		message := func(id string, data int, rest string) string {
			return fmt.Sprintf(`{"id":%q,"event":"e","channel":"room","data":%d%s}`, id, data, rest)
		}
		update12 := fmt.Sprintf(`{"id":"$_","event":"hotsock.messageUpdated","channel":"room","data":{"messageId":%q,"data":12,"version":4}}`, updatedID)
		deletion := fmt.Sprintf(`{"id":"$last","event":"hotsock.messageDeleted","channel":"room","data":{"messageId":%q}}`, goneID)
		for _, tt := range []struct {
			why, after string
			missed     []string
		}{
			{
				"who has seen neither gets neither's old data", start,
				[]string{message(updatedID, 12, `,"version":4,"updatedAt":"$_"`), message(seen, 3, ""), update12, deletion},
			},
			{"who has seen one that is gone", goneID, []string{message(seen, 3, ""), update12, deletion}},
			{"who has seen all but the newest edits", seen, []string{update12, deletion}},
		} {
			c.do(resume("room", `"`+tt.after+`"`), `{"event":"hotsock.subscribed","channel":"room","data":{"recovered":true,"lastId":"$last"},"meta":{"uid":null,"umd":null}}`)
			c.expect(tt.missed...)
			c.do(`{"event":"hotsock.unsubscribe","channel":"room"}`, `{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{"uid":null,"umd":null}}`)
		}
	})
}
