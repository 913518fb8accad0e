package storeredis

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
)

// TestFullMemory fills the memory of a server. What needs memory is refused and
// leaves no trace; what reads or frees some goes on; nobody is declared dead;
// and everything works when there is memory again.
func TestFullMemory(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t, "--maxmemory", "30mb", "--maxmemory-policy", "noeviction")
	db := srv.Client()
	in, otherIn := newInbox(t), newInbox(t)
	n := joinAs(t, openAt(t, srv.Addr), in, testJoin)
	other := joinAs(t, openAt(t, srv.Addr), otherIn, testJoin)
	mustWatch(t, other, "c")
	d := startDeeds(t, n)
	otherIn.awaitIDs(d.ids, back)

	fillMemory(t, db)
	before := dataset(t, db, n.s.keys.prefix)
	for range 2 { // The second time is a caller that tries again.
		for _, row := range d.growing() {
			if err := row.do(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "OOM") {
				t.Errorf("%s: error %v, want that memory is short", row.what, err)
			}
		}
	}
	if diff := cmp.Diff(before, dataset(t, db, n.s.keys.prefix)); diff != "" {
		t.Errorf("what was refused left a trace (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(d.ids, otherIn.ids()); diff != "" {
		t.Errorf("what was refused was delivered (-want +got):\n%s", diff)
	}
	for _, row := range d.reading() {
		if err := row.do(unhurried(t)); err != nil {
			t.Errorf("%s: %v", row.what, err)
		}
	}
	if err := n.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ready: error %v, want that it is not", err)
	}
	await.Pass(2*testJoin.NodeTimeout+2*time.Second, "each node would take the other for dead by then if the leases were not renewed")
	for _, row := range d.freeing() {
		if err := row.do(unhurried(t)); err != nil {
			t.Errorf("%s: %v", row.what, err)
		}
	}
	if err := db.Set(t.Context(), "more", "v", 0).Err(); !redis.IsOOMError(err) {
		t.Fatalf("the memory is not full any more: %v", err)
	}

	freeMemory(t, db)
	if err := n.Ready(unhurried(t)); err != nil {
		t.Errorf("ready: %v", err)
	}
	for _, row := range d.growing() {
		if err := row.do(unhurried(t)); err != nil {
			t.Errorf("%s, when there is memory again: %v", row.what, err)
		}
	}
	for _, in := range []*inbox{in, otherIn} {
		in.mu.Lock()
		if len(in.ended) > 0 || in.rejoins > 0 || in.lost > 0 {
			t.Errorf("%d subscriptions ended, %d times to rejoin, %d losses", len(in.ended), in.rejoins, in.lost)
		}
		in.mu.Unlock()
	}
}

// TestFullMemoryGoesOn: schedules that were accepted fire, also behind one that
// cannot be read, and what has expired is removed, though memory is full.
func TestFullMemoryGoesOn(t *testing.T) {
	t.Parallel()
	ctx := unhurried(t)
	srv := redistest.StartServer(t, "--maxmemory", "30mb", "--maxmemory-policy", "noeviction")
	in := newInbox(t)
	n := joinAs(t, openAt(t, srv.Addr), in, testJoin)
	fired := make(chan store.Fired, 1)
	stop, err := n.s.Scheduler().Start(ctx, n, func(f store.Fired) { fired <- f })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	mustWatch(t, n, "c")
	mustPublish(t, n, store.PublishRequest{Channel: "short", Event: "e", Retention: store.Forever})
	mustPublish(t, n, store.PublishRequest{Channel: "short", Event: "e", Retention: 2 * time.Second})
	db := srv.Client()
	due := time.Now().Add(2 * time.Second)
	for i, id := range []ulid.ULID{ulid.Make(), ulid.Make()} {
		q := store.Schedule{
			ID: id, Due: due.Add(time.Duration(i) * time.Millisecond), Publish: &store.PublishRequest{Channel: "c", Event: "e"},
		}
		if _, err := n.s.Scheduler().Add(ctx, q); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			continue
		}
		if err := db.HSet(ctx, n.s.keys.scheduleBodies(n.s.keys.channel("c").part), id.String(), "unreadable").Err(); err != nil {
			t.Fatal(err)
		}
	}
	fillMemory(t, db)
	select {
	case f := <-fired:
		in.awaitIDs([]ulid.ULID{f.Publish.ID}, back)
	case <-time.After(2*time.Second + back):
		t.Error("the schedule did not fire")
	}
	ck := n.s.keys.channel("short")
	await.Within(t, maintenancePeriod+back, "one message to be left", func() bool {
		left, err := db.HLen(ctx, ck.bodies()).Result()
		return err == nil && left == 1
	})
	if err := db.Set(ctx, "more", "v", 0).Err(); !redis.IsOOMError(err) {
		t.Fatalf("the memory is not full any more: %v", err)
	}
}

// fillMemory makes the server's memory more than full: this command is one that
// may do so.
func fillMemory(t *testing.T, db *redis.Client) {
	t.Helper()
	if err := db.Do(t.Context(), "DEBUG", "POPULATE", 1000, "filler", 40_000).Err(); err != nil {
		t.Fatal(err)
	}
	if err := db.Set(t.Context(), "more", "v", 0).Err(); !redis.IsOOMError(err) {
		t.Fatalf("the memory is not full: %v", err)
	}
}

func freeMemory(t *testing.T, db *redis.Client) {
	t.Helper()
	keys, err := db.Keys(t.Context(), "filler:*").Result()
	if err == nil {
		err = db.Del(t.Context(), keys...).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// dataset returns a digest of each key with the prefix, but for leases, which
// change all the time.
func dataset(t *testing.T, db *redis.Client, prefix string) map[string]string {
	t.Helper()
	keys, err := db.Keys(t.Context(), prefix+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for _, key := range keys {
		if strings.HasSuffix(key, ":leases") {
			continue
		}
		digest, err := db.Do(t.Context(), "DEBUG", "DIGEST-VALUE", key).StringSlice()
		if err != nil {
			t.Fatal(err)
		}
		out[key] = digest[0]
	}
	return out
}
