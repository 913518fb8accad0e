package hotsock

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
)

const subscribePresence = `{"event":"hotsock.subscribe","channel":"presence.room"}`

// told describes the change of members that the client reads next: what it is,
// of whom, and the list, which is "-" for hotsock.memberChanged.
func told(t *testing.T, c *wstest.Conn) string {
	t.Helper()
	f := c.Next()
	type member struct{ UID string }
	var data struct {
		Change  string
		Member  member
		Members []member
	}
	f.Decode(t, &data)
	kind, list := strings.TrimPrefix(f.Name(), "hotsock.member"), "-"
	if kind == "Changed" {
		kind = map[string]string{"added": "Added", "updated": "Updated", "removed": "Removed"}[data.Change]
	} else {
		var uids []string
		for _, m := range data.Members {
			uids = append(uids, m.UID)
		}
		list = strings.Join(uids, ",")
	}
	return fmt.Sprint(kind, " ", data.Member.UID, " ", list)
}

func wantTold(t *testing.T, c *wstest.Conn, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := told(t, c); got != w {
			t.Fatalf("told %q, want %q", got, w)
		}
	}
}

// publishLong sends more than may wait for a client that is sent a list.
func (r *rig) publishLong(channel string) {
	r.t.Helper()
	for range 4 {
		_, err := r.h.Publish(context.Background(), Message{Channel: channel, Event: "long", Data: strings.Repeat("x", 30<<10)})
		if err != nil {
			r.t.Fatal(err)
		}
		synctest.Wait() // The first is being written, and the others wait.
	}
}

// A client that is behind is sent the list of the last change alone, when it has
// caught up, and is told of every change.
func TestListWaitsForSlowClient(t *testing.T) {
	inRig(t, Options{}, func(_ *testing.T, r *rig) {
		ann, bob, cat := r.connect("ann"), r.connect("bob"), r.connect("cat")
		ann.Do(subscribePresence, "hotsock.subscribed")
		r.publishLong("presence.room")
		bob.Do(subscribePresence, "hotsock.subscribed")
		bob.Do(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`, "hotsock.unsubscribed")
		cat.Do(subscribePresence, "hotsock.subscribed")
		for range 4 {
			ann.Expect("long")
		}
		wantTold(r.t, ann, "Added bob -", "Removed bob -", "Added cat ann,cat")

		// One that has left before is not sent it.
		r.publishLong("presence.room")
		bob.Do(subscribePresence, "hotsock.subscribed")
		ann.Send(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`)
		for range 4 {
			ann.Expect("long")
			cat.Expect("long")
		}
		ann.Expect("hotsock.unsubscribed")
		wantTold(r.t, cat, "Added bob -", "Removed ann cat,bob")
		time.Sleep(time.Minute)
		ann.ExpectNothing()
	})
}

// The lists that a client is sent have a rate, over all channels.
func TestListsHaveARate(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		ann, bob := r.connect("ann"), r.connect("bob")
		ann.Do(subscribePresence, "hotsock.subscribed")
		c := r.h.conns.ofUser("ann")[0]
		c.chargeList(memberListBurst + 2*memberListRate)
		start := time.Now()
		bob.Do(subscribePresence, "hotsock.subscribed")
		wantTold(r.t, ann, "Added bob ann,bob")
		if d := time.Since(start); d < 2*time.Second || d > 2*time.Second+2*memberListPause {
			t.Errorf("the list came after %v", d)
		}
	})
}

// Who joins while many others come and go is not disconnected for it, and is
// told of them with one list.
func TestJoinAmongManyChanges(t *testing.T) {
	inRig(t, Options{MaxQueueSize: 64 << 10}, func(t *testing.T, r *rig) {
		ann, bob := r.connect("ann"), r.connect("bob")
		long := store.SubscribeRequest{
			Channel: "presence.room", Connection: "long", UID: "long", UMD: []byte(`"` + strings.Repeat("x", 15_000) + `"`),
			Presence: true, MaxMembersSize: 20_000,
		}
		if _, err := r.h.node.Subscribe(t.Context(), long); err != nil {
			t.Fatal(err)
		}
		ann.Do(subscribePresence, "hotsock.subscribed")
		s := r.h.conns.ofUser("ann")[0].subscription("presence.room")
		s.topic.mu.Lock()
		s.state = subBuffering
		s.topic.mu.Unlock()
		const times = 10
		for range times {
			bob.Do(subscribePresence, "hotsock.subscribed")
			bob.Do(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`, "hotsock.unsubscribed")
		}
		s.topic.mu.Lock()
		s.passItems(s.position)
		s.topic.mu.Unlock()
		for range times - 1 {
			wantTold(r.t, ann, "Added bob -", "Removed bob -")
		}
		wantTold(r.t, ann, "Added bob -", "Removed bob long,ann")
	})
}

// hotsock-js keeps the list of who came or went, and not that of updates: a
// membership that is pending is told with its list whatever follows.
func TestMembershipIsNotSupersededByUpdates(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		ann, bob, cat := r.connect("ann"), r.connect("bob"), r.connect("cat")
		for _, p := range []*wstest.Conn{ann, bob} {
			p.Do(subscribePresence, "hotsock.subscribed")
		}
		wantTold(r.t, ann, "Added bob ann,bob")
		update := func(uid, umd string) {
			t.Helper()
			_, err := r.h.node.UpdateSubscription(t.Context(), store.UpdateSubscriptionRequest{
				Channel: "presence.room", Connection: r.h.conns.ofUser(uid)[0].id, UMD: []byte(umd), UMDDigest: umd, MaxMembersSize: 1 << 20,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		r.publishLong("presence.room")
		cat.Do(subscribePresence, "hotsock.subscribed")
		update("bob", "1") // told at once, for it is of another member
		update("cat", "2") // told with cat's coming
		for range 4 {
			ann.Expect("long")
		}
		wantTold(r.t, ann, "Updated bob -", "Added cat ann,bob,cat")

		// A pending update gives way to a membership.
		r.publishLong("presence.room")
		update("bob", "3")
		cat.Send(`{"event":"hotsock.unsubscribe","channel":"presence.room"}`)
		for range 4 {
			ann.Expect("long")
		}
		wantTold(r.t, ann, "Updated bob -", "Removed cat ann,bob")
	})
}
