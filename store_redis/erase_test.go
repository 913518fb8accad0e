package storeredis

import (
	"fmt"
	"testing"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// TestEraseConditions: an erasure leaves no key but what a channel has without it, the
// state may end, and a step ends at many reactions.
func TestEraseConditions(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	in := newInbox(t)
	n := joinAs(t, openAt(t, srv.Addr), in, testJoin)
	db, ck := srv.Client(), n.s.keys.channel("c")
	mustWatch(t, n, "c")
	var ids []ulid.ULID
	for range 3 {
		ids = append(ids, mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever}))
	}
	const many = 3000
	for i, id := range ids {
		for j := range many * min(i, 1) {
			if err := db.HSet(t.Context(), ck.reactions(mustFormat(t, id)), fmt.Sprint(j), "1").Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	begun, err := n.Erase(t.Context(), store.EraseRequest{Channel: "c"})
	if err != nil || begun.Until != ids[2] || !begun.More {
		t.Fatalf("begun: %+v, %v", begun, err)
	}
	var freed []int
	for more := true; more; {
		res, err := n.Erase(unhurried(t), store.EraseRequest{Channel: "c", Until: begun.Until, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		freed, more = append(freed, res.Freed), res.More
	}
	if got := fmt.Sprint(freed); got != "[2 1]" {
		t.Errorf("the steps free %s messages, want [2 1]: two with 3,000 reactions are too much for one", got)
	}
	left, err := db.Keys(t.Context(), "*"+string(ck.d[:])+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range left {
		switch key {
		case ck.state(), ck.log(), ck.changes():
			if ttl := db.PTTL(t.Context(), key).Val(); ttl < 0 {
				t.Errorf("%s has no end (%v)", key, ttl)
			}
		default:
			t.Errorf("%s is left", key)
		}
	}
	if id := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e"}); id.Compare(ids[2]) <= 0 {
		t.Errorf("a new id, %v, is not after what is erased", id)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.lost > 0 {
		t.Error("what is erased is taken for lost")
	}
}

func mustFormat(t *testing.T, id ulid.ULID) string {
	t.Helper()
	text := formatID(id)
	if text == "" {
		t.Fatalf("%v is no id of Redis", id)
	}
	return text
}

// TestEraseNotLost: a node that has been cut off while a channel was erased is told that
// it has missed something, and is given nothing of what is erased, freed or not. Who
// published what is erased does not take it for lost.
func TestEraseNotLost(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	link := redistest.NewProxy(t, srv.Addr)
	in := newInbox(t)
	cut := joinAs(t, openAt(t, link.Addr), in, testJoin)
	mustWatch(t, cut, "c")
	otherIn := newInbox(t)
	n := joinAs(t, openAt(t, srv.Addr), otherIn, testJoin)
	mustWatch(t, n, "c")
	first := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever})
	in.awaitIDs([]ulid.ULID{first}, back)
	link.Refuse()
	for range 20 {
		mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "erased", Retention: store.Forever})
	}
	notice := &store.PublishRequest{Channel: "c", Event: "notice"}
	res, err := n.Erase(t.Context(), store.EraseRequest{Channel: "c", Notice: notice})
	if err != nil {
		t.Fatal(err)
	}
	link.Heal()
	await.Within(t, back, "the node to learn that it has missed something", func() bool {
		in.mu.Lock()
		defer in.mu.Unlock()
		return in.lost > 0
	})
	last := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "last"})
	await.Within(t, back, "what follows", func() bool {
		ids := in.ids()
		return len(ids) > 0 && ids[len(ids)-1] == last
	})
	for _, id := range in.ids()[1:] {
		if id.Compare(res.Until) <= 0 {
			t.Errorf("%v was delivered after it was erased", id)
		}
	}
	otherIn.mu.Lock()
	defer otherIn.mu.Unlock()
	if otherIn.lost > 0 {
		t.Error("who published what is erased takes it for lost")
	}
}
