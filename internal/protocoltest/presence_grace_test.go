package protocoltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

// withGrace makes members linger for so long, and raises events.
func withGrace(d time.Duration) func(*hotsock.Options) {
	return func(o *hotsock.Options) {
		withEvents(o)
		o.PresenceGrace = d
	}
}

// closing closes a client's WebSocket with a code.
func closing(code websocket.StatusCode) func(*testing.T, *env, *client) {
	return func(_ *testing.T, _ *env, c *client) { _ = c.TryClose(code) }
}

// How a connection ends decides whether its user lingers.
func TestPresenceGrace(t *testing.T) {
	const (
		channel   = "presence.room"
		subscribe = `{"event":"hotsock.subscribe","channel":"presence.room"}`
	)
	pam, jim := member("Pam", "null"), member("Jim", "null")
	everywhere(t, withGrace(time.Minute), func(t *testing.T, e *env) {
		c := e.connect(t, user("Pam", everything))
		c.do(subscribe, joined(channel, pam, pam))
		info := func() string { return e.server(t, "GET", "/channels/presence.room", "").body }
		for _, row := range []struct {
			why     string
			end     func(*testing.T, *env, *client)
			lingers bool
		}{
			{"a page is left, or loaded again", closing(websocket.StatusGoingAway), true},
			{"the network fails", func(_ *testing.T, _ *env, c *client) { c.Cut() }, true},
			{"the client closes", closing(websocket.StatusNormalClosure), false},
			{"the client closes without a code", closing(websocket.StatusNoStatusRcvd), false},
			{"the client closes with a code of its own", closing(4000), false},
			{"the client breaks the protocol", func(_ *testing.T, _ *env, c *client) {
				if *feeds {
					_ = c.TryClose(websocket.StatusProtocolError)
					return
				}
				ctx, cancel := c.e.context()
				defer cancel()
				_ = c.WS.Write(ctx, websocket.MessageBinary, []byte("x"))
			}, false},
			{"the client unsubscribes", func(_ *testing.T, _ *env, c *client) {
				c.do(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`,
					`{"event":"hotsock.unsubscribed","channel":"presence.room","data":{},"meta":{"uid":"Jim","umd":null}}`)
			}, false},
			{"the client unsubscribes, and its network fails", func(_ *testing.T, _ *env, c *client) {
				c.send(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`)
				c.expect(`{"event":"hotsock.unsubscribed","channel":"presence.room","data":{},"meta":{"uid":"Jim","umd":null}}`)
				c.Cut()
			}, false},
			{"the app disconnects the user", func(t *testing.T, e *env, _ *client) {
				if n, err := e.anyNode().DisconnectUser(t.Context(), "Jim"); n != 1 || err != nil {
					t.Errorf("disconnected %d, %v", n, err)
				}
			}, false},
			{"the app unsubscribes the user", func(t *testing.T, e *env, _ *client) {
				if n, err := e.anyNode().UnsubscribeUser(t.Context(), "Jim", channel); n != 1 || err != nil {
					t.Errorf("unsubscribed %d, %v", n, err)
				}
			}, false},
		} {
			j := e.connect(t, user("Jim", everything))
			j.do(subscribe, joined(channel, jim, pam, jim))
			c.expect(change("Added", channel, jim, pam, jim))
			row.end(t, e, j)
			if !row.lingers {
				c.expect(change("Removed", channel, jim, pam))
				j.Cut()
				await.That(t, row.why+": the end of the connection", func() bool { return e.events.has("hotsock.disconnected", j.ID) })
				continue
			}
			want := `{"name":"presence.room","subscriptionsCount":1,"members":[` + pam + `,` + jim + `]}`
			await.That(t, row.why+": the end of the subscription", func() bool { return info() == want })
			// Who comes back in time has not left.
			j = e.connect(t, user("Jim", everything))
			j.do(subscribe, joined(channel, jim, pam, jim))
			e.quiet(t, channel, c, j)
			// With other metadata, the others are told of that alone.
			j.Cut()
			await.That(t, row.why+": the end of the next one", func() bool { return info() == want })
			away := member("Jim", `"away"`)
			j = e.connect(t, withUMD("Jim", `"away"`, everything))
			j.do(subscribe, joined(channel, away, pam, away))
			c.expect(change("Updated", channel, away, pam, away))
			e.quiet(t, channel, c, j)
			_ = j.TryClose(websocket.StatusNormalClosure)
			c.expect(change("Removed", channel, away, pam))
		}
	})
}

// changesOfMembers are the member events of a user, in order, each with the uids of the
// members then.
func (l *eventLog) changesOfMembers(t *testing.T, uid string) (changes []string) {
	t.Helper()
	for _, text := range l.all() {
		var ev struct {
			Type string
			Data struct {
				UID     string
				Members []struct{ UID string }
			}
		}
		if err := json.Unmarshal([]byte(text), &ev); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(ev.Type, "hotsock.member") || ev.Data.UID != uid {
			continue
		}
		for _, m := range ev.Data.Members {
			ev.Type += " " + m.UID
		}
		changes = append(changes, ev.Type)
	}
	return changes
}

// has reports whether there was an event of a type about a connection.
func (l *eventLog) has(typ, connection string) bool {
	return slices.ContainsFunc(l.all(), func(text string) bool {
		return strings.Contains(text, fmt.Sprintf(`"type":%q`, typ)) && strings.Contains(text, connection)
	})
}

// Who does not come back in time is removed, once; the app is told of the end of the
// connection and the subscription at once, and of the member's when the grace is over.
func TestPresenceGraceIsOver(t *testing.T) {
	const (
		channel   = "presence.room"
		subscribe = `{"event":"hotsock.subscribe","channel":"presence.room"}`
	)
	pam, jim := member("Pam", "null"), member("Jim", "null")
	everywhere(t, withGrace(2*time.Second), func(t *testing.T, e *env) {
		c := e.connect(t, user("Pam", everything))
		c.do(subscribe, joined(channel, pam, pam))
		for range 2 {
			j := e.connect(t, user("Jim", everything))
			j.do(subscribe, joined(channel, jim, pam, jim))
			c.expect(change("Added", channel, jim, pam, jim))
			began := time.Now()
			j.Cut()
			await.That(t, "the end of the connection", func() bool {
				return e.events.has("hotsock.unsubscribed", j.ID) && e.events.has("hotsock.disconnected", j.ID)
			})
			c.expect(change("Removed", channel, jim, pam))
			if d := time.Since(began); d < 2*time.Second {
				t.Errorf("removed after %v", d)
			}
		}
		want := []string{
			"hotsock.memberAdded Pam Jim", "hotsock.memberRemoved Pam",
			"hotsock.memberAdded Pam Jim", "hotsock.memberRemoved Pam",
		}
		await.That(t, "the events", func() bool { return len(e.events.changesOfMembers(t, "Jim")) >= len(want) })
		e.quiet(t, channel, c)
		if got := e.events.changesOfMembers(t, "Jim"); !slices.Equal(got, want) {
			t.Errorf("the app was told %q, want %q", got, want)
		}
	})
}

// A node that ends in an orderly way leaves its users the grace. They come back on
// another one, and nobody is told.
func TestPresenceGraceOfNode(t *testing.T) {
	const (
		channel   = "presence.room"
		subscribe = `{"event":"hotsock.subscribe","channel":"presence.room"}`
	)
	pam, jim := member("Pam", "null"), member("Jim", "null")
	everywhere(t, withGrace(time.Minute), func(t *testing.T, e *env) {
		if len(e.nodes) < 2 {
			return // There is nobody to see it.
		}
		c := e.connectTo(t, 0, user("Pam", everything))
		c.do(subscribe, joined(channel, pam, pam))
		j := e.connectTo(t, 1, user("Jim", everything))
		j.do(subscribe, joined(channel, jim, pam, jim))
		c.expect(change("Added", channel, jim, pam, jim))
		reading := make(chan error, 1)
		go func() { reading <- j.Drain() }() // and answers the close
		ctx, cancel := context.WithTimeout(t.Context(), e.patience)
		defer cancel()
		if err := e.nodes[1].Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if err := <-reading; websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Errorf("the client was told %v", err)
		}
		e.nodes = e.nodes[:1]
		e.server(t, "GET", "/channels/presence.room", "").
			want(t, 200, `{"name":"presence.room","subscriptionsCount":1,"members":[`+pam+`,`+jim+`]}`)
		j = e.connectTo(t, 0, user("Jim", everything))
		j.do(subscribe, joined(channel, jim, pam, jim))
		e.quiet(t, channel, c, j)
	})
}
