package hotsock

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

func idAt(n byte) ulid.ULID { return ulid.ULID{15: n} }

func changeAt(n byte, kind store.PresenceKind, uid string) *store.Item {
	return &store.Item{ID: idAt(n), Channel: "presence.x", Presence: &store.PresenceChange{Kind: kind, Member: store.Member{UID: uid}}}
}

// A topic takes a list that the store says, and what was delivered since; unless that
// cannot be known, or it has a newer one.
func TestLearnMembers(t *testing.T) {
	buffered := func(items ...*store.Item) *subscription {
		return &subscription{buffer: &itemBuffer{items: items}}
	}
	type topicState struct {
		members bool
		at      byte
	}
	for _, row := range []struct {
		why   string
		known topicState
		s     *subscription
		want  string
	}{
		{"nothing was delivered since", topicState{}, &subscription{}, "ann"},
		{
			"changes of before and since",
			topicState{},
			buffered(changeAt(3, store.MemberRemoved, "ann"), changeAt(4, store.MemberAdded, "ann"),
				&store.Item{ID: idAt(6), Message: new(store.Message)},
				changeAt(7, store.MemberAdded, "bob"), changeAt(8, store.MemberAdded, "cat"), changeAt(9, store.MemberRemoved, "bob")),
			"ann,cat",
		},
		{"items were lost since", topicState{}, &subscription{gap: true}, "unknown"},
		{"there were too many to be kept", topicState{}, &subscription{buffer: new(itemBuffer)}, "unknown"},
		{"items went out as they came", topicState{}, &subscription{state: subLive}, "unknown"},
		{"the topic knows a newer one", topicState{true, 6}, &subscription{}, ""},
		{"the topic knows an older one", topicState{true, 4}, &subscription{state: subLive}, "ann"},
	} {
		to := &topic{at: idAt(row.known.at), members: &memberList{known: row.known.members}, batch: new(memberBatch)}
		to.learnMembers(row.s, &store.SubscribeResult{
			Position: idAt(5), Info: store.ChannelInfo{Members: []store.Member{{UID: "ann"}}},
		})
		if got := listed(to); got != row.want {
			t.Errorf("%s: the members are %q, want %q", row.why, got, row.want)
		}
	}
}

// listed are the members of a topic, if it knows them.
func listed(t *topic) (uids string) {
	if !t.knowsMembers() {
		return "unknown"
	}
	for uid := range t.members.encoded.All() {
		if uids != "" {
			uids += ","
		}
		uids += uid
	}
	return uids
}

// A position may be known before the items up to it have been delivered.
func TestAwaitMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := &topic{channel: "presence.x", at: idAt(1), members: &memberList{known: true}, batch: new(memberBatch)}
		for range 2 {
			began := time.Now()
			if to.awaitMembers(t.Context(), idAt(3)) || time.Since(began) != memberListWait {
				t.Errorf("what never comes was waited for %v", time.Since(began))
			}
		}
		reached := make(chan bool)
		for range 2 {
			go func() { reached <- to.awaitMembers(t.Context(), idAt(3)) }()
		}
		for n := byte(2); n <= 3; n++ {
			synctest.Wait()
			select {
			case <-reached:
				t.Error("item 2 is not 3")
			default:
			}
			to.mu.Lock()
			to.follow(changeAt(n, store.MemberAdded, string('a'+rune(n))))
			to.mu.Unlock()
		}
		for range 2 {
			if !<-reached {
				t.Error("it was not reached")
			}
		}
		if len(to.members.awaits) > 0 {
			t.Error("somebody is waited for still")
		}
		if got := listed(to); got != "c,d" {
			t.Errorf("members %q", got)
		}
		to.members.known = false
		if to.awaitMembers(t.Context(), idAt(3)) {
			t.Error("what is not known was reached")
		}
	})
}

// A subscriber whose topic is not told of what the store knows is given what the store
// knows.
func TestMembersAreAskedForAgain(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		ann, bob := r.connect("ann"), r.connect("bob")
		ann.Do(subscribePresence, "hotsock.subscribed")
		to := r.h.hub.topic("presence.room")
		cat := r.connect("cat")
		cat.Do(followPresence, "hotsock.subscribed")
		ann.Expect("hotsock.memberAdded")
		to.mu.Lock()
		to.members = &memberList{known: true}
		to.mu.Unlock()
		// The item of bob's coming reaches the topic, which knows nothing of ann.
		bob.Do(subscribePresence, "hotsock.subscribed")
		if got := listed(to); got != "bob" {
			t.Errorf("members %q", got)
		}
		to.mu.Lock()
		to.at = ulid.ULID{}
		to.mu.Unlock()
		ann.Expect("hotsock.memberAdded")
		ann.Do(`{"event":"hotsock.subscribe","channel":"presence.room","data":{"after":null}}`, "hotsock.subscribed")
		if got := listed(to); got != "ann,cat,bob" {
			t.Errorf("members %q", got)
		}
		cat.Expect("hotsock.membersChanged") // of bob
		if added := cat.Expect("hotsock.membersChanged").Member("added"); len(added.([]any)) != 2 {
			t.Errorf("who follows changes was told of %v", added)
		}
	})
}
