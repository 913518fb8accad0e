package client

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/hotsock-go/hotsock"
)

// A refresh gives the connection what the next token permits, and nothing if the server
// does not take it.
func TestRefresh(t *testing.T) {
	s := newSite(t, nil)
	var asked atomic.Int64
	c := s.clientWith(Options{URL: s.url, Token: func(context.Context) (string, error) {
		switch n := int(asked.Add(1)) - firstAttempts(); {
		case n <= 0:
			return sign(claims("Jim", func(c *hotsock.Claims) { c.Channels = nil }))
		case n == 1:
			return sign(claims("Pam", nil))
		}
		return sign(claims("Jim", nil))
	}})
	if err := c.Connect(soon(t)); err != nil {
		t.Fatal(err)
	}
	id := c.ConnectionID()
	if err := c.Refresh(soon(t)); !errors.Is(err, &Error{Code: CodeUnauthorized}) {
		t.Errorf("with another user's token: %v", err)
	}
	if _, err := c.Subscribe(soon(t), "room", nil); !errors.Is(err, &Error{Code: CodeSubscribePermissionDenied}) {
		t.Errorf("before: %v", err)
	}
	if err := c.Refresh(soon(t)); err != nil {
		t.Fatal(err)
	}
	subscribe(t, c, "room", nil)
	if c.ConnectionID() != id || int(asked.Load()) != firstAttempts()+2 {
		t.Errorf("connected again, or asked %d times", asked.Load())
	}
}
