package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// Nothing has ever happened on the channel, and then the link breaks.
func TestUnusedChannel(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", nil)})
	sub := subscribe(t, c, "unused", nil)
	for n := range 3 {
		before := c.ConnectionID()
		x.Reset()
		awaitResubscribed(t, c, sub, before)
		x.Refuse()
		id := s.publish("unused", "e", n, 0)
		x.Heal()
		if m := next[Message](t, sub); m.ID != id {
			t.Fatalf("got %+v, want %s", m, id)
		}
	}
}

// Others on a presence channel see nobody come or go when a client takes over
// what its token has subscribed, or has been too slow.
func TestNobodySeesCatchingUp(t *testing.T) {
	s := newSite(t, nil)
	pam := subscribe(t, s.client("Pam", nil), "presence.team", nil)
	c := s.clientWith(Options{URL: s.url, MaxQueueSize: 3 * eventSize, Token: tokens("Jim", func(c *hotsock.Claims) {
		team := everything()
		team.AutoSubscribe = hotsock.Allow
		c.Channels = map[string]hotsock.ChannelClaims{"presence.team": team}
	})})
	if err := c.Connect(soon(t)); err != nil {
		t.Fatal(err)
	}
	if m := next[MemberChange](t, pam); m.Kind != MemberAdded {
		t.Fatalf("got %+v", m)
	}
	sub := subscribe(t, c, "presence.team", nil)
	if got := sub.Members(); len(got) != 2 {
		t.Errorf("the members are %v", got)
	}
	const messages = 50
	for n := range messages {
		s.publish("presence.team", "e", n, 0)
	}
	await.That(t, "the program being too slow", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return sub.state == behind
	})
	if err := follow(soon(t), sub, messages, new(atomic.Int64)); err != nil {
		t.Error(err)
	}
	if err := follow(soon(t), pam, messages, new(atomic.Int64)); err != nil {
		t.Error(err)
	}
	s.publish("presence.team", "e", "last", 0)
	next[Message](t, sub)
	next[Message](t, pam)
}

// A channel that the connect token subscribes can have a token of its own.
func TestTokenBesidesAutoSubscribe(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", func(c *hotsock.Claims) {
		c.Channels = map[string]hotsock.ChannelClaims{"room": {AutoSubscribe: hotsock.Allow}}
	})})
	sub := subscribe(t, c, "room", &SubscribeOptions{Token: func(_ context.Context, connection string) (string, error) {
		return sign(claims("", func(c *hotsock.Claims) {
			c.Scope, c.ConnectionID = hotsock.ScopeSubscribe, connection
		}))
	}})
	for n := range 2 {
		x.Refuse()
		s.publish("room", "e", n, 0)
		x.Heal()
		next[Message](t, sub)
		if _, err := c.Publish(soon(t), "room", "e", "permitted"); err != nil {
			t.Error(err)
		}
		next[Message](t, sub)
	}
}

// Who asks by two names at once gets one subscription, and that misses nothing
// though it begins twice on the server.
func TestTwoNames(t *testing.T) {
	s := newSite(t, nil)
	pam := s.client("Pam", nil)
	c := s.client("Jim", func(c *hotsock.Claims) {
		ch := everything()
		ch.Alias = "room"
		c.Channels["room.123"] = ch
	})
	if err := c.Connect(soon(t)); err != nil {
		t.Fatal(err)
	}
	twice := 0
	for range 20 {
		subscribed, published := make(chan struct{}), make(chan int)
		go func() {
			defer close(published)
			for n, last := 0, false; ; n++ {
				if _, err := pam.Publish(soon(t), "room.123", "e", n); err != nil {
					t.Error(err)
					return
				}
				if last {
					published <- n
					return
				}
				select {
				case <-subscribed:
					last = true
				default:
				}
			}
		}()
		subs := make(chan *Subscription)
		for _, name := range []string{"room", "room.123"} {
			go func() {
				sub, _ := c.Subscribe(soon(t), name, nil)
				subs <- sub
			}()
		}
		sub, other := <-subs, <-subs
		if sub == nil {
			sub, other = other, sub
		}
		if sub == nil || other != nil {
			t.Fatalf("got %v and %v", sub, other)
		}
		if sub.joinCount() > 1 {
			twice++
		}
		close(subscribed)
		last, next := <-published, -1
		for next != last {
			event, err := sub.Next(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			m, ok := event.(Message)
			var n int
			if !ok || json.Unmarshal(m.Data, &n) != nil || next >= 0 && n != next+1 {
				t.Fatalf("got %+v after %d", event, next)
			}
			next = n
		}
		if err := sub.Unsubscribe(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("it began twice %d times", twice)
	if twice == 0 {
		t.Error("it never began twice")
	}
}

func (s *Subscription) joinCount() int {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.joins
}

// The store has lost what nobody had got, so the channel is where the client is.
func TestServerLosesWhatNobodySaw(t *testing.T) {
	l := &lossy{Store: storememory.New()}
	s := newSite(t, l)
	sub := subscribe(t, s.client("Jim", nil), "room", nil)
	id := s.publish("room", "e", 0, 0)
	next[Message](t, sub)
	l.Lost("room")
	if diff := cmp.Diff(Gap{After: id, Last: id}, next[Gap](t, sub)); diff != "" {
		t.Fatalf("gap (-want +got):\n%s", diff)
	}
}

// Of a server that does not know how to catch up on a channel that it has
// subscribed, the client leaves the channel for that.
func TestServerThatMustBeLeft(t *testing.T) {
	left := make(chan bool, 1)
	serve := func(ctx context.Context, ws *websocket.Conn) {
		subscribed := true
		_ = hear(ctx, ws, func(text string) {
			var cmd struct{ Event, Ref string }
			if err := json.Unmarshal([]byte(text), &cmd); err != nil {
				t.Error(err)
			}
			answer := `{"event":"hotsock.pong","data":{},"ref":"$ref"}`
			switch {
			case cmd.Event == "hotsock.unsubscribe":
				subscribed = false
				left <- true
				answer = `{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{},"ref":"$ref"}`
			case cmd.Event == "hotsock.subscribe" && subscribed:
				answer = `{"event":"hotsock.error","channel":"room","error":{"code":"ALREADY_SUBSCRIBED","message":""},"ref":"$ref"}`
			case cmd.Event == "hotsock.subscribe":
				answer = subscribedRoom
			}
			say(ctx, ws, strings.ReplaceAll(answer, "$ref", cmd.Ref))
		})
	}
	inBubble(t, script(t, serve), Options{}, func(t *testing.T, c *Client) {
		if _, err := c.Subscribe(t.Context(), "room", nil); err != nil {
			t.Fatal(err)
		}
		<-left
	})
}

// Nor is one that has the channel under a name that the client does not know
// asked for ever.
func TestServerThatCannotBeLeft(t *testing.T) {
	const refusal = `{"event":"hotsock.error","channel":"room","error":{"code":%q,"message":""},"ref":"$ref"}`
	server := answering(t, map[string]string{
		"hotsock.subscribe":   fmt.Sprintf(refusal, CodeAlreadySubscribed),
		"hotsock.unsubscribe": fmt.Sprintf(refusal, CodeNotSubscribed),
	})
	var asked int
	token := func(context.Context, string) (string, error) {
		if asked++; asked > 10 {
			return "", Permanent(errors.New("asked too often"))
		}
		return "token", nil
	}
	inBubble(t, script(t, server.serve), Options{}, func(t *testing.T, c *Client) {
		_, err := c.Subscribe(t.Context(), "room", &SubscribeOptions{Token: token})
		wantCode(t, err, CodeAlreadySubscribed)
	})
}

// roomOfTwo is the answer to subscribing, and two messages. A queue of one byte
// has no room for the second, so that the client must catch up.
const roomOfTwo = subscribedRoom + "\n" +
	`{"event":"e","channel":"room","id":"` + idA + `"}` + "\n" +
	`{"event":"e","channel":"room","id":"` + idB + `"}`

// A refused attempt to catch up ends the subscription, for others too.
func TestRefusedToCatchUp(t *testing.T) {
	server := answering(t, map[string]string{"hotsock.subscribe": roomOfTwo})
	inBubble(t, script(t, server.serve), Options{MaxQueueSize: 1}, func(t *testing.T, c *Client) {
		sub, err := c.Subscribe(t.Context(), "room", nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		server.answers["hotsock.subscribe"] = `{"event":"hotsock.error","channel":"room","error":{"code":"PAYLOAD_TOO_LARGE","message":""},"ref":"$ref"}`
		if m, err := sub.Next(t.Context()); err != nil || m.(Message).ID != idA {
			t.Errorf("got %#v, %v", m, err)
		}
		_, err = sub.Next(t.Context())
		wantCode(t, err, CodePayloadTooLarge)
		synctest.Wait()
		if server.heard["hotsock.unsubscribe"] != 1 {
			t.Errorf("the server heard %v", server.heard)
		}
	})
}

// The app unsubscribes the user while the client asks to catch up.
func TestUnsubscribedWhileCatchingUp(t *testing.T) {
	server := answering(t, map[string]string{"hotsock.subscribe": roomOfTwo})
	inBubble(t, script(t, server.serve), Options{MaxQueueSize: 1}, func(t *testing.T, c *Client) {
		sub, err := c.Subscribe(t.Context(), "room", nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		server.answers["hotsock.subscribe"] = `{"event":"hotsock.unsubscribed","channel":"room","data":{},"meta":{}}` + "\n" + subscribedRoom
		if m, err := sub.Next(t.Context()); err != nil || m.(Message).ID != idA {
			t.Errorf("got %#v, %v", m, err)
		}
		if m, err := sub.Next(t.Context()); !errors.Is(err, ErrUnsubscribed) {
			t.Errorf("got %#v, %v", m, err)
		}
		synctest.Wait()
		if server.heard["hotsock.unsubscribe"] != 1 {
			t.Errorf("the server heard %v", server.heard)
		}
	})
}

// While a subscription is renewed, commands wait by whatever name they call the
// channel.
func TestCommandsWaitByAnyName(t *testing.T) {
	var heard []string
	serve := func(ctx context.Context, ws *websocket.Conn) {
		_ = hear(ctx, ws, func(text string) {
			var cmd struct{ Event, Ref string }
			if err := json.Unmarshal([]byte(text), &cmd); err != nil {
				t.Error(err)
			}
			heard = append(heard, cmd.Event)
			answer := `{"event":"hotsock.ack","data":{},"ref":"$ref"}`
			switch cmd.Event {
			case "hotsock.subscribe":
				answer = `{"event":"hotsock.subscribed","channel":"room.123","data":{"recovered":true,"lastId":null},"meta":{"channelAlias":"room"},"ref":"$ref"}`
			case "cut":
				_ = ws.CloseNow()
				return
			}
			say(ctx, ws, strings.ReplaceAll(answer, "$ref", cmd.Ref))
		})
	}
	for _, names := range [][2]string{{"room", "room.123"}, {"room.123", "room"}} {
		heard = nil
		inBubble(t, script(t, serve), Options{}, func(t *testing.T, c *Client) {
			_, err := c.Subscribe(t.Context(), names[0], &SubscribeOptions{Token: func(context.Context, string) (string, error) {
				time.Sleep(time.Second)
				return "token", nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Publish(t.Context(), names[1], "cut", nil); !errors.Is(err, ErrUnknownOutcome) {
				t.Fatal(err)
			}
			if _, err := c.Publish(t.Context(), names[1], "last", nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"hotsock.subscribe", "cut", "hotsock.subscribe", "last"}, heard); diff != "" {
				t.Errorf("by %s (-want +got):\n%s", names[1], diff)
			}
		})
	}
}
