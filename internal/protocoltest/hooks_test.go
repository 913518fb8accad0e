package protocoltest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

// bothWays carries out a command of a client over its WebSocket, and over HTTP on
// another node if there is one, and wants the code, "" for success.
func (c *client) bothWays(t *testing.T, command, operation, code string, status int) {
	t.Helper()
	c.Do(strings.TrimSuffix(command, "}")+`,"ref":"r"}`, cmp.Or(code, "hotsock.ack"))
	a := c.call(t, operation, command)
	if code != "" {
		a.wantError(t, status, code)
		return
	}
	a.want(t, status, "")
}

// A hook sees who asks for what, and refuses with a code, over the WebSocket and over
// HTTP, whichever node is asked.
func TestHooksRefuse(t *testing.T) {
	refuse := func(code hotsock.Code) error { return &hotsock.Error{Code: code, Message: "as the app says"} }
	check := func(who hotsock.Requester) error {
		c := who.Claims()
		if who.UID != "Jim" || string(who.UMD) != `{"n":1}` || c.UID != "Jim" || len(c.Channels) != 1 ||
			who.SourceIP == "" || len(who.ConnectionID) < 23 || !strings.HasPrefix(who.Trigger, "client.") {
			return fmt.Errorf("asked by %+v with %+v", who, c)
		}
		clear(who.UMD) // which is a copy
		return nil
	}
	everywhere(t, func(o *hotsock.Options) {
		o.Hooks = hotsock.Hooks{
			BeforePublish: func(_ context.Context, who hotsock.Requester, p *hotsock.PublishRequest) error {
				if p.Channel != "room" || string(p.Data) != "1" || !p.Due.IsZero() {
					return fmt.Errorf("asked for %+v", p)
				}
				if p.Event == "no" {
					return refuse("PROFANITY")
				}
				return check(who)
			},
			BeforeSetStorage: func(_ context.Context, who hotsock.Requester, s hotsock.SetStorageRequest) error {
				if s.Key == "no" {
					return refuse(hotsock.CodeStoragePermissionDenied)
				}
				if s.Channel != "room" || string(s.Data) != "1" {
					return fmt.Errorf("asked for %+v", s)
				}
				return check(who)
			},
			BeforeReact: func(_ context.Context, who hotsock.Requester, r hotsock.ReactRequest) error {
				if r.Reaction == "👎" {
					return refuse("BE_NICE")
				}
				if r.Channel != "room" || r.Event != "yes" || len(r.MessageID) != 26 {
					return fmt.Errorf("asked for %+v", r)
				}
				return check(who)
			},
		}
	}, func(t *testing.T, e *env) {
		c := e.connect(t, withUMD("Jim", `{"n":1}`, `{"*":{"subscribe":true,"historyStart":0,"messages":{"*":{"publish":true,"store":60,"react":true}},"storage":{"*":{"set":true}}}}`))
		c.Subscribe("room")
		c.bothWays(t, `{"event":"no","channel":"room","data":1}`, "publishMessage", "PROFANITY", 403)
		c.bothWays(t, `{"event":"yes","channel":"room","data":1}`, "publishMessage", "", 202)
		// Over a WebSocket the command has a name.
		set := func(key, code string, status int) {
			t.Helper()
			c.Do(fmt.Sprintf(`{"event":"hotsock.channelStorageSet","channel":"room","key":%q,"data":1,"ref":"r"}`, key), cmp.Or(code, "hotsock.ack"))
			a := c.call(t, "channelStorageSet", fmt.Sprintf(`{"channel":"room","key":%q,"data":1}`, key))
			if code != "" {
				a.wantError(t, status, code)
				return
			}
			a.want(t, status, "")
		}
		set("no", "STORAGE_PERMISSION_DENIED", 403)
		set("k", "", 202)

		const yes = `","event":"yes","channel":"room","data":1,"meta":{"uid":"Jim","umd":{"n":1}}}`
		c.history(t, "room", "").want(t, 200, `{"messages":[{"id":"$id`+yes+`,{"id":"$_`+yes+`]}`)
		react := func(reaction, code string, status int) {
			t.Helper()
			c.bothWays(t, e.expand(fmt.Sprintf(`{"event":"hotsock.messageReaction","channel":"room","data":{"messageId":"$id","reaction":%q,"action":"add"}}`, reaction)), "publishMessage", code, status)
		}
		react("👎", "BE_NICE", 403)
		react("👍", "", 202)

		// What is not permitted is no business of the hooks, nor is what the app does.
		c.bothWays(t, `{"event":"no","channel":"other","data":1}`, "publishMessage", "NOT_SUBSCRIBED", 403)
		e.publish(t, hotsock.Message{Channel: "room", Event: "no", Data: 2})
		c.expect(`{"id":"$_","event":"no","channel":"room","data":2}`)
		e.server(t, "POST", "/publish", `{"event":"no","channel":"room","data":3}`).want(t, 202, "")
		c.expect(`{"id":"$_","event":"no","channel":"room","data":3}`)
	})
}

// A hook changes what is published, or takes it over; so also for a schedule, for which
// it is asked once.
func TestHooksChangeMessages(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) {
		o.Hooks.BeforePublish = func(_ context.Context, _ hotsock.Requester, p *hotsock.PublishRequest) error {
			switch p.Event {
			case "taken":
				p.TakenOver = true
			case "loud":
				p.Data, p.Store, p.Echo = json.RawMessage(`{ "text" : "***" }`), time.Hour, true
			case "once":
				p.DeduplicationID = "same"
			case "later":
				if p.Due.Before(time.Now()) {
					return fmt.Errorf("due at %v", p.Due)
				}
				p.Data, p.Store = json.RawMessage(string(p.Data[:len(p.Data)-1])+`,"asked":true}`), hotsock.Forever
			}
			return nil
		}
	}, func(t *testing.T, e *env) {
		const claims = `{"room":{"subscribe":true,"historyStart":0,"messages":{"*":{"publish":true,"scheduleBefore":9999999999}}}}`
		c, other := e.connect(t, user("Jim", claims)), e.connect(t, user("Pam", claims))
		c.Subscribe("room")
		other.Subscribe("room")
		// Without an id, and without anything published, also if the client wants one.
		c.do(`{"event":"taken","channel":"room","data":1,"ref":"r"}`, `{"event":"hotsock.ack","channel":"room","data":{},"ref":"r"}`)
		c.call(t, "publishMessage", `{"event":"taken","channel":"room","eagerIdGeneration":true}`).want(t, 202, `{"channel":"room","event":"taken"}`)
		c.do(`{"event":"taken","channel":"room","scheduleExpression":"at(2200-01-01T00:00:00)","ref":"r"}`, `{"event":"hotsock.ack","channel":"room","data":{},"ref":"r"}`)

		const loud = `{"id":"$_","event":"loud","channel":"room","data":{"text":"***"},"meta":{"uid":"Jim","umd":null}}`
		c.send(`{"event":"loud","channel":"room","data":{"text":"damn"}}`)
		c.expect(loud)
		other.expect(loud)
		c.call(t, "publishMessage", `{"event":"loud","channel":"room","data":{"text":"damn"}}`).want(t, 202, "")
		c.expect(loud)
		other.expect(loud)

		c.do(`{"event":"once","channel":"room","data":1,"ref":"r"}`, `{"event":"hotsock.ack","channel":"room","data":{"id":"$id"},"ref":"r"}`)
		c.do(`{"event":"once","channel":"room","data":2,"ref":"r"}`, `{"event":"hotsock.ack","channel":"room","data":{"id":"$id"},"ref":"r"}`)
		other.expect(`{"id":"$id","event":"once","channel":"room","data":1,"meta":{"uid":"Jim","umd":null}}`)

		c.call(t, "publishMessage", fmt.Sprintf(`{"event":"later","channel":"room","data":{"n":1},"scheduleExpression":%q}`, at(2*time.Second))).want(t, 202, "")
		later := `{"id":"$_","event":"later","channel":"room","data":{"n":1,"asked":true},"meta":{"uid":"Jim","umd":null}}`
		other.expect(later)
		e.quiet(t, "room", c, other)
		c.history(t, "room", `,"reverse":true`).want(t, 200, `{"messages":[`+strings.Join([]string{later, loud, loud}, ",")+`]}`)
	})
}

// A hook grants what no token does: to subscribe, to publish, to read the history. That
// holds on every node, and after the subscription was changed and caught up with.
func TestHooksGrant(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) {
		o.Hooks.BeforeSubscribe = func(_ context.Context, who hotsock.Requester, s hotsock.SubscribeRequest) (*hotsock.ChannelClaims, error) {
			switch {
			case s.Permitted && s.Auto != strings.HasPrefix(s.Channel, "auto"):
				return nil, fmt.Errorf("asked for %+v", s)
			case s.Channel == "auto.refused":
				return nil, &hotsock.Error{Code: "NOT_A_MEMBER"}
			case who.UID != "Jim" || !strings.Contains(s.Channel, "ticket."):
				return nil, nil
			}
			return &hotsock.ChannelClaims{
				Subscribe: hotsock.Allow, HistoryStart: time.Unix(0, 0), Alias: "mine", UMDUpdate: hotsock.Allow,
				Messages: map[string]hotsock.MessageClaims{"chat": {Publish: hotsock.Allow, Echo: hotsock.Allow, Store: time.Hour}},
				Storage:  map[string]hotsock.StorageClaims{"*": {Get: hotsock.Allow, Set: hotsock.Allow, Observe: hotsock.Allow}},
			}, nil
		}
	}, func(t *testing.T, e *env) {
		before := e.publish(t, hotsock.Message{Channel: "presence.ticket.7", Event: "chat", Data: 0, Store: time.Hour})
		// The connect token permits nothing at all.
		c := e.connect(t, user("Jim", `{}`))
		c.do(`{"event":"hotsock.subscribe","channel":"presence.ticket.7","ref":"1"}`,
			`{"event":"hotsock.subscribed","channel":"presence.ticket.7","data":{"members":[{"uid":"Jim","umd":null}]},"meta":{"channelAlias":"mine","uid":"Jim","umd":null},"ref":"1"}`)
		chat := func(n int) string {
			return fmt.Sprintf(`{"id":"$_","event":"chat","channel":"presence.ticket.7","data":%d,"meta":{"uid":"Jim","umd":null}}`, n)
		}
		c.do(`{"event":"chat","channel":"mine","data":1}`, chat(1))
		c.call(t, "publishMessage", `{"event":"chat","channel":"mine","data":2}`).want(t, 202, "")
		c.expect(chat(2))
		c.call(t, "channelStorageSet", `{"channel":"presence.ticket.7","key":"k","data":3}`).want(t, 202, "")
		c.Expect("hotsock.channelStorageUpdated")
		c.history(t, "mine", "").want(t, 200, `{"messages":[{"id":"`+before.ID+`","event":"chat","channel":"presence.ticket.7","data":0,"meta":{"uid":null,"umd":null}},`+chat(1)+`,`+chat(2)+`]}`)
		c.send(umdUpdate("mine", token(t, `{"scope":"umd","uid":"Jim","umd":5,"channels":{"presence.*":{"umdUpdate":true}}}`)))
		c.together(umdAck("mine"), change("Updated", "presence.ticket.7", member("Jim", "5"), member("Jim", "5")))
		again := c.Do(`{"event":"hotsock.subscribe","channel":"mine","data":{"after":"`+before.ID+`"},"ref":"2"}`, "hotsock.subscribed")
		if again.Member("recovered") != true {
			t.Errorf("not caught up with: %s", again.Text)
		}
		c.Expect("hotsock.channelStorageUpdated")
		c.Expect("chat")
		c.Expect("chat")

		// Nothing of it holds elsewhere, or afterwards.
		c.do(`{"event":"chat","channel":"presence.ticket.8","data":1}`, failure("presence.ticket.8", "PUBLISH_PERMISSION_DENIED"))
		c.do(`{"event":"hotsock.subscribe","channel":"presence.invoice.7"}`, failure("presence.invoice.7", "SUBSCRIBE_PERMISSION_DENIED"))
		c.Do(`{"event":"hotsock.unsubscribe","channel":"mine"}`, "hotsock.unsubscribed")
		c.do(`{"event":"chat","channel":"presence.ticket.7","data":1}`, failure("presence.ticket.7", "PUBLISH_PERMISSION_DENIED"))
		c.call(t, "publishMessage", `{"event":"chat","channel":"presence.ticket.7","data":2}`).wantError(t, 403, "PUBLISH_PERMISSION_DENIED")

		// What a token says is added, and what it denies stays denied.
		d := e.connect(t, user("Jim", `{"ticket.9":{"messages":{"chat":{"publish":false}}}}`))
		d.do(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"ticket.9","data":{"token":%q}}`,
			token(t, `{"scope":"subscribe","uid":"Jim","umd":9,"channels":{"ticket.9":{"messages":{"typing":{"publish":true}},"storage":{"k":{"set":false}}}}}`)),
			`{"event":"hotsock.subscribed","channel":"ticket.9","data":{},"meta":{"channelAlias":"mine","uid":"Jim","umd":9}}`)
		d.do(`{"event":"typing","channel":"ticket.9","ref":"3"}`, `{"event":"hotsock.ack","channel":"ticket.9","data":{"id":"$_"},"ref":"3"}`)
		d.call(t, "publishMessage", `{"event":"typing","channel":"ticket.9"}`).want(t, 202, "")
		d.do(`{"event":"chat","channel":"ticket.9"}`, failure("ticket.9", "PUBLISH_PERMISSION_DENIED"))
		d.call(t, "publishMessage", `{"event":"chat","channel":"ticket.9"}`).wantError(t, 403, "PUBLISH_PERMISSION_DENIED")
		d.call(t, "channelStorageSet", `{"channel":"ticket.9","key":"k","data":1}`).wantError(t, 403, "STORAGE_PERMISSION_DENIED")
		d.call(t, "channelStorageSet", `{"channel":"ticket.9","key":"l","data":1}`).want(t, 202, "")

		// What the token subscribes by itself is asked for, too.
		a := e.connect(t, user("Jim", `{"auto":{"autoSubscribe":true},"auto.refused":{"autoSubscribe":true}}`))
		a.Expect("hotsock.subscribed")
		a.expect(`{"event":"hotsock.error","channel":"auto.refused","error":{"code":"NOT_A_MEMBER","message":"$_"}}`)
	})
}

// A hook refuses connections as Authenticate does: before the upgrade, and before a
// token that is good for one use is spent.
func TestHookRefusesConnections(t *testing.T) {
	everywhere(t, func(o *hotsock.Options) {
		o.Hooks.BeforeConnect = func(_ context.Context, who hotsock.Requester) error {
			if who.ConnectionID == "" || who.Claims().UID != who.UID || who.SourceIP == "" {
				return fmt.Errorf("asked by %+v", who)
			}
			switch who.UID {
			case "Eve":
				return &hotsock.Error{Code: "SUSPENDED", Message: "until Monday"}
			case "Bob":
				return &hotsock.Error{Code: hotsock.CodeUnauthorized, Message: "who?"}
			case "Kim":
				return fmt.Errorf("the database is away")
			}
			return nil
		}
	}, func(t *testing.T, e *env) {
		for _, tt := range []struct {
			uid    string
			status int
			body   string
		}{
			{"Eve", http.StatusForbidden, `{"error":{"code":"SUSPENDED","message":"until Monday"}}`},
			{"Bob", http.StatusUnauthorized, `{"error":{"code":"UNAUTHORIZED","message":"who?"}}`},
			{"Kim", http.StatusInternalServerError, `{"error":{"code":"INTERNAL","message":"internal error"}}`},
		} {
			_, refused := e.dial(t, 0, "?token="+url.QueryEscape(token(t, user(tt.uid, `{}`))), nil)
			if refused == nil {
				t.Fatalf("%s may connect", tt.uid)
			}
			refused.want(t, tt.status, tt.body)
		}
		if log := e.logs.String(); !strings.Contains(log, "Options.Hooks.BeforeConnect: the database is away") {
			t.Error("the log does not say why")
		}
		e.connect(t, user("Jim", `{}`))
	})
}
