package client

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
)

// A channel to which the token subscribes is caught up with like others.
func TestAutoSubscribed(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", func(c *hotsock.Claims) {
		c.Channels["inbox"] = hotsock.ChannelClaims{AutoSubscribe: hotsock.Allow, Alias: "mine"}
	})})
	if err := c.Connect(soon(t)); err != nil {
		t.Fatal(err)
	}
	s.publish("inbox", "nobody asked", nil, 0)
	sub := subscribe(t, c, "inbox", nil)
	for n := range 3 {
		x.Refuse()
		s.publish("inbox", "e", n, 0)
		x.Heal()
		if m := next[Message](t, sub); m.Event != "e" {
			t.Fatalf("got %+v", m)
		}
	}
}

func TestAlias(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	set := func(c *hotsock.Claims) {
		ch := everything()
		ch.Alias = "room"
		c.Channels["room.123"] = ch
	}
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", set)})
	s.publish("room.123", "kept", 0, time.Hour)
	sub := subscribe(t, c, "room", nil)
	if sub.Channel() != "room.123" || sub.Alias() != "room" {
		t.Fatalf("channel %q, alias %q", sub.Channel(), sub.Alias())
	}
	for _, name := range []string{"room", "room.123"} {
		_, err := c.Subscribe(soon(t), name, nil)
		wantCode(t, err, CodeAlreadySubscribed)
	}
	id, err := c.Publish(soon(t), "room", "kept", 1)
	if err != nil {
		t.Fatal(err)
	}
	m := next[Message](t, sub)
	if m.ID != id || m.Channel != "room.123" {
		t.Fatalf("got %+v", m)
	}
	x.Reset()
	s.publish("room.123", "kept", 2, time.Hour)
	wantJSON(t, next[Message](t, sub).Data, "2")
	n := 0
	for _, err := range sub.History(soon(t), nil) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 3 {
		t.Fatalf("%d messages in the history", n)
	}
	if err := sub.Unsubscribe(soon(t)); err != nil {
		t.Fatal(err)
	}
	// Both names at once: one of them is refused, the other one works.
	results := make(chan error, 2)
	for _, name := range []string{"room", "room.123"} {
		go func() {
			_, err := c.Subscribe(soon(t), name, nil)
			results <- err
		}()
	}
	a, b := <-results, <-results
	if (a == nil) == (b == nil) {
		t.Fatalf("got %v and %v", a, b)
	}
	wantCode(t, errors.Join(a, b), CodeAlreadySubscribed)
}

func TestSubscribeToken(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", func(c *hotsock.Claims) {
		c.Channels = nil
	})})
	asked := make(chan string, 100)
	good := func(_ context.Context, connection string) (string, error) {
		asked <- connection
		return sign(claims("", func(c *hotsock.Claims) {
			c.Scope, c.ConnectionID, c.SingleUse, c.ID = hotsock.ScopeSubscribe, connection, true, connection
		}))
	}
	_, err := c.Subscribe(soon(t), "private", nil)
	wantCode(t, err, CodeSubscribePermissionDenied)
	_, err = c.Subscribe(soon(t), "private", &SubscribeOptions{Token: func(context.Context, string) (string, error) { return "x", nil }})
	wantCode(t, err, CodeInvalidSubscribeToken)
	broken := errors.New("broken")
	_, err = c.Subscribe(soon(t), "private", &SubscribeOptions{Token: func(context.Context, string) (string, error) { return "", broken }})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}

	s.publish("private", "first", nil, 0)
	sub := subscribe(t, c, "private", &SubscribeOptions{Token: good})
	if id := <-asked; id != c.ConnectionID() {
		t.Fatalf("asked for %q", id)
	}
	x.Reset()
	s.publish("private", "e", 1, 0)
	wantJSON(t, next[Message](t, sub).Data, "1")
	if id := <-asked; id != c.ConnectionID() {
		t.Fatalf("asked for %q", id)
	}
}

// The permission is gone after a reconnect.
func TestSubscriptionIsRefusedLater(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	permitted := make(chan bool, firstAttempts())
	for range firstAttempts() {
		permitted <- true
	}
	c := s.clientWith(Options{URL: url, Token: func(context.Context) (string, error) {
		return sign(claims("Jim", func(c *hotsock.Claims) {
			select {
			case <-permitted:
			default:
				c.Channels = nil
			}
		}))
	}})
	sub := subscribe(t, c, "room", nil)
	x.Reset()
	for range 2 {
		_, err := sub.Next(soon(t))
		wantCode(t, err, CodeSubscribePermissionDenied)
	}
	if err := sub.Unsubscribe(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// The host unsubscribes the user.
func TestUnsubscribedByTheServer(t *testing.T) {
	s := newSite(t, nil)
	c := s.client("Jim", nil)
	sub := subscribe(t, c, "room", nil)
	s.publish("room", "e", 1, 0)
	if n, err := s.h.UnsubscribeUser(t.Context(), "Jim", "room", hotsock.Because("Full")); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	next[Message](t, sub)
	if _, err := sub.Next(soon(t)); !errors.Is(err, ErrUnsubscribed) || Reason(err) != "Full" {
		t.Fatalf("got %v", err)
	}
	subscribe(t, c, "room", nil) // again
}

// Another process goes on where the first one stopped.
func TestSubscribeAfter(t *testing.T) {
	s := newSite(t, nil)
	c := s.client("Jim", nil)
	first := s.publish("room", "e", 0, 0)
	s.publish("room", "e", 1, 0)
	sub := subscribe(t, c, "room", &SubscribeOptions{After: first})
	wantJSON(t, next[Message](t, sub).Data, "1")
	_ = sub.Unsubscribe(soon(t))
	sub = subscribe(t, c, "room", &SubscribeOptions{After: "01J00000000000000000000000"})
	if g := next[Gap](t, sub); g.After != "01J00000000000000000000000" {
		t.Fatalf("got %+v", g)
	}
	_, err := c.Subscribe(soon(t), "other", &SubscribeOptions{After: "x"})
	wantCode(t, err, CodeInvalidRequest)
}

// What a subscription knows of members and entries is brought up to date after
// a reconnect, by events, and what has not changed is not told again.
func TestStateAfterReconnect(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	const channel = "presence.board"
	set := func(key string, value any) {
		t.Helper()
		if _, err := s.h.SetStorage(t.Context(), hotsock.Entry{Channel: channel, Key: key, Data: value}); err != nil {
			t.Fatal(err)
		}
	}
	set("changed", 1)
	set("cleared", 1)
	set("same", 1)
	pam := s.client("Pam", nil)
	hers := subscribe(t, pam, channel, nil)
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", nil)})
	sub := subscribe(t, c, channel, nil)
	for _, key := range []string{"changed", "cleared", "same"} {
		if e := next[Entry](t, sub); e.Key != key {
			t.Fatalf("got %+v", e)
		}
	}
	s.publish(channel, "e", 0, 0)
	next[Message](t, sub)

	x.Refuse()
	set("changed", 2)
	set("cleared", nil)
	set("new", 1)
	kelly := s.client("Kelly", nil)
	subscribe(t, kelly, channel, nil)
	if err := hers.Unsubscribe(soon(t)); err != nil {
		t.Fatal(err)
	}
	s.publish(channel, "e", 1, 0)
	x.Heal()

	var got []Event
	for range 6 {
		event, err := sub.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		switch e := event.(type) {
		case Message:
			e.ID = ""
			event = e
		case MemberChange:
			e.Members = nil
			event = e
		}
		got = append(got, event)
	}
	user := func(uid string) User { return User{uid, json.RawMessage("null")} }
	entry := func(key, data string) Entry { return Entry{channel, key, json.RawMessage(data), user("")} }
	want := []Event{
		MemberChange{Kind: MemberRemoved, Member: user("Pam")},
		MemberChange{Kind: MemberAdded, Member: user("Kelly")},
		entry("changed", "2"),
		entry("new", "1"),
		Message{Channel: channel, Event: "e", Data: json.RawMessage("1"), Version: 1},
		Entry{Channel: channel, Key: "cleared", Data: json.RawMessage("null")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if m := sub.Members(); len(m) != 2 || m[0].UID != "Kelly" || m[1].UID != "Jim" {
		t.Errorf("members %v", m)
	}
	// Nothing else comes.
	s.publish(channel, "mark", nil, 0)
	if m := next[Message](t, sub); m.Event != "mark" {
		t.Errorf("got %+v", m)
	}
}
