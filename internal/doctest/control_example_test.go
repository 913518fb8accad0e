package doctest

// docs/control.md shows this file's functions; TestGuideCode compares them.

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
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

// leave takes a user out of a team: from its channel, and from what their next token permits.
func leave(ctx context.Context, rt *hotsock.Handler, uid, team string) error {
	_, err := rt.UnsubscribeUser(ctx, uid, "presence.team."+team, hotsock.Because("You have left the team"))
	return err
}

// ban closes a user's connections. The app issues no more tokens by then.
func ban(ctx context.Context, rt *hotsock.Handler, uid string) error {
	_, err := rt.DisconnectUser(ctx, uid, hotsock.Because("Your account was closed"), hotsock.StayAway())
	return err
}

func TestLeaveAndBan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{Nodes: 2})
		jim := s.Connect(t, hotsock.Claims{UID: "jim", Channels: map[string]hotsock.ChannelClaims{"*": {Subscribe: hotsock.Allow}}})
		team, err := jim.Client.Subscribe(t.Context(), "presence.team.a", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := leave(t.Context(), s.Nodes[1].Handler(), "jim", "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := team.Next(t.Context()); client.Reason(err) != "You have left the team" {
			t.Error(err)
		}
		if err := ban(t.Context(), s.Nodes[1].Handler(), "jim"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := jim.Client.Connect(t.Context()); !errors.Is(err, client.ErrStayAway) || client.Reason(err) != "Your account was closed" {
			t.Error(err)
		}
	})
}
