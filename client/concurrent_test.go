package client

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// Everything may be called at any time by anybody, while the connection breaks
// and subscriptions begin, change and end. The race detector watches.
func TestAllAtOnce(t *testing.T) {
	s := newSite(t, nil)
	x, url := s.proxy()
	c := s.clientWith(Options{URL: url, Token: tokens("Jim", nil)})
	pam := s.client("Pam", nil)
	sub := subscribe(t, c, "presence.room", nil)
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	var work sync.WaitGroup
	again := func(f func() error) {
		work.Go(func() {
			for ctx.Err() == nil {
				if err := f(); err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnknownOutcome) {
					t.Error(err)
					return
				}
			}
		})
	}
	again(func() error {
		_, _, _, _, _, _ = sub.Members(), sub.Channel(), sub.Alias(), sub.User(), sub.LastID(), c.ConnectionID()
		return nil
	})
	for range 2 {
		again(func() error {
			_, err := sub.Next(ctx)
			return err
		})
		again(func() error {
			_, err := c.Publish(ctx, "presence.room", "e", nil)
			return err
		})
	}
	again(func() error {
		other, err := c.Subscribe(ctx, "other", nil)
		if err != nil {
			return err
		}
		return other.Unsubscribe(ctx)
	})
	for range 20 {
		lobby := subscribe(t, pam, "presence.room", nil) // changes the members
		if err := lobby.Unsubscribe(soon(t)); err != nil {
			t.Fatal(err)
		}
		x.Reset()
		if _, err := c.Storage(soon(t), "presence.room", "k"); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	work.Wait()
}
