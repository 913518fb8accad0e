package storeredis

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// TestReactionsOfOldNodes has reactions that a node of version 0.1 made, of which
// there is only the record. They are counted and listed as all others, before the
// next reaction and after it.
func TestReactionsOfOldNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMiniHarness(t).Open(t).(*Store)
		n := joinAs(t, s, newInbox(t), testJoin)
		var ids []ulid.ULID
		for range 3 {
			ids = append(ids, mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}))
		}
		react := func(uid, reaction string, remove bool) store.ReactResult {
			t.Helper()
			r, err := n.React(t.Context(), store.ReactRequest{
				Channel:   "c",
				Reaction:  store.Reaction{Message: ids[0], UID: uid, Reaction: reaction, Origin: []byte("o")},
				Remove:    remove,
				MaxOfUser: 2,
				Notice:    store.PublishRequest{Channel: "c", Event: "notice"},
			})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		var all []store.Reaction
		add := func(uid, reaction string) {
			t.Helper()
			all = append(all, react(uid, reaction, false).Reaction)
		}
		check := func(why string, counts ...store.ReactionCount) {
			t.Helper()
			got, err := n.Tallies(t.Context(), store.TalliesRequest{Channel: "c", Messages: ids, First: 10, MaxBytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]store.Tally{{Counts: counts, Reactions: all}, {}, {}}, got); diff != "" {
				t.Errorf("%s: tallies (-want +got):\n%s", why, diff)
			}
			page, err := n.Reactions(t.Context(), store.ReactionsRequest{
				Channel: "c", Message: ids[0], After: all[0].ID, Limit: len(all) - 2, MaxBytes: 1 << 20,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(store.ReactionsResult{Reactions: all[1 : len(all)-1], More: true}, page); diff != "" {
				t.Errorf("%s: page (-want +got):\n%s", why, diff)
			}
		}
		count := func(reaction string, n int) store.ReactionCount {
			return store.ReactionCount{Reaction: reaction, Count: n}
		}
		ck := s.keys.channel("c")
		forget := func() {
			t.Helper()
			at := formatID(ids[0])
			for _, key := range []string{ck.reactionOrder(at), ck.reactionCounts(at)} {
				if err := s.client.Del(t.Context(), key).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}

		for i := range 4 {
			add(fmt.Sprint("u", 9-i), []string{"b", "a"}[i%2])
		}
		check("new ones", count("b", 2), count("a", 2))
		forget()
		check("old ones", count("b", 2), count("a", 2))
		add("u9", "c")
		check("after another one", count("b", 2), count("a", 2), count("c", 1))

		// A node of each version at the same time: the old one adds a record.
		if err := s.client.HSet(t.Context(), ck.reactions(formatID(ids[0])), pack("a", "old"),
			pack(formatID(newerThan(all[4].ID)), decimal(time.Now().UnixMilli()), "", "o")).Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, store.Reaction{
			ID: newerThan(all[4].ID), Message: ids[0], Reaction: "a", UID: "old", Created: time.Now().UTC().Truncate(time.Millisecond), Origin: []byte("o"),
		})
		check("with one of an old node", count("b", 2), count("a", 3), count("c", 1))
		react("u9", "b", true)
		all = all[1:]
		check("after one was removed", count("b", 1), count("a", 3), count("c", 1))
		react("u9", "c", true)
		react("u9", "d", false)
		react("u9", "e", false)
		if _, err := n.React(t.Context(), store.ReactRequest{
			Channel: "c", Reaction: store.Reaction{Message: ids[0], UID: "u9", Reaction: "f"}, MaxOfUser: 2,
			Notice: store.PublishRequest{Channel: "c", Event: "notice"},
		}); err == nil {
			t.Error("the user's are not counted")
		}
	})
}

func newerThan(id ulid.ULID) ulid.ULID {
	_ = id.SetTime(id.Time() + 1)
	return id
}

// TestUserReactedVeryOften has one user's reactions to a message, which version 0.1
// did not bound: more than a script can pass to one command.
func TestUserReactedVeryOften(t *testing.T) {
	t.Parallel()
	const many = 9000
	s := openAt(t, redistest.StartServer(t).Addr)
	n := joinAs(t, s, newInbox(t), testJoin)
	message := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour})
	ck := s.keys.channel("c")
	var records []any
	id := message
	for i := range many {
		id = newerThan(id)
		records = append(records, pack(fmt.Sprint("r", i), "u"), pack(formatID(id), decimal(int64(id.Time())), "", "o"))
	}
	if err := s.client.HSet(t.Context(), ck.reactions(formatID(message)), records...).Err(); err != nil {
		t.Fatal(err)
	}
	// From here on there are counts.
	if _, err := n.React(unhurried(t), store.ReactRequest{
		Channel: "c", Reaction: store.Reaction{Message: message, UID: "other", Reaction: "r"},
		Notice: store.PublishRequest{Channel: "c", Event: "notice"},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := n.Tallies(unhurried(t), store.TalliesRequest{
		Channel: "c", Messages: []ulid.ULID{message}, First: 20, UID: "u", MaxBytes: 1 << 20,
	})
	if err != nil || len(got) != 1 {
		t.Fatalf("%d tallies: %v", len(got), err)
	}
	// The other user's may be among the first 20, by its time.
	own := slices.DeleteFunc(got[0].Reactions, func(r store.Reaction) bool { return r.UID != "u" })
	if len(own) != many {
		t.Errorf("%d reactions of the user, want %d", len(own), many)
	}
}
