package hotsocktest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
)

func TestClient(t *testing.T) {
	everywhere(t, Options{}, func(t *testing.T, s *Server) {
		ann, bob := s.Connect(t, Everything("ann")), s.Connect(t, Everything("bob"))
		heard := ann.Subscribe("presence.room")
		bob.Subscribe("presence.room")
		heard.ExpectMember(client.MemberAdded, "bob")
		id := bob.Publish("presence.room", "chat", "hello")
		if m := heard.Expect("chat", "hello"); m.ID != id || m.From.UID != "bob" {
			t.Errorf("got %+v, want %s of bob", m, id)
		}
		if _, err := s.Handler().SetStorage(t.Context(), hotsock.Entry{Channel: "presence.room", Key: "topic", Data: 1}); err != nil {
			t.Fatal(err)
		}
		heard.ExpectEntry("topic", 1)
		heard.ExpectNone()

		ann.Link.Cut()
		bob.Publish("presence.room", "chat", "are you there?")
		heard.Expect("chat", Any{})
		heard.ExpectNone()
		s.Published.Expect("presence.room", "chat", "hello")
		s.Published.Expect("presence.room", "chat", "are you there?")
		s.Published.ExpectNone("presence.room") // marks are not recorded
	})
}

// A frozen link is noticed by the client's own heartbeat.
func TestFrozenLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Options{})
		ann := s.Connect(t, Everything("ann"))
		room := ann.Subscribe("room")
		first := ann.ConnectionID()
		publish(t, s, hotsock.Message{Channel: "room", Event: "chat"})
		room.Expect("chat", nil)
		ann.Link.Freeze()
		publish(t, s, hotsock.Message{Channel: "room", Event: "chat"})
		s.Advance(time.Minute)
		room.ExpectNone()
		ann.Link.Heal()
		room.Expect("chat", nil)
		room.ExpectNone()
		if ann.ConnectionID() == first {
			t.Error("it is the same connection as before")
		}
	})
}

func TestRefused(t *testing.T) {
	everywhere(t, Options{}, func(t *testing.T, s *Server) {
		bad := client.Options{Token: func(context.Context) (string, error) { return "x", nil }}
		if err := s.Refused(t, bad); !errors.Is(err, &client.Error{Code: client.CodeUnauthorized}) {
			t.Errorf("refused with %v", err)
		}
		s.StoreDown()
		good := client.Options{Token: func(context.Context) (string, error) { return s.Token(Everything("ann")), nil }}
		if err := s.Refused(t, good); !errors.Is(err, &client.Error{Code: client.CodeUnavailable}) {
			t.Errorf("refused with %v", err)
		}
	})
}

// Who did not expect a gap is told where gaps come from.
func TestUnexpectedGap(t *testing.T) {
	forgetful := Everything("ann")
	all := forgetful.Channels["*"]
	all.HistoryStart = time.Time{}
	forgetful.Channels["*"] = all
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Options{})
		c := s.Connect(t, forgetful)
		room := c.Subscribe("room")
		c.Link.Cut()
		publish(t, s, hotsock.Message{Channel: "room", Event: "chat"})
		mustFail(t, s, func(f testing.TB) {
			was := c.t
			c.t = f
			defer func() { c.t = was }()
			room.Expect("chat", nil)
		}, "got on room a gap after", "the token's historyStart does not permit it")
	})
}

func TestClientFailures(t *testing.T) {
	s := Start(t, Options{})
	patience := s.o.Patience
	impatient := func() { s.o.Patience = 200 * time.Millisecond } // for what does not come
	c := s.Connect(t, Everything("ann"))
	room := c.Subscribe("presence.room")
	say := func(event string, data any) {
		publish(t, s, hotsock.Message{Channel: "presence.room", Event: event, Data: data})
	}
	set := func() {
		if _, err := s.Handler().SetStorage(t.Context(), hotsock.Entry{Channel: "presence.room", Key: "topic", Data: time.Now().String()}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		why    string
		before func()
		check  func()
		parts  []string
	}{
		{"nothing comes", impatient, func() { room.Expect("chat", "hello") }, []string{"ann got nothing on presence.room within 200ms", "client.Message"}},
		{"another event", func() { say("shout", "hello") }, func() { room.Expect("chat", "hello") }, []string{`- Event: "chat"`, `+ Event: "shout"`}},
		{"other data", func() { say("chat", "bye") }, func() { room.Expect("chat", "hello") }, []string{`string("bye")`}},
		{"something long", func() { say("chat", strings.Repeat("x", 5000)) }, func() { Next[client.Entry](room) }, []string{`message chat "xx`, "x… (5002 bytes)"}},
		{"data that is no JSON", func() { say("chat", 1) }, func() { room.Expect("chat", func() {}) }, []string{"cannot be compared"}},
		{"something else than a member", func() { say("chat", 1) }, func() { room.ExpectMember(client.MemberAdded, "bob") }, []string{"message chat 1", "client.MemberChange"}},
		{"another key", set, func() { room.ExpectEntry("title", Any{}) }, []string{`- Event: "title"`, `+ Event: "topic"`}},
		{"something that must not come", func() { say("chat", 1) }, room.ExpectNone, []string{"ann got on presence.room: message chat 1"}},
		{"a mark that cannot be set", func() { s.StoreDown(); impatient() }, room.ExpectNone, []string{"to see how far"}},
		{"a refusal that does not come", func() { s.StoreUp(); impatient() }, func() {
			_ = s.Refused(c.t, client.Options{Token: func(context.Context) (string, error) { return s.Token(Everything("bob")), nil }})
		}, []string{"was not refused"}},
		{"a refused publish", func() {}, func() { c.Publish("presence.room", "hotsock.no", nil) }, []string{"cannot publish"}},
		{"a refused subscribe", func() {}, func() { c.Subscribe("presence.room") }, []string{"cannot subscribe"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			s.o.Patience = patience
			tt.before()
			mustFail(t, s, func(f testing.TB) {
				was := c.t
				c.t = f
				defer func() { c.t = was }()
				tt.check()
			}, tt.parts...)
		})
	}
}
