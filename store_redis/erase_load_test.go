//go:build !race

package storeredis

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// TestEraseHoldsRedisBriefly erases 100,000 messages, of which one has 10,000 reactions,
// and 10,000 entries. No command holds Redis for long, and others are served meanwhile.
func TestEraseHoldsRedisBriefly(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const messages, entries, reactions, most = 100_000, 10_000, 10_000, 5 * time.Millisecond
	srv := redistest.StartServer(t, "--slowlog-log-slower-than", "100", "--slowlog-max-len", "100000")
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), testJoin)
	db, ctx := srv.Client(), t.Context()
	each := func(count int, f func(i int) error) {
		t.Helper()
		var g errgroup.Group
		g.SetLimit(500)
		for i := range count {
			g.Go(func() error { return f(i) })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	first := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever})
	each(messages-1, func(int) error {
		_, err := n.Publish(unhurried(t), store.PublishRequest{Channel: "c", Event: "e", Data: make([]byte, 300), Retention: time.Hour})
		return err
	})
	each(reactions, func(i int) error {
		_, err := n.React(unhurried(t), store.ReactRequest{
			Channel: "c", Reaction: store.Reaction{Message: first, UID: fmt.Sprint(i), Reaction: "x"},
			Notice: store.PublishRequest{Channel: "c", Event: "reaction"},
		})
		return err
	})
	var ids [entries]ulid.ULID
	set := func(value []byte) func(i int) error {
		return func(i int) error {
			q := store.SetRequest{Channel: "c", Key: fmt.Sprint("k", i), Value: value, Digest: "1", Retention: store.Forever, IfID: &ids[i]}
			res, err := n.Set(unhurried(t), q)
			ids[i] = res.Entry.ID
			return err
		}
	}
	each(entries, set(make([]byte, 300)))

	slowest := func() (middle, most99, longest time.Duration) {
		t.Helper()
		logs, err := db.SlowLogGet(ctx, -1).Result()
		if err == nil {
			err = db.SlowLogReset(ctx).Err()
		}
		if err != nil {
			t.Fatal(err)
		}
		var all []time.Duration
		for _, l := range logs {
			if l.Args[0] != "slowlog" {
				all = append(all, l.Duration)
			}
		}
		if len(all) == 0 {
			return 0, 0, 0
		}
		slices.Sort(all)
		return all[len(all)/2], all[len(all)*99/100], all[len(all)-1]
	}
	_, _, loading := slowest()
	t.Logf("to fill the channel held Redis for %v at the most", loading)
	pings := make(chan time.Duration)
	stop := make(chan struct{})
	go func() { // somebody else
		var longest time.Duration
		for {
			select {
			case <-stop:
				pings <- longest
				return
			default:
			}
			began := time.Now()
			_ = db.Ping(ctx).Err()
			longest = max(longest, time.Since(began))
		}
	}()
	began := time.Now()
	res, err := n.Erase(ctx, store.EraseRequest{Channel: "c", Limit: 250})
	if err != nil {
		t.Fatal(err)
	}
	_, _, begin := slowest()
	until, steps, freed := res.Until, 0, 0
	for res.More {
		if res, err = n.Erase(unhurried(t), store.EraseRequest{Channel: "c", Until: until, Limit: 250}); err != nil {
			t.Fatal(err)
		}
		steps++
		freed += res.Freed
	}
	took := time.Since(began)
	middle, most99, freeing := slowest()
	began = time.Now()
	each(entries, set(nil))
	close(stop)
	cleared := time.Since(began)
	_, _, clearing := slowest()
	t.Logf("%d messages in %d steps: %v; the first step holds Redis for %v, the others for %v (median), %v (of 99%%), %v (all)",
		freed, steps, took, begin, middle, most99, freeing)
	t.Logf("%d entries: %v; a command holds Redis for %v at the most; the longest ping took %v", entries, cleared, clearing, <-pings)
	if freed != messages || middle > most { // a machine that is busy makes single ones longer
		t.Errorf("%d messages are freed, and half of the steps hold Redis for more than %v, want %d, and %v", freed, middle, messages, most)
	}
}
