package hotsock

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// propagate is the command that changes the metadata of a user's connection and
// of all its subscriptions.
func propagate(t *testing.T, uid, umd string) string {
	t.Helper()
	token, err := SignToken(Claims{
		Scope: ScopeUMD, UID: uid, UMD: json.RawMessage(umd), Expires: time.Now().Add(time.Hour),
		UMDUpdate: true, UMDPropagate: true,
	}, tokenHS256)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"event":"hotsock.umdUpdate","data":{"token":%q},"ref":"1"}`, token)
}

// A subscription that cannot be changed keeps none of the others from it.
func TestPropagateWhereOneIsFull(t *testing.T) {
	o := Options{Keys: []Key{tokenHS256.Key()}, MaxMembersSize: 90}
	inRig(t, o, func(t *testing.T, r *rig) {
		ann, bob := r.connect("ann"), r.connect("bob")
		for _, channel := range []string{"presence.a", "presence.b", "presence.c", "presence.d"} {
			ann.Subscribe(channel)
		}
		// There is room for both on b, as long as they are short.
		bob.Subscribe("presence.b")
		ann.Expect("hotsock.memberAdded")
		ann.Send(propagate(t, "ann", `"more than there is room for beside bob's, by far"`))
		changed := make(map[any]bool)
		for range 3 {
			changed[ann.Expect("hotsock.memberUpdated").Channel] = true
		}
		if !changed["presence.a"] || !changed["presence.c"] || !changed["presence.d"] {
			t.Errorf("changed %v", changed)
		}
		ann.Expect("PRESENCE_CHANNEL_CAPACITY_REACHED")
	})
}

// While the store is away, the client is told once, and can repeat it.
func TestPropagateWhileUnavailable(t *testing.T) {
	inRig(t, Options{Keys: []Key{tokenHS256.Key()}}, func(t *testing.T, r *rig) {
		ann := r.connect("ann")
		for _, channel := range []string{"presence.a", "presence.b"} {
			ann.Subscribe(channel)
		}
		r.s.setDown(true)
		calls := r.h.Stats().StoreCalls
		ann.Do(propagate(t, "ann", "1"), "UNAVAILABLE")
		if n := r.h.Stats().StoreCalls - calls; n != 1 {
			t.Errorf("the store was asked %d times, though it was away", n)
		}
		r.s.setDown(false)
		ann.Do(propagate(t, "ann", "1"), "hotsock.memberUpdated")
		ann.Expect("hotsock.memberUpdated")
		ann.Expect("hotsock.ack")
	})
}
