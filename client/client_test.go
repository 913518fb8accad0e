package client

import (
	"errors"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
)

func TestConversation(t *testing.T) {
	s := newSite(t, nil)
	jim, pam := s.client("Jim", nil), s.client("Pam", nil)
	here := subscribe(t, pam, "room", nil)
	subscribe(t, jim, "room", nil)

	id, err := jim.Publish(soon(t), "room", "chat", map[string]string{"text": "Hi 👋"})
	if err != nil {
		t.Fatal(err)
	}
	m := next[Message](t, here)
	if m.ID != id || m.Channel != "room" || m.Event != "chat" || m.From.UID != "Jim" {
		t.Fatalf("got %+v, want the message %s of Jim", m, id)
	}
	wantJSON(t, m.Data, `{"text":"Hi 👋"}`)
	if here.LastID() != id {
		t.Fatalf("LastID is %q, want %q", here.LastID(), id)
	}

	s.publish("room", "news", nil, 0)
	m = next[Message](t, here)
	wantJSON(t, m.Data, "null")
	if m.From.UID != "" {
		t.Fatalf("the server's message is from %q", m.From.UID)
	}
}

func TestRefusals(t *testing.T) {
	s := newSite(t, nil)
	c := s.client("Jim", func(c *hotsock.Claims) {
		c.Channels = map[string]hotsock.ChannelClaims{"room": {Subscribe: hotsock.Allow}}
	})
	_, err := c.Subscribe(soon(t), "secret", nil)
	wantCode(t, err, CodeSubscribePermissionDenied)
	_, err = c.Publish(soon(t), "room", "chat", 1)
	wantCode(t, err, CodePublishPermissionDenied)
	subscribe(t, c, "room", nil)
	_, err = c.Subscribe(soon(t), "room", nil)
	wantCode(t, err, CodeAlreadySubscribed)
	_, err = c.Publish(soon(t), "room", "hotsock.x", 1)
	wantCode(t, err, CodeUnknownEvent)
	if _, err = c.Publish(soon(t), "room", "x", func() {}); err == nil {
		t.Fatal("a function was published")
	}
}

func TestClose(t *testing.T) {
	s := newSite(t, nil)
	c := s.client("Jim", nil)
	sub := subscribe(t, c, "room", nil)
	s.publish("room", "chat", 1, 0)
	other := s.client("Pam", nil)
	mark := subscribe(t, other, "room", nil)
	s.publish("room", "chat", 2, 0)
	next[Message](t, mark)
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// What came before is not lost.
	for {
		event, err := sub.Next(soon(t))
		if errors.Is(err, ErrClosed) {
			break
		}
		if _, ok := event.(Message); !ok || err != nil {
			t.Fatalf("got %v, %v", event, err)
		}
	}
	if _, err := c.Publish(soon(t), "room", "chat", 1); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
	if _, err := c.Subscribe(soon(t), "other", nil); !errors.Is(err, ErrClosed) {
		t.Fatalf("got %v, want ErrClosed", err)
	}
}

func TestReconnect(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	states := make(chan State, 1000)
	c := s.clientWith(Options{
		URL: url, Token: tokens("Jim", nil), OnState: func(st State) { states <- st },
	})
	await := func(want Status) State {
		t.Helper()
		for {
			select {
			case st := <-states:
				if st.Status == want {
					return st
				}
			case <-time.After(patience):
				t.Fatalf("waited for %v", want)
			}
		}
	}
	s.publish("room", "first", nil, 0)
	sub := subscribe(t, c, "room", nil)
	first := await(Connected).ConnectionID
	for n := range 5 {
		s.publish("room", "live", n, 0)
		wantJSON(t, next[Message](t, sub).Data, string(rune('0'+n)))
		x.Reset()
		if st := await(Waiting); st.Err == nil {
			t.Fatal("no reason was given")
		}
		s.publish("room", "missed", n, 0)
		m := next[Message](t, sub)
		wantJSON(t, m.Data, string(rune('0'+n)))
		if m.Event != "missed" {
			t.Fatalf("got %+v", m)
		}
	}
	if id := await(Connected).ConnectionID; id == first {
		t.Fatal("the connection is the same")
	}
}
