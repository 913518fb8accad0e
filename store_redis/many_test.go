package storeredis

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

// A tally is a Receiver that counts.
type tally struct {
	*inbox
	subscriptions, connections, entries atomic.Int64
}

func (r *tally) SubscriptionEnded(store.SubscriptionEnd)    { r.subscriptions.Add(1) }
func (r *tally) ConnectionEnded(store.Connection)           { r.connections.Add(1) }
func (r *tally) MemberRemoved(string, store.PresenceChange) {}
func (r *tally) EntryExpired(store.Entry)                   { r.entries.Add(1) }

// manyLimit is for what a busy machine does in some seconds, and what took
// minutes, or did not end, where each step looked at all there was.
const manyLimit = 2 * time.Minute

// TestDeadNodeHadMany: whatever a dead node had, others remove and report all of
// it.
func TestDeadNodeHadMany(t *testing.T) {
	t.Parallel()
	const connections, channels, subscribers = 20_000, 2_000, 50_000
	srv := redistest.StartServer(t)
	db := srv.Client()
	in := &tally{inbox: newInbox(t)}
	other := joinAs(t, openAt(t, srv.Addr), in, testJoin)
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	k := &n.s.keys

	if err := n.AddConnection(unhurried(t), store.Connection{ID: "1", Info: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	conns := k.conns(home, n.leases.current(home))
	copyField(t, db, conns, "1", connections)

	if _, err := n.Subscribe(unhurried(t), store.SubscribeRequest{Channel: "busy", Connection: "1"}); err != nil {
		t.Fatal(err)
	}
	busy := k.channel("busy")
	copyField(t, db, busy.subs(n.leases.current(busy.part)), "1", subscribers)

	var names []any
	for i := 0; len(names) < channels; i++ {
		if name := fmt.Sprint("channel", i); partOf(name) == busy.part {
			names = append(names, name)
		}
	}
	owned := k.owned(busy.part, n.leases.current(busy.part))
	if err := db.SAdd(unhurried(t), owned, names...).Err(); err != nil {
		t.Fatal(err)
	}

	n.kill()
	await.Within(t, manyLimit, "all to be reported", func() bool {
		return in.connections.Load() == connections && in.subscriptions.Load() == subscribers
	})
	await.Within(t, manyLimit, "nothing to be left", func() bool {
		left, err := db.Exists(t.Context(), conns, owned).Result()
		return err == nil && left == 0
	})
	await.Within(t, manyLimit, "the node to be forgotten", func() bool {
		peers, err := other.Peers(t.Context())
		return err == nil && len(peers) == 1
	})
}

// copyField gives a hash as many fields as wanted, with the value of one.
func copyField(t *testing.T, db *redis.Client, key, field string, wanted int) {
	t.Helper()
	ctx := unhurried(t)
	value, err := db.HGet(ctx, key, field).Result()
	if err != nil {
		t.Fatal(err)
	}
	var all []any
	for i := range wanted - 1 {
		all = append(all, fmt.Sprint("copy", i), value)
	}
	if err := db.HSet(ctx, key, all...).Err(); err != nil {
		t.Fatal(err)
	}
}

// TestManyEntriesExpire: entries that expire together are reported together.
func TestManyEntriesExpire(t *testing.T) {
	t.Parallel()
	const entries = 3_000
	srv := redistest.StartServer(t)
	in := &tally{inbox: newInbox(t)}
	n := joinAs(t, openAt(t, srv.Addr), in, testJoin)
	sets := make(chan int)
	failed := make(chan error, 1)
	for range 32 {
		go func() {
			for i := range sets {
				ctx, cancel := context.WithTimeout(t.Context(), maxTimeout)
				_, err := n.Set(ctx, store.SetRequest{
					Channel: "c", Key: fmt.Sprint(i), Value: []byte("1"), Digest: "1", Retention: time.Second, Emit: true,
				})
				cancel()
				if err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		}()
	}
	for i := range entries {
		sets <- i
	}
	close(sets)
	await.Within(t, manyLimit/4, "all to be reported", func() bool {
		select {
		case err := <-failed:
			t.Fatal(err)
		default:
		}
		return in.entries.Load() == entries
	})
}
