package doctest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/client"
	"github.com/hotsock-go/hotsock/hotsocktest"
)

// sooner has clients that vanish be gone after 15 s rather than 35 s, and lets 20,000
// follow who is in a room, rather than 7,000.
func sooner(o hotsock.Options) hotsock.Options {
	o.PingInterval = 10 * time.Second
	o.PongTimeout = 5 * time.Second
	o.MaxPresenceSize = 3_000_000
	return o
}

// TestSooner has a client vanish, and others be told, with the options of
// reliability.md.
func TestSooner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := hotsocktest.Start(t, hotsocktest.Options{Handler: sooner(hotsock.Options{})})
		ann, bob := s.Connect(t, hotsocktest.Everything("ann")), s.Connect(t, hotsocktest.Everything("bob"))
		room := ann.Subscribe("presence.room")
		bob.Subscribe("presence.room")
		room.ExpectMember(client.MemberAdded, "bob")
		began := time.Now()
		bob.Link.Freeze()
		room.ExpectMember(client.MemberRemoved, "bob")
		if took := time.Since(began); took > 17*time.Second {
			t.Errorf("gone after %v", took)
		}
	})
}
