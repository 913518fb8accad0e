package main

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// The auth hook: only sessions get in, and nobody sees what others ordered.
func TestAuthentication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{})
		for _, o := range []client.Options{{}, session("made-up")} {
			if err := s.Refused(t, o); !errors.Is(err, &client.Error{Code: client.CodeUnauthorized}) {
				t.Errorf("refused with %v", err)
			}
		}
		jim := connect(t, s, "jim")
		jim.Subscribe("orders.jim")
		_, err := jim.Client.Subscribe(t.Context(), "orders.pam", nil)
		if !errors.Is(err, &client.Error{Code: client.CodeSubscribePermissionDenied}) {
			t.Errorf("subscribing to Pam's orders: %v", err)
		}
	})
}

// What the app publishes needs no client to be tested.
func TestShipPublishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{})
		if status := ship(t, s, "17"); status != http.StatusNoContent {
			t.Fatalf("status %d", status)
		}
		shipped := s.Published.Expect("orders.jim", "shipped", about("17"))
		if shipped.Store != 6*time.Hour {
			t.Errorf("it is kept for %v", shipped.Store)
		}
		review := s.Published.Expect("orders.jim", "review", about("17"))
		if d := time.Until(review.At); d != 6*time.Hour {
			t.Errorf("the review is due in %v", d)
		}
		s.Published.ExpectNone("orders.jim")
		s.Published.ExpectNone("orders.pam")
	})
}

// The customer is told at once, and another one is not.
func TestCustomerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{})
		jim := connect(t, s, "jim").Subscribe("orders.jim")
		pam := connect(t, s, "pam").Subscribe("orders.pam")
		ship(t, s, "17")
		jim.Expect("shipped", about("17"))
		pam.ExpectNone()
	})
}

// History: who was away reads it later, for six hours.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{})
		ship(t, s, "17")
		s.Advance(5 * time.Hour)
		jim := connect(t, s, "jim").Subscribe("orders.jim")
		if events := history(t, jim); len(events) != 1 || events[0] != "shipped" {
			t.Errorf("after five hours there is %q", events)
		}
		s.Advance(time.Hour)
		if events := history(t, jim); len(events) != 0 {
			t.Errorf("after six hours there is %q", events)
		}
	})
}

func history(t *testing.T, sub *hotsocktest.Subscription) []string {
	t.Helper()
	var events []string
	for m, err := range sub.History(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, m.Event)
	}
	return events
}

// Schedules: the review is asked for six hours later, not earlier. Meanwhile the
// client has reconnected some times, since connections live for two hours.
func TestReview(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{})
		jim := connect(t, s, "jim").Subscribe("orders.jim")
		ship(t, s, "17")
		ship(t, s, "17") // again, by mistake
		jim.Expect("shipped", about("17"))
		s.Advance(6*time.Hour - time.Second)
		jim.ExpectNone()
		s.Advance(2 * time.Second)
		jim.Expect("review", about("17"))
		jim.ExpectNone()
	})
}

// Presence: the app knows who is there to help, also when somebody is cut off.
func TestSupport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{})
		wantSupport := func(n string) {
			t.Helper()
			if _, body := call(t, s, http.MethodGet, "/support", ""); body != n {
				t.Errorf("%s are there, want %s", body, n)
			}
		}
		wantSupport("0")
		jim := connect(t, s, "jim").Subscribe("presence.support")
		pam := connect(t, s, "pam")
		pam.Subscribe("presence.support")
		jim.ExpectMember(client.MemberAdded, "pam")
		wantSupport("2")

		pam.Link.Freeze() // a tunnel
		s.Advance(time.Minute + 2*time.Second)
		jim.ExpectMember(client.MemberRemoved, "pam")
		wantSupport("1")
	})
}

// Storage: everybody sees the notice, also who comes later.
func TestNotice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{})
		jim := connect(t, s, "jim").Subscribe("shop")
		if status, _ := call(t, s, http.MethodPut, "/notice", "Sale!"); status != http.StatusNoContent {
			t.Fatalf("status %d", status)
		}
		jim.ExpectEntry("notice", "Sale!")
		pam := connect(t, s, "pam").Subscribe("shop")
		pam.ExpectEntry("notice", "Sale!")
		jim.ExpectNone()
	})
}
