package doctest

// docs/control.md shows this file's functions; TestGuideCode compares them.

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// assign gives a user a ticket: the pages that they have open show it at once.
func assign(ctx context.Context, rt *hotsock.Handler, uid, ticket string) error {
	_, err := rt.Subscribe(ctx, hotsock.Target{UID: uid}, "presence.ticket."+ticket, hotsock.ChannelClaims{
		HistoryStart: time.Unix(0, 0),
		Messages:     map[string]hotsock.MessageClaims{"chat": {Publish: hotsock.Allow}},
	})
	return err
}

func TestAssign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{Nodes: 2})
		jim := s.Connect(t, hotsock.Claims{UID: "jim"})
		for _, n := range s.Nodes {
			if err := assign(t.Context(), n.Handler(), "jim", "7"); err != nil {
				t.Fatal(err)
			}
		}
		jim.Subscribe("presence.ticket.7")
		jim.Publish("presence.ticket.7", "chat", "Hello")
	})
}
