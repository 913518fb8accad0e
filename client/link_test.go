package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
)

// A subscribe token is being fetched when the link dies: whichever the client
// learns first, the end of the link or the error of the function, it tries again.
func TestTokenWhileLinkDies(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", nil)})
	away := errors.New("the app is out of reach")
	for n := range 40 {
		if err := c.Connect(soon(t)); err != nil {
			t.Fatal(err)
		}
		calls := 0
		token := func(ctx context.Context, _ string) (string, error) {
			if calls++; calls == 1 {
				x.Reset()
				if n%2 == 0 {
					return "", away // The link of this request has died, too.
				}
				<-ctx.Done()
				return "", ctx.Err()
			}
			return sign(claims("Jim", func(c *hotsock.Claims) { c.Scope = hotsock.ScopeSubscribe }))
		}
		sub, err := c.Subscribe(soon(t), "room", &SubscribeOptions{Token: token})
		if err != nil {
			t.Fatalf("try %d: %v", n, err)
		}
		if err := sub.Unsubscribe(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	// On a link that stands, the error is the app's.
	token := func(context.Context, string) (string, error) { return "", away }
	if _, err := c.Subscribe(soon(t), "room", &SubscribeOptions{Token: token}); !errors.Is(err, away) {
		t.Errorf("got %v", err)
	}
}

// A token function that waits for ever is not waited for.
func TestTokenTimeout(t *testing.T) {
	s := newSite(t, nil)
	c := s.clientWith(Options{URL: s.url, Token: tokens("Jim", nil), ConnectTimeout: 2 * time.Second})
	token := func(ctx context.Context, _ string) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	_, err := c.Subscribe(soon(t), "room", &SubscribeOptions{Token: token})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	await.That(t, "the connection", func() bool { return c.ConnectionID() != "" })
}
