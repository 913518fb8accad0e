package hotsocktest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/client"
)

// TestSilentMember: who falls silent is gone for the others within the heartbeat
// timeout and two seconds, though nobody answers the close.
func TestSilentMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Start(t, Options{})
		watcher := s.Connect(t, Everything("bob")).Subscribe("presence.room")
		claims := Everything("ann")
		claims.HeartbeatTimeout = 30 * time.Second
		ann := s.Dial(t, claims)
		ann.join("presence.room")
		watcher.ExpectMember(client.MemberAdded, "ann")
		s.Advance(10 * time.Second)
		ann.Send(`{"event":"hotsock.heartbeat"}`)
		s.Advance(0)
		ann.Link.Freeze()
		s.Advance(29 * time.Second)
		watcher.ExpectNone()
		s.Advance(3 * time.Second)
		if e := watcher.rest(); len(e) != 1 {
			t.Fatalf("after 32 s: %v", e)
		}
	})
}
