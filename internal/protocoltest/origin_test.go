package protocoltest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

// Servers learn how each stored message came to be, clients never do.
func TestOrigins(t *testing.T) {
	for name, omit := range map[string]bool{"with addresses": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(o *hotsock.Options) { o.OmitClientAddress = omit }, func(t *testing.T, e *env) { origins(t, e, omit) })
		})
	}
}

func origins(t *testing.T, e *env, omit bool) {
	const agent = `Browser "7" <é>`
	c, _ := e.dial(t, e.next(), "?token="+url.QueryEscape(token(t, user("Jim", everything))), http.Header{"User-Agent": {agent}})
	c.Greet()
	c.Subscribe("room")
	first := e.publish(t, hotsock.Message{Channel: "room", Event: "first", Store: time.Hour})
	c.Expect("first")
	soon := func() string { return time.Now().UTC().Add(time.Second).Format("at(2006-01-02T15:04:05)") }
	key := []string{"Authorization", "Bearer " + apiKeys[0], "User-Agent", agent}
	who := hotsock.MessageOrigin{ConnectionID: c.ID, SourceIP: "127.0.0.1", UserAgent: agent}
	server := hotsock.MessageOrigin{SourceIP: "127.0.0.1", UserAgent: agent}
	from := func(o hotsock.MessageOrigin, trigger string, scheduled bool) hotsock.MessageOrigin {
		o.Trigger, o.Scheduled = trigger, scheduled
		if omit {
			o.SourceIP, o.UserAgent = "", ""
		}
		return o
	}
	clientHTTP := func(body string) {
		e.request(t, e.next(), http.MethodPost, "/connection/publishMessage"+c.credentials(), body, "User-Agent", agent).want(t, 202, "")
	}
	app := func(m hotsock.Message) {
		if _, err := e.anyNode().Publish(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
	for _, tt := range []struct {
		why     string
		publish func(event string)
		want    hotsock.MessageOrigin
	}{
		{"over the WebSocket", func(event string) { c.send(`{"event":"` + event + `","channel":"room"}`) }, from(who, "client.websocket", false)},
		{"once more", func(event string) { c.send(`{"event":"` + event + `","channel":"room"}`) }, from(who, "client.websocket", false)},
		{"scheduled there", func(event string) {
			c.send(`{"event":"` + event + `","channel":"room","scheduleExpression":"` + soon() + `"}`)
		}, from(who, "client.websocket", true)},
		{"over HTTP", func(event string) { clientHTTP(`{"event":"` + event + `","channel":"room"}`) }, from(who, "client.http", false)},
		{"scheduled there", func(event string) {
			clientHTTP(`{"event":"` + event + `","channel":"room","scheduleExpression":"` + soon() + `"}`)
		}, from(who, "client.http", true)},
		{"by a server", func(event string) {
			e.request(t, e.next(), http.MethodPost, "/publish", `{"event":"`+event+`","channel":"room","store":60}`, key...).want(t, 202, "")
		}, from(server, "server.http", false)},
		{"by the app, in a user's name", func(event string) {
			app(hotsock.Message{Channel: "room", Event: event, Store: time.Minute, From: &hotsock.Member{UID: "Jim"}})
		}, from(hotsock.MessageOrigin{}, "server.go", false)},
		{"by the app, at once", func(event string) {
			app(hotsock.Message{Channel: "room", Event: event, Store: time.Minute, At: time.Now().Add(-time.Hour)})
		}, from(hotsock.MessageOrigin{}, "server.go", true)},
	} {
		t.Run(tt.why, func(t *testing.T) {
			event := fmt.Sprintf("e%x", time.Now().UnixNano())
			tt.publish(event)
			_, live := c.Until(event)
			for n := range e.nodes {
				if got := e.stored(t, n, event).Origin; got != tt.want {
					t.Errorf("node %d: %+v, want %+v", n, got, tt.want)
				}
			}
			latest, err := e.anyNode().Latest(t.Context(), "room")
			if err != nil || latest["room"].Origin != tt.want {
				t.Errorf("Latest: %+v, %v", latest["room"], err)
			}
			var out struct {
				Messages []struct {
					Origin struct {
						Trigger                           string
						Scheduled                         bool
						ConnectionID, SourceIP, UserAgent *string
					}
				}
			}
			decodeJSON(t, e.server(t, http.MethodGet, "/channels/room/messages?event="+event, "").body, &out)
			o := out.Messages[0].Origin
			if got := (hotsock.MessageOrigin{
				Trigger: o.Trigger, Scheduled: o.Scheduled, ConnectionID: orEmpty(o.ConnectionID), SourceIP: orEmpty(o.SourceIP), UserAgent: orEmpty(o.UserAgent),
			}); got != tt.want {
				t.Errorf("over HTTP: %+v, want %+v", got, tt.want)
			}
			// What a client is sent at once, when it catches up, and when it asks.
			again := e.connect(t, user("Pam", everything))
			again.send(`{"event":"hotsock.subscribe","channel":"room","data":{"after":"` + first.ID + `"}}`)
			_, caught := again.Until(event)
			for where, text := range map[string]string{
				"live": live.Text, "catching up": caught.Text, "history": c.history(t, "room", `,"expandReactions":true`).body,
			} {
				for _, secret := range []string{"origin", "server.", "client.", "127.0.0.1", "Browser", c.ID} {
					if strings.Contains(text, secret) {
						t.Errorf("%s: a client is told %q: %s", where, secret, text)
					}
				}
			}
		})
	}
}

// stored waits for the stored message of an event.
func (e *env) stored(t *testing.T, node int, event string) hotsock.HistoryMessage {
	t.Helper()
	var page hotsock.Page[hotsock.HistoryMessage]
	await.That(t, "the message to be stored", func() bool {
		ctx, cancel := e.context()
		defer cancel()
		var err error
		page, err = e.nodes[node].History(ctx, hotsock.HistoryQuery{Channel: "room", Event: event})
		return err == nil && len(page.Items) == 1
	})
	return page.Items[0]
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// What clients and proxies say of themselves is cut, and a hook that has a message kept
// has its origin kept.
func TestOriginIsBounded(t *testing.T) {
	long := strings.Repeat("é<", 1000)
	everywhere(t, func(o *hotsock.Options) {
		o.ClientIP = func(r *http.Request) string { return r.Header.Get("X-Forwarded-For") }
		o.Hooks.BeforePublish = func(_ context.Context, _ hotsock.Requester, p *hotsock.PublishRequest) error {
			p.Store = time.Minute
			return nil
		}
	}, func(t *testing.T, e *env) {
		c, _ := e.dial(t, e.next(), "?token="+url.QueryEscape(token(t, user("Jim", `{"room":{"subscribe":true,"messages":{"*":{"publish":true}}}}`))),
			http.Header{"User-Agent": {long}, "X-Forwarded-For": {long}})
		c.Greet()
		c.Subscribe("room")
		c.Do(`{"event":"e","channel":"room","ref":"r"}`, "hotsock.ack")
		o := e.stored(t, 0, "e").Origin
		const want = 256 + 2 // the last character, of which half is cut off
		if o.UserAgent != o.SourceIP || len(o.UserAgent) > want || !strings.HasPrefix(long, strings.TrimSuffix(o.UserAgent, "\uFFFD")) {
			t.Errorf("%d and %d bytes: %+v", len(o.UserAgent), len(o.SourceIP), o)
		}
	})
}
