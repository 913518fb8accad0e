package client

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock"
)

// Who asks for it is told how many are subscribed, also after a reconnect, unless it is
// known.
func TestInfo(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", func(c *hotsock.Claims) {
		ch := everything()
		ch.GetInfo = hotsock.Deny
		c.Channels = map[string]hotsock.ChannelClaims{"closed": ch, "*": everything()}
	})})
	sub := subscribe(t, c, "room", &SubscribeOptions{Info: true})
	want := func(n int) {
		t.Helper()
		if diff := cmp.Diff(ChannelInfo{Channel: "room", Subscriptions: n}, next[ChannelInfo](t, sub)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
	want(1)
	pam := s.client("Pam", nil)
	hers := subscribe(t, pam, "room", nil)
	want(2)

	x.Reset()
	s.publish("room", "e", 1, 0)
	next[Message](t, sub) // The same number is not told again.
	x.Refuse()
	if err := hers.Unsubscribe(soon(t)); err != nil {
		t.Fatal(err)
	}
	x.Heal()
	want(1)

	_, err := c.Subscribe(soon(t), "closed", &SubscribeOptions{Info: true})
	wantCode(t, err, CodeInfoPermissionDenied)
}

// A program that was too slow has the last number in the end.
func TestInfoBehind(t *testing.T) {
	s := newSite(t, nil)
	c := s.clientWith(Options{URL: s.url, Token: tokens("Jim", nil), MaxQueueSize: 1})
	sub := subscribe(t, c, "room", &SubscribeOptions{Info: true})
	s.publish("room", "e", 1, 0)
	pam := s.client("Pam", nil)
	subscribe(t, pam, "room", nil)
	for {
		event, err := sub.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if i, ok := event.(ChannelInfo); ok && i.Subscriptions == 2 {
			return
		}
	}
}
