package client

import (
	"context"
	"errors"
	"testing"

	"github.com/hotsock-go/hotsock"
)

func TestCall(t *testing.T) {
	s := newSite(t, nil)
	begun := make(chan struct{})
	s.h.Handle("double", hotsock.Typed(func(_ context.Context, _ hotsock.Call, n int) (int, error) { return 2 * n, nil }))
	s.h.Handle("where", func(_ context.Context, c hotsock.Call) (any, error) { return c.Channel, nil })
	s.h.Handle("sold", func(context.Context, hotsock.Call) (any, error) { return nil, &hotsock.Error{Code: "SOLD_OUT"} })
	s.h.Handle("hang", func(ctx context.Context, _ hotsock.Call) (any, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	all := map[string]hotsock.Permission{"*": hotsock.Allow}
	c := s.client("Jim", func(c *hotsock.Claims) {
		c.Calls = all
		room := everything()
		room.Calls = all
		c.Channels["room"] = room
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	if got, err := c.Call(ctx, "double", 21); string(got) != "42" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := c.Call(ctx, "double", nil); string(got) != "0" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	sub, err := c.Subscribe(ctx, "room", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := sub.Call(ctx, "where", nil); string(got) != `"room"` || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	for method, code := range map[string]Code{"sold": "SOLD_OUT", "none": CodeUnknownMethod, "a b": CodeInvalidRequest} {
		if _, err := c.Call(ctx, method, nil); !errors.Is(err, &Error{Code: code}) {
			t.Errorf("%s: %v", method, err)
		}
	}
	if _, err := c.Call(ctx, "double", "x"); !errors.Is(err, &Error{Code: CodeInvalidParams}) {
		t.Error(err)
	}

	// Whoever gives up, or whose connection breaks, does not know the outcome.
	short, giveUp := context.WithCancel(ctx)
	go func() { <-begun; giveUp() }()
	if _, err := c.Call(short, "hang", nil); !errors.Is(err, ErrUnknownOutcome) {
		t.Error(err)
	}
	before := c.ConnectionID()
	go func() {
		<-begun
		_, _ = s.h.Disconnect(context.Background(), before)
	}()
	// The answer that it was cut off may still come before the end. A call that follows at
	// once would be cut off, too.
	if _, err := c.Call(ctx, "hang", nil); !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, &Error{Code: CodeUnavailable}) {
		t.Error(err)
	}
	awaitResubscribed(t, c, sub, before)
	if got, err := c.Call(ctx, "double", 1); string(got) != "2" || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}
