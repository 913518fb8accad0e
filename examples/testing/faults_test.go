package main

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// Reconnecting: what comes while the customer is offline is not lost.
func TestOfflineCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{})
		jim := connect(t, s, "jim")
		orders := jim.Subscribe("orders.jim")
		ship(t, s, "16")
		orders.Expect("shipped", about("16"))
		jim.Link.Down()
		ship(t, s, "17")
		s.Advance(time.Minute)
		orders.ExpectNone()
		jim.Link.Heal()
		orders.Expect("shipped", about("17"))
		orders.ExpectNone() // not twice
	})
}

// A deployment during a conversation.
func TestDeployment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{Nodes: 2})
		orders := connect(t, s, "jim").Subscribe("orders.jim")
		ship(t, s, "16")
		orders.Expect("shipped", about("16"))
		for _, node := range s.Nodes {
			node.Stop()
			if status := ship(t, s, "17"); status != http.StatusNoContent {
				t.Errorf("while one node is away: status %d", status)
			}
			node.Start()
		}
		// It was one order, so the customer is told once.
		orders.Expect("shipped", about("17"))
		orders.ExpectNone()
	})
}

// A node crashes: who was connected to it is gone for the others within
// seconds.
func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{Nodes: 2})
		jim := connect(t, s, "jim").Subscribe("presence.support")
		pam := connect(t, s, "pam")
		pam.Subscribe("presence.support")
		jim.ExpectMember(client.MemberAdded, "pam")
		pam.Link.Down() // so that she does not come back
		s.Nodes[1].Kill()
		s.Advance(10 * time.Second)
		jim.ExpectMember(client.MemberRemoved, "pam")
	})
}

// The store is down: the app says so and can be asked again, and clients stay
// connected.
func TestStoreOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, hotsocktest.Options{Redis: true})
		jim := connect(t, s, "jim").Subscribe("orders.jim")
		s.StoreDown()
		if status := ship(t, s, "17"); status != http.StatusServiceUnavailable {
			t.Errorf("while the store is down: status %d", status)
		}
		s.StoreUp()
		s.Advance(5 * time.Second)
		if status := ship(t, s, "17"); status != http.StatusNoContent {
			t.Errorf("afterwards: status %d", status)
		}
		jim.Expect("shipped", about("17"))
		jim.ExpectNone()
	})
}

// Outside of bubbles the same works in real time, for a browser say.
func TestInRealTime(t *testing.T) {
	s := start(t, hotsocktest.Options{})
	jim := connect(t, s, "jim").Subscribe("orders.jim")
	res, err := http.Post(s.URL+"/orders/17/ship?customer=jim", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	jim.Expect("shipped", about("17"))
	jim.ExpectNone()
	http.DefaultClient.CloseIdleConnections()
}
