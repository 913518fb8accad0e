package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

type suspension struct {
	UID   string `json:"uid"`
	Erase bool   `json:"erase"`
}

func TestSuspend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia, ada := d.connect("mia"), d.connect("ada")
		kept := d.session("mia")
		d.Advance(time.Millisecond)
		refused(t, errNotStaff.Code, mia, "person.suspend", suspension{UID: "noah"})
		refused(t, errNotLead.Code, ada, "person.suspend", suspension{UID: "lea"})
		refused(t, errNoPerson.Code, ada, "person.suspend", suspension{UID: "eve"})
		call[nothing](t, ada, "person.suspend", suspension{UID: "mia"})
		d.Advance(time.Minute)
		online, err := d.Handler().Online(t.Context(), "mia")
		if err != nil || online["mia"] != 0 {
			t.Errorf("she has connections: %v, %v", online, err)
		}
		wantCode(t, "with the session from before", d.Refused(t, kept), hotsock.CodeUnauthorized)
		if _, err := d.db.signIn(t.Context(), "mia@example.com", demoPassword); err == nil {
			t.Error("she can sign in again")
		}
		// Should a session begin all the same, it leads nowhere.
		wantCode(t, "connecting", d.Refused(t, d.session("mia")), errSuspended.Code)
	})
}

// Nothing stays of what somebody has written, on any of their tickets; what others have
// written stays.
func TestErase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{Nodes: 2})
		mia, ada := d.connect("mia"), d.connect("ada")
		lamp, kettle := mia.open("a lamp"), mia.open("a kettle")
		mia.look(lamp)
		ada.look(lamp)
		mia.say(lamp, message{Text: "It flickers"})
		ada.say(lamp, message{Text: "Is it plugged in?"})
		call[nothing](t, ada, "person.suspend", suspension{"mia", true})
		for _, tt := range []struct {
			t    ticket
			left int
		}{{lamp, 1}, {kettle, 0}} {
			history, err := d.Handler().History(t.Context(), hotsock.HistoryQuery{Channel: ticketChannel(tt.t.ID)})
			if err != nil || len(history.Items) != tt.left {
				t.Errorf("left on %s: %+v, %v", tt.t.Subject, history.Items, err)
			}
		}
		for _, l := range ada.list() {
			if l.Subject != "Erased" {
				t.Errorf("a subject is left: %q", l.Subject)
			}
		}
	})
}

// Agents delete what they want, customers what is theirs, and nobody a second time.
func TestDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia, ada := d.connect("mia"), d.connect("ada")
		lamp := mia.open("a lamp")
		desk := ada.look(lamp)
		own := mia.look(lamp)
		first := mia.list()[0].Last.ID
		ids := make(map[string]string)
		for _, m := range []struct {
			who  *user
			text string
		}{{mia, "mine"}, {ada, "hers"}, {mia, "mine, too"}} {
			m.who.say(lamp, message{Text: m.text})
			ids[m.text] = own.Expect("chat", message{Text: m.text}).ID
		}
		for _, tt := range []struct {
			why  string
			by   *hotsocktest.Subscription
			text string
			code hotsock.Code
		}{
			{"a customer deletes what she has written", own, "mine", ""},
			{"not what others have", own, "hers", hotsock.CodeDeletePermissionDenied},
			{"an agent deletes everything", desk, "mine, too", ""},
			{"and once", desk, "mine", hotsock.CodeMessageNotFound},
		} {
			wantCode(t, tt.why, tt.by.Delete(t.Context(), ids[tt.text]), tt.code)
		}
		call[nothing](t, own, "ticket.close", nil)
		wantCode(t, "on a closed ticket", own.Delete(t.Context(), first), errClosed.Code)
		history, err := d.Handler().History(t.Context(), hotsock.HistoryQuery{Channel: ticketChannel(lamp.ID), Event: "chat"})
		if err != nil || len(history.Items) != 2 {
			t.Errorf("left: %+v, %v", history.Items, err)
		}
	})
}
