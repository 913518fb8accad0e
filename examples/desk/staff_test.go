package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

type roleOf struct {
	UID  string `json:"uid"`
	Role role   `json:"role"`
}

// An agent who loses the role hears nothing more, on any node, and a page that stays
// open gets nowhere.
func TestLoseRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{Nodes: 2})
		mia, ben, lea := d.connect("mia"), d.connect("ben"), d.connect("lea")
		lamp := mia.open("a lamp")
		mia.look(lamp)
		for _, channel := range []string{ticketChannel(lamp.ID), staffChannel} {
			ben.Subscribe(channel)
		}
		call[nothing](t, lea, "person.setRole", roleOf{"ben", customer})
		mia.say(lamp, message{Text: "Only for agents"})
		for _, channel := range []string{ticketChannel(lamp.ID), staffChannel} {
			info, err := d.Handler().ChannelInfo(t.Context(), channel)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range info.Members {
				if m.UID == "ben" {
					t.Errorf("Ben is still on %s", channel)
				}
			}
		}
		d.Advance(time.Second) // until his page has heard of it
		_, err := ben.Client.Client.Subscribe(t.Context(), ticketChannel(lamp.ID), nil)
		wantCode(t, "subscribing again", err, errNotYours.Code)
		refused(t, errNotStaff.Code, ben, "staff.list", nil)
		if list := ben.list(); len(list) != 0 {
			t.Errorf("he lists %+v", list)
		}
	})
}

func TestSetRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia, ada, lea := d.connect("mia"), d.connect("ada"), d.connect("lea")
		refused(t, errNotLead.Code, mia, "person.setRole", roleOf{"mia", agent})
		refused(t, errNotLead.Code, ada, "person.setRole", roleOf{"mia", agent})
		refused(t, errNotLead.Code, lea, "person.setRole", roleOf{"lea", customer}) // nobody would be left
		refused(t, hotsock.CodeInvalidParams, lea, "person.setRole", roleOf{"mia", lead})
		refused(t, errNoPerson.Code, lea, "person.setRole", roleOf{"mia' or 1=1 --", agent})
		call[nothing](t, lea, "person.setRole", roleOf{"mia", agent})
		if staff := call[[]person](t, lea, "staff.list", nil); len(staff) != 4 {
			t.Errorf("the staff is %+v", staff)
		}
	})
}

// Who is given a ticket hears of it at once, without having asked.
func TestGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{Nodes: 2})
		mia, ada := d.connect("mia"), d.connect("ada")
		ben := d.DialWith(t, "", d.session("ben").Header)
		ben.Expect(`{"event":"hotsock.subscribed","channel":"inbox.ben"}`)
		lamp := mia.open("a lamp")
		mia.look(lamp)
		call[nothing](t, ada.look(lamp), "ticket.assign", map[string]string{"uid": "ben"})
		ben.Expect(`{"event":"hotsock.subscribed","channel":"presence.ticket.1","data":{"autoSubscribed":true}}`)
		mia.say(lamp, message{Text: "Are you there?"})
		ben.Expect(`{"event":"chat","channel":"presence.ticket.1","data":{"text":"Are you there?"}}`)
	})
}
