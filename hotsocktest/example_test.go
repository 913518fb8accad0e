package hotsocktest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
	"github.com/hotsock-go/hotsock/store"
)

// test runs a test in a bubble and prints how it ended. In your tests, this is
//
//	func TestSomething(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) { … })
//	}
func test(f func(t *testing.T)) {
	// What the test itself prints is not the example's output.
	stdout := os.Stdout
	os.Stdout = os.Stderr
	ok := testing.RunTests(
		func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "Example", F: func(t *testing.T) { synctest.Test(t, f) }}},
	)
	os.Stdout = stdout
	fmt.Fprintln(stdout, "passed:", ok)
}

// A function of an app that publishes is tested without any client.
func ExamplePublished_Expect() {
	shipOrder := func(ctx context.Context, rt *hotsock.Handler, user string, order int) error {
		_, err := rt.Publish(ctx, hotsock.Message{
			Channel: "inbox." + user, Event: "order.shipped", Data: map[string]any{"order": order},
		})
		return err
	}
	test(func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{})
		if err := shipOrder(t.Context(), s.Handler(), "jim", 17); err != nil {
			t.Fatal(err)
		}
		s.Published.Expect("inbox.jim", "order.shipped", map[string]any{"order": 17})
		s.Published.ExpectNone("inbox.pam")
	})
	// Output: passed: true
}

// An app with its own routes and authentication is started as a whole.
func ExampleStart() {
	newApp := func(o hotsock.Options) (*hotsock.Handler, http.Handler, error) {
		o.Authenticate = func(r *http.Request) (*hotsock.Claims, error) {
			user, _, ok := r.BasicAuth()
			if !ok {
				return nil, errors.New("who?")
			}
			return &hotsock.Claims{UID: user, Channels: map[string]hotsock.ChannelClaims{
				"inbox." + user: {Subscribe: hotsock.Allow},
			}}, nil
		}
		rt, err := hotsock.New(o)
		mux := http.NewServeMux()
		mux.Handle("/rt", rt)
		mux.Handle("/rt/", rt)
		return rt, mux, err
	}
	test(func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{App: newApp})
		jim := s.ConnectWith(t, client.Options{Header: http.Header{"Authorization": {"Basic amltOg=="}}})
		jim.Subscribe("inbox.jim").ExpectNone()
		if err := s.Refused(t, client.Options{}); !errors.Is(err, &client.Error{Code: client.CodeUnauthorized}) {
			t.Error(err)
		}
	})
	// Output: passed: true
}

// A reminder comes when it is due, which takes the test no time.
func ExampleServer_Advance() {
	test(func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{})
		jim := s.Connect(t, hotsocktest.Everything("jim")).Subscribe("inbox.jim")
		_, err := s.Handler().Publish(t.Context(), hotsock.Message{
			Channel: "inbox.jim", Event: "reminder", At: time.Now().Add(time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Advance(59 * time.Minute)
		jim.ExpectNone()
		s.Advance(time.Minute)
		jim.Expect("reminder", nil)
	})
	// Output: passed: true
}

// What clients may do is in their tokens.
func ExampleServer_Connect() {
	test(func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{})
		room := map[string]hotsock.ChannelClaims{"room.1": {
			Subscribe: hotsock.Allow,
			Messages:  map[string]hotsock.MessageClaims{"chat": {Publish: hotsock.Allow}},
		}}
		jim := s.Connect(t, hotsock.Claims{UID: "jim", Channels: room})
		pam := s.Connect(t, hotsock.Claims{UID: "pam", Channels: room})
		seen := pam.Subscribe("room.1")
		jim.Subscribe("room.1").ExpectNone()
		jim.Publish("room.1", "chat", "hello")
		if m := seen.Expect("chat", "hello"); m.From.UID != "jim" {
			t.Errorf("it is from %q", m.From.UID)
		}
		_, err := jim.Client.Publish(t.Context(), "room.1", "order", "pizza")
		if !errors.Is(err, &client.Error{Code: client.CodePublishPermissionDenied}) {
			t.Error(err)
		}
	})
	// Output: passed: true
}

// Presence tells who comes and goes, also when somebody goes without a word.
func ExampleSubscription_ExpectMember() {
	test(func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{})
		jim := s.Connect(t, hotsocktest.Everything("jim")).Subscribe("presence.room")
		pam := s.Connect(t, hotsocktest.Everything("pam"))
		pam.Subscribe("presence.room")
		jim.ExpectMember(client.MemberAdded, "pam")
		pam.Link.Down()
		jim.ExpectMember(client.MemberRemoved, "pam")
	})
	// Output: passed: true
}

// Storage entries come when one subscribes, and with every change.
func ExampleSubscription_ExpectEntry() {
	test(func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{})
		board := s.Connect(t, hotsocktest.Everything("jim")).Subscribe("board.7")
		_, err := s.Handler().SetStorage(t.Context(), hotsock.Entry{Channel: "board.7", Key: "title", Data: "Launch"})
		if err != nil {
			t.Fatal(err)
		}
		board.ExpectEntry("title", "Launch")
	})
	// Output: passed: true
}

// A client that was offline has missed nothing when it is back.
func ExampleLink_Down() {
	test(func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{})
		jim := s.Connect(t, hotsocktest.Everything("jim"))
		inbox := jim.Subscribe("inbox.jim")
		tell := func(news string) {
			_, err := s.Handler().Publish(t.Context(), hotsock.Message{Channel: "inbox.jim", Event: "news", Data: news})
			if err != nil {
				t.Fatal(err)
			}
		}
		tell("old")
		inbox.Expect("news", "old")
		jim.Link.Down()
		tell("new")
		s.Advance(time.Minute)
		inbox.ExpectNone()
		jim.Link.Heal()
		inbox.Expect("news", "new")
		inbox.ExpectNone()
	})
	// Output: passed: true
}

// While the store is down, the app gets errors that say so.
func ExampleServer_StoreDown() {
	test(func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{})
		s.StoreDown()
		_, err := s.Handler().Publish(t.Context(), hotsock.Message{Channel: "inbox.jim", Event: "news"})
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("not unavailable: %v", err)
		}
		s.Published.ExpectNone("inbox.jim")
		s.StoreUp()
	})
	// Output: passed: true
}

// The end of a node is noticed by the others.
func ExampleNode_Kill() {
	test(func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{Nodes: 2})
		s.Dial(t, hotsocktest.Everything("jim")).Send(`{"event":"hotsock.subscribe","channel":"presence.room"}`)
		s.Events.Expect(hotsock.EventMemberAdded, "presence.room")
		s.Nodes[0].Kill()
		s.Advance(10 * time.Second)
		s.Events.Expect(hotsock.EventMemberRemoved, "presence.room")
	})
	// Output: passed: true
}

// What goes over the wire is seen by a socket that does nothing by itself.
func ExampleServer_Dial() {
	test(func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{})
		k := s.Dial(t, hotsocktest.Everything("jim"))
		k.Send(`{"event":"hotsock.subscribe","channel":"room"}`)
		k.Expect(`{"event":"hotsock.subscribed","channel":"room","meta":{"uid":"jim"}}`)
		s.Advance(10 * time.Minute) // nothing was sent: it is idle
		k.ExpectClose(websocket.StatusGoingAway)
	})
	// Output: passed: true
}
