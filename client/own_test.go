package client

import (
	"testing"

	"github.com/hotsock-go/hotsock"
)

// What the client published itself comes back when it catches up, and says so.
func TestOwnMessages(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", func(c *hotsock.Claims) {
		c.Channels = map[string]hotsock.ChannelClaims{"room": {
			Subscribe: hotsock.Allow, HistoryStart: everything().HistoryStart,
			Messages: map[string]hotsock.MessageClaims{"e": {Publish: hotsock.Allow}},
		}}
	})})
	s.publish("room", "e", 0, 0)
	sub := subscribe(t, c, "room", nil)
	id, err := c.Publish(soon(t), "room", "e", 1)
	if err != nil {
		t.Fatal(err)
	}
	x.Refuse()
	s.publish("room", "e", 2, 0)
	x.Heal()
	if m := next[Message](t, sub); m.ID != id || !m.Own {
		t.Errorf("got %+v, want the message %s as its own", m, id)
	}
	if m := next[Message](t, sub); m.Own || string(m.Data) != "2" {
		t.Errorf("got %+v", m)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(sub.own) > 0 {
		t.Errorf("%q are remembered", sub.own)
	}
}

// What is remembered for that is bounded.
func TestOwnMessagesAreBounded(t *testing.T) {
	s := &Subscription{last: "1000"}
	s.published("0999")
	for n := range 2 * maxOwn {
		s.published(string(rune('2'+n/maxOwn)) + string(rune(n)))
	}
	if len(s.own) > maxOwn {
		t.Errorf("%d are remembered", len(s.own))
	}
	newest := s.own[len(s.own)-1]
	s.passed(newest)
	if len(s.own) > 0 {
		t.Errorf("%d are left", len(s.own))
	}
}
