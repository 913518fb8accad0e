package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
	"github.com/hotsock-go/hotsock/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A testDesk is the desk on the test kit, with the demo people and no tickets.
type testDesk struct {
	*hotsocktest.Server
	t  *testing.T
	db *database
}

func startDesk(t *testing.T, o hotsocktest.Options) *testDesk {
	t.Helper()
	db, err := openDatabase(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	hash, err := bcrypt.GenerateFromPassword([]byte(demoPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.addPeople(t.Context(), hash); err != nil {
		t.Fatal(err)
	}
	o.App = func(o hotsock.Options) (*hotsock.Handler, http.Handler, error) {
		d, err := newDesk(db, o)
		if err != nil {
			return nil, nil, err
		}
		relay(t, d)
		return d.rt, d.routes(), nil
	}
	return &testDesk{hotsocktest.Start(t, o), t, db}
}

// relay publishes what transactions say, as a node does, until the test ends.
func relay(t *testing.T, d *desk) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.db.box.Run(ctx, d.db.DB, d.rt) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// session is how the browser of somebody who has signed in connects.
func (d *testDesk) session(uid string) client.Options {
	d.t.Helper()
	secret, err := d.db.beginSession(d.t.Context(), uid)
	if err != nil {
		d.t.Fatal(err)
	}
	return client.Options{Header: http.Header{"Cookie": {sessionCookie + "=" + secret}}}
}

// A user is somebody's page.
type user struct {
	*hotsocktest.Client
	t *testing.T
}

func (d *testDesk) connect(uid string) *user {
	d.t.Helper()
	return &user{d.ConnectWith(d.t, d.session(uid)), d.t}
}

// A caller is what can call methods: a user, or a ticket that one looks at.
type caller interface {
	Call(ctx context.Context, method string, params any) (json.RawMessage, error)
}

// call calls a method, and returns the result.
func call[R any](t *testing.T, c caller, method string, params any) R {
	t.Helper()
	result, err := c.Call(t.Context(), method, params)
	if err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	var r R
	if err := json.Unmarshal(result, &r); err != nil {
		t.Fatalf("%s returned %s: %v", method, result, err)
	}
	return r
}

// refused calls a method that must be refused with the code.
func refused(t *testing.T, code hotsock.Code, c caller, method string, params any) {
	t.Helper()
	result, err := c.Call(t.Context(), method, params)
	wantCode(t, method, err, code)
	if err == nil {
		t.Errorf("it returned %s", result)
	}
}

// wantCode fails the test if err is not the error with that code, "" for none.
func wantCode(t *testing.T, what string, err error, code hotsock.Code) {
	t.Helper()
	var got hotsock.Code
	if e, ok := errors.AsType[*client.Error](err); ok {
		got = hotsock.Code(e.Code)
	} else if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if got != code {
		t.Errorf("%s: the code is %q, want %q (%v)", what, got, code, err)
	}
}

// open opens a ticket, and waits for its first message.
func (u *user) open(subject string) ticket {
	u.t.Helper()
	t := call[ticket](u.t, u, "ticket.open", newTicket{Subject: subject, Text: "Help me with " + subject, Request: subject})
	await.That(u.t, "the first message", func() bool {
		return slices.ContainsFunc(u.list(), func(l listed) bool { return l.ID == t.ID && l.Last != nil })
	})
	return t
}

// look subscribes to a ticket's channel.
func (u *user) look(t ticket) *hotsocktest.Subscription {
	u.t.Helper()
	return u.Subscribe(ticketChannel(t.ID))
}

// say writes on a ticket, and returns the code with which that was refused, if it was.
func (u *user) say(t ticket, m message) hotsock.Code {
	u.t.Helper()
	_, err := u.Client.Client.Publish(u.t.Context(), ticketChannel(t.ID), "chat", m)
	if e, ok := errors.AsType[*client.Error](err); ok {
		return hotsock.Code(e.Code)
	}
	if err != nil {
		u.t.Fatal(err)
	}
	return ""
}

// list returns the user's list of tickets.
func (u *user) list() []listed {
	u.t.Helper()
	return call[[]listed](u.t, u, "ticket.list", nil)
}
