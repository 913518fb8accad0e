package main

import (
	"testing"
	"testing/synctest"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

func TestWhoSeesWhat(t *testing.T) {
	const denied = hotsock.CodeSubscribePermissionDenied
	for _, tt := range []struct {
		why, uid, channel string
		code              hotsock.Code
	}{
		{"customers see their tickets", "mia", "presence.ticket.1", ""},
		{"and nobody else's", "noah", "presence.ticket.1", errNotYours.Code},
		{"agents see all", "ada", "presence.ticket.1", ""},
		{"a ticket that is not there looks like somebody else's", "mia", "presence.ticket.2", errNotYours.Code},
		{"agents see each other", "ben", staffChannel, ""},
		{"customers do not see agents", "mia", staffChannel, errNotStaff.Code},
		{"a ticket has one name", "mia", "presence.ticket.01", denied},
		{"of digits only", "mia", "presence.ticket.+1", denied},
		{"text for SQL is text", "noah", "presence.ticket.1'or'1'='1", denied},
		{"one's own inbox", "mia", inboxChannel("mia"), ""},
		{"not another's", "mia", inboxChannel("noah"), denied},
		{"not even an agent's business", "ada", inboxChannel("mia"), denied},
		{"nothing else", "ada", "anything", denied},
	} {
		t.Run(tt.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := startDesk(t, hotsocktest.Options{})
				d.connect("mia").open("a lamp")
				_, err := d.connect(tt.uid).Client.Client.Subscribe(t.Context(), tt.channel, nil)
				wantCode(t, tt.channel, err, tt.code)
			})
		})
	}
}

// Agents see how many customers are there, and are not counted themselves.
func TestLobby(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		for _, uid := range []string{"mia", "noah"} {
			d.connect(uid).Subscribe(lobbyChannel)
		}
		ada := d.connect("ada")
		ada.Subscribe(lobbyChannel)
		info, err := ada.ChannelInfo(t.Context(), lobbyChannel)
		if err != nil || info.Subscriptions != 2 {
			t.Errorf("there are %+v, %v", info, err)
		}
	})
}
