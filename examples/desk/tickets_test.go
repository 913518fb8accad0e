package main

import (
	"database/sql"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
	"github.com/hotsock-go/hotsock/internal/await"
)

// The first message of a ticket is the customer's, though the app publishes it.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		staff, inbox := d.connect("ada").Subscribe(staffChannel), d.connect("mia")
		told := inbox.Subscribe(inboxChannel("mia"))
		lamp := d.connect("mia").open("a lamp")
		first := d.Published.Expect(ticketChannel(lamp.ID), "chat", message{Text: "Help me with a lamp"})
		if first.Store != keepMessages {
			t.Errorf("it is kept for %v", first.Store)
		}
		history, err := d.Handler().History(t.Context(), hotsock.HistoryQuery{Channel: ticketChannel(lamp.ID)})
		if err != nil || len(history.Items) != 1 || history.Items[0].By.UID != "mia" {
			t.Errorf("the history is %+v, %v", history.Items, err)
		}
		staff.Expect("ticket", hotsocktest.Any{})
		told.Expect("ticket", hotsocktest.Any{})
	})
}

// A page that got no answer calls again, and there is one ticket with one message.
func TestOpenTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia := d.connect("mia")
		first, again := mia.open("a lamp"), mia.open("a lamp")
		if first.ID != again.ID {
			t.Errorf("there are tickets %d and %d", first.ID, again.ID)
		}
		if list := mia.list(); len(list) != 1 || list[0].Unread != 1 {
			t.Errorf("the list is %+v", list)
		}
	})
}

func TestOpenIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia := d.connect("mia")
		refused(t, hotsock.CodeInvalidRequest, mia, "ticket.open", newTicket{Text: "no subject", Request: "1"})
		refused(t, hotsock.CodeInvalidRequest, mia, "ticket.open", newTicket{Subject: "no text", Request: "1"})
		refused(t, hotsock.CodeInvalidRequest, mia, "ticket.open", newTicket{Subject: "no request", Text: "x"})
		refused(t, hotsock.CodeInvalidParams, mia, "ticket.open", map[string]any{"subject": 1})
		for n := range maxOpen {
			mia.open(strconv.Itoa(n))
		}
		refused(t, errTooMany.Code, mia, "ticket.open", newTicket{Subject: "one more", Text: "x", Request: "more"})
	})
}

func TestAssign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia, ada := d.connect("mia"), d.connect("ada")
		lamp := mia.open("a lamp")
		desk := ada.look(lamp)
		seen := mia.look(lamp)
		to := func(uid string) map[string]string { return map[string]string{"uid": uid} }
		call[nothing](t, desk, "ticket.assign", to("ben"))
		seen.Expect("note", message{Text: "Ada Lindgren gave the ticket to Ben Okafor."})
		refused(t, errUnassigned.Code, desk, "ticket.assign", to("ben")) // his already
		refused(t, errUnassigned.Code, desk, "ticket.assign", to("noah"))
		refused(t, hotsock.CodeCallPermissionDenied, seen, "ticket.assign", to("mia"))
		if list := mia.list(); list[0].Agent == nil || list[0].Agent.UID != "ben" {
			t.Errorf("the list is %+v", list)
		}
	})
}

func TestCloseAndReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia, ada := d.connect("mia"), d.connect("ada")
		lamp := mia.open("a lamp")
		desk := ada.look(lamp)
		seen := mia.look(lamp)
		for range 2 { // twice is as good as once
			call[nothing](t, desk, "ticket.close", nil)
		}
		seen.Expect("note", message{Text: "Ada Lindgren closed the ticket."})
		call[nothing](t, seen, "ticket.reopen", nil)
		seen.Expect("note", message{Text: "The customer reopened the ticket."})
		seen.ExpectNone()
		refused(t, hotsock.CodeCallPermissionDenied, ada, "ticket.close", nil) // on no channel
	})
}

func TestRating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		mia, ada := d.connect("mia"), d.connect("ada")
		lamp := mia.open("a lamp")
		own, seen := mia.look(lamp), ada.look(lamp)
		rate := func(who *user, value any, want hotsock.Code) {
			t.Helper()
			err := who.Client.Client.SetStorage(t.Context(), ticketChannel(lamp.ID), ratingKey, value)
			wantCode(t, "rating", err, want)
		}
		rate(mia, 5, errOpen.Code)
		call[nothing](t, own, "ticket.close", nil)
		seen.Expect("note", hotsocktest.Any{})
		rate(mia, 6, hotsock.CodeInvalidRequest)
		rate(mia, "5", hotsock.CodeInvalidRequest)
		rate(mia, nil, hotsock.CodeInvalidRequest) // it would take the rating back
		rate(ada, 5, hotsock.CodeStoragePermissionDenied)
		rate(mia, 5, "")
		seen.ExpectEntry(ratingKey, 5)
	})
}

// Unread counts are of all nodes, and are the reader's own.
func TestUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{Nodes: 2})
		mia, ada := d.connect("mia"), d.connect("ada") // on one node each
		lamp, kettle := mia.open("a lamp"), mia.open("a kettle")
		own := mia.look(lamp)
		desk := ada.look(lamp)
		mia.say(lamp, message{Text: "It flickers"})
		last := desk.Expect("chat", message{Text: "It flickers"})

		want := func(who *user, id int64, unread int, text string) {
			t.Helper()
			for _, l := range who.list() {
				if l.ID == id && (l.Unread != unread || l.Last == nil || l.Last.Text != text || !l.Online) {
					t.Errorf("ticket %d is %+v (%+v), want %d unread and %q", id, l, l.Last, unread, text)
				}
			}
		}
		want(ada, lamp.ID, 2, "It flickers")
		want(ada, kettle.ID, 1, "Help me with a kettle")
		call[nothing](t, desk, "ticket.seen", map[string]string{"message": last.ID})
		want(ada, lamp.ID, 0, "It flickers")
		want(mia, lamp.ID, 2, "It flickers")
		// An older page of the same agent does not take it back.
		call[nothing](t, desk, "ticket.seen", map[string]string{"message": "00000000000000000000000000"})
		want(ada, lamp.ID, 0, "It flickers")
		refused(t, hotsock.CodeInvalidRequest, own, "ticket.seen", map[string]string{"message": "x"})
	})
}

// Agents see who else looks at a ticket.
func TestWhoLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := startDesk(t, hotsocktest.Options{})
		lamp := d.connect("mia").open("a lamp")
		seen := d.connect("ada").look(lamp)
		d.connect("ben").look(lamp)
		seen.ExpectMember(client.MemberAdded, "ben")
	})
}

// What a ticket has become and the note that says so commit together: if the process ends
// before the note is published, the next one publishes it.
func TestNoteSurvivesTheProcess(t *testing.T) {
	db, err := openDatabase(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.addPeople(t.Context(), []byte("no hash")); err != nil {
		t.Fatal(err)
	}
	id, err := db.openTicket(t.Context(), "mia", "a lamp", "r")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{nil, sql.ErrNoRows} { // it is closed once, and noted once
		if err := db.setClosed(t.Context(), id, true, note(id, "closed")); !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
	}
	d, err := newDesk(db, hotsock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.rt.Close()
	relay(t, d)
	var page hotsock.Page[hotsock.HistoryMessage]
	await.That(t, "the note", func() bool {
		page, err = d.rt.History(t.Context(), hotsock.HistoryQuery{Channel: ticketChannel(id)})
		return err != nil || len(page.Items) > 0
	})
	if len(page.Items) != 1 || page.Items[0].Event != "note" {
		t.Errorf("got %+v, %v", page.Items, err)
	}
}
