package storeredis

import (
	"fmt"
	"testing"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
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
	const messages = 121
	for range messages {
		ids = append(ids, mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever}))
	}
	for _, id := range ids[1:] {
		fillReactions(t, db, ck, id, 50)
	}
	begun, err := n.Erase(t.Context(), store.EraseRequest{Channel: "c"})
	if err != nil || begun.Until != ids[messages-1] || !begun.More {
		t.Fatalf("begun: %+v, %v", begun, err)
	}
	var freed []int
	for more := true; more; {
		res, err := n.Erase(unhurried(t), store.EraseRequest{Channel: "c", Until: begun.Until, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		freed, more = append(freed, res.Freed), res.More
	}
	if got := fmt.Sprint(freed); got != "[101 20]" {
		t.Errorf("the steps free %s messages, want [101 20]: more than 100 with 50 reactions are too much for one", got)
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
	if id := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e"}); id.Compare(ids[messages-1]) <= 0 {
		t.Errorf("a new id, %v, is not after what is erased", id)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.lost > 0 {
		t.Error("what is erased is taken for lost")
	}
}

// fillReactions adds reactions without the script, which would take long.
func fillReactions(t *testing.T, db *redis.Client, ck channelKeys, id ulid.ULID, count int) {
	t.Helper()
	keys := reactionKeys(&ck, mustFormat(t, id))
	p := db.Pipeline()
	for i := range count {
		name := fmt.Sprint("a user with a long name, of which there are many: ", i)
		p.HSet(t.Context(), keys[0].(string), name, "1")
		p.ZAdd(t.Context(), keys[1].(string), redis.Z{Member: name})
		p.HSet(t.Context(), keys[2].(string), name, "1")
	}
	if _, err := p.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestManyReactionsAreFreedBeside: Redis frees the reactions to a message in a thread, be
// the message deleted or erased with its channel.
func TestManyReactionsAreFreedBeside(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	db, ck := srv.Client(), n.s.keys.channel("c")
	freed := func() (count int) {
		t.Helper()
		info := db.InfoMap(t.Context(), "memory", "stats").Val()
		_, _ = fmt.Sscan(info["Memory"]["lazyfreed_objects"]+info["Stats"]["lazyfreed_objects"], &count)
		return count
	}
	for _, row := range []struct {
		name string
		do   func(id ulid.ULID) error
	}{
		{"deleted", func(id ulid.ULID) error {
			_, err := n.Edit(t.Context(), store.EditRequest{
				Channel: "c", Message: id, Delete: true, Notice: store.PublishRequest{Channel: "c", Event: "deleted"},
			})
			return err
		}},
		{"erased", func(ulid.ULID) error {
			res, err := n.Erase(t.Context(), store.EraseRequest{Channel: "c"})
			if err == nil {
				_, err = n.Erase(t.Context(), store.EraseRequest{Channel: "c", Until: res.Until, Limit: 100})
			}
			return err
		}},
	} {
		id := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever})
		fillReactions(t, db, ck, id, 1000)
		before := freed()
		if err := row.do(id); err != nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		for _, key := range reactionKeys(&ck, mustFormat(t, id)) {
			if db.Exists(t.Context(), key.(string)).Val() != 0 {
				t.Errorf("%s: %s is left", row.name, key)
			}
		}
		await.That(t, row.name+": the records, their order and counts to be freed in the thread", func() bool { return freed() >= before+3 })
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
