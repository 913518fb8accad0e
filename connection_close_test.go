package hotsock

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// Who has found a connection, and gets at it when its end is over, must bring
// nothing of it back, and harm nobody else on its channels.
func TestTooLateForAConnection(t *testing.T) {
	events := EventSinkFunc(func(context.Context, Event) error { return nil })
	inRig(t, Options{Events: events}, func(t *testing.T, r *rig) {
		ann := r.connect("ann")
		gone := r.h.conns.get(onlyConnection(r))
		bob := r.connect("bob")
		for _, c := range []*wstest.Conn{ann, bob} {
			for _, channel := range []string{"a", "presence.b"} {
				c.Subscribe(channel)
			}
		}
		ann.Close()
		bob.Expect("hotsock.memberRemoved")
		synctest.Wait()

		gone.resyncAll()
		gone.resync("a", true)
		if gone.unsubscribeByHost("a", "") || gone.unsubscribeByHost("presence.b", "") {
			t.Error("a subscription ended twice")
		}
		if _, err := r.h.peers.do(&peerRequest{
			Op: peerUMD, Connection: gone.id, Secret: gone.secret[:], Channel: "a",
		}); asError(err).Code != CodeUnauthorized {
			t.Errorf("metadata of a connection that has ended: %v", err)
		}
		wantCounts(r, map[string]int{"a": 1, "presence.b": 1})
		if len(r.s.known) != 1 {
			t.Errorf("the store knows %d connections", len(r.s.known))
		}
		for _, channel := range []string{"a", "presence.b"} {
			bob.Do(`{"event":"chat","channel":"`+channel+`"}`, "chat")
		}
	})
}
