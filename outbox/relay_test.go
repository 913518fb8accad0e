package outbox_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/outbox"
)

func TestWhatCommitsIsDone(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db, h := d.open(t), &recorder{}
		box := d.outbox(t, db, outbox.Options{})
		run(t, box, db, h)
		commit(t, db, func(tx *sql.Tx) error {
			ctx := t.Context()
			return errors.Join(
				box.Publish(ctx, tx,
					hotsock.Message{Channel: "a", Event: "one", Data: map[string]int{"n": 1}},
					hotsock.Message{Channel: "a", Event: "two"}),
				box.SetStorage(ctx, tx, hotsock.Entry{Channel: "a", Key: "k", Data: "é\x00☃"}),
				box.EraseUser(ctx, tx, "a", "jim"),
				box.EraseStorage(ctx, tx, "a", "draft."),
				box.EraseChannel(ctx, tx, "a"),
			)
		})
		wantDone(t, h, `a one {"n":1}`, `a two null`, `a set k "é\u0000☃"`, "a erase user jim", "a erase storage draft.", "a erase")
		await.That(t, "no rows", func() bool {
			s, err := box.Stats(t.Context(), db)
			return err == nil && s == outbox.Stats{}
		})
	})
}

func TestWhatIsRolledBackIsNot(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db, h := d.open(t), &recorder{}
		box := d.outbox(t, db, outbox.Options{})
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := box.Publish(t.Context(), tx, hotsock.Message{Channel: "a", Event: "never"}); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		run(t, box, db, h)
		publish(t, box, db, "a", 1)
		wantDone(t, h, "a n 1")
	})
}

// A row with a lower id that commits later is neither lost, nor does it hold up others.
func TestLongTransactionHoldsNobodyUp(t *testing.T) {
	for _, keep := range []time.Duration{0, time.Hour} {
		t.Run(fmt.Sprint("keep ", keep), func(t *testing.T) { testLongTransaction(t, keep) })
	}
}

func testLongTransaction(t *testing.T, keep time.Duration) {
	const many = 50
	onEach(t, func(t *testing.T, d database) {
		if d.dialect == outbox.SQLite {
			t.Skip("only one transaction writes at a time")
		}
		db, h := d.open(t), &recorder{}
		box := d.outbox(t, db, outbox.Options{PollInterval: 20 * time.Millisecond, Keep: keep})
		long, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := box.Publish(t.Context(), long, hotsock.Message{Channel: "a", Event: "n", Data: 1}); err != nil {
			t.Fatal(err)
		}
		// Nearly all rows of the table, which a database may rather scan.
		for range many {
			publish(t, box, db, "b", 1, 1, 1)
		}
		publish(t, box, db, "a", 2)
		publish(t, box, db, "a", 3)
		run(t, box, db, h)
		await.That(t, "the rows to be deleted beside that one", func() bool {
			s, err := box.Stats(t.Context(), db)
			return err == nil && s.Waiting == 0
		})
		if err := long.Commit(); err != nil {
			t.Fatal(err)
		}
		await.That(t, "all to be done", func() bool { return len(h.all()) == 3*many+3 })
		done := slices.DeleteFunc(h.all(), func(line string) bool { return line[0] != 'a' })
		if !slices.Equal(done, []string{"a n 2", "a n 3", "a n 1"}) {
			t.Errorf("got %q", done)
		}
	})
}

// What had committed before another transaction wrote its row comes first, also if that
// one began earlier.
func TestOrderOfTransactionsThatWaitForEachOther(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		if d.dialect == outbox.SQLite {
			t.Skip("only one transaction writes at a time")
		}
		db, h := d.open(t), &recorder{}
		box := d.outbox(t, db, outbox.Options{BatchSize: 1})
		early, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := box.Publish(t.Context(), early, hotsock.Message{Channel: "b", Event: "n"}); err != nil { // it has its number
			t.Fatal(err)
		}
		publish(t, box, db, "a", 1)
		if err := box.Publish(t.Context(), early, hotsock.Message{Channel: "a", Event: "n", Data: 2}); err != nil {
			t.Fatal(err)
		}
		if err := early.Commit(); err != nil {
			t.Fatal(err)
		}
		run(t, box, db, h)
		await.That(t, "all to be done", func() bool { return len(h.all()) == 3 })
		got := strings.Join(h.all(), ",")
		if strings.Index(got, "a n 1") > strings.Index(got, "a n 2") {
			t.Errorf("got %s", got)
		}
	})
}

func TestStoreAway(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db, h := d.open(t), &recorder{}
		box := d.outbox(t, db, outbox.Options{})
		var tries atomic.Int32
		h.set(func(string, string) error {
			tries.Add(1)
			return &hotsock.Error{Code: hotsock.CodeUnavailable}
		})
		run(t, box, db, h)
		publish(t, box, db, "a", 1, 2)
		publish(t, box, db, "b", 1)
		await.That(t, "tries", func() bool { return tries.Load() >= 4 })
		s, err := box.Stats(t.Context(), db)
		if err != nil || s.Waiting != 3 || s.OldestWaiting <= 0 || s.OldestWaiting > time.Minute || s.SetAside != 0 {
			t.Errorf("%+v, %v", s, err)
		}
		h.set(nil)
		await.That(t, "all to be done", func() bool { return len(h.all()) == 3 })
		if got := strings.Join(h.all(), ","); strings.Index(got, "a n 1") > strings.Index(got, "a n 2") {
			t.Errorf("got %s", got)
		}
	})
}

func TestTwoRelaysKeepTheOrder(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db, h := d.open(t), &recorder{}
		box := d.outbox(t, db, outbox.Options{BatchSize: 7})
		const channels, messages = 5, 60
		for range 3 {
			other := d.open(t)
			run(t, d.outbox(t, other, outbox.Options{BatchSize: 7}), other, h)
		}
		for n := range messages {
			for c := range channels {
				publish(t, box, db, string(rune('a'+c)), n)
			}
		}
		await.That(t, "all to be done", func() bool { return len(h.all()) >= channels*messages })
		wantOrder(t, h.all(), channels, messages)
	})
}

// wantOrder wants messages 0 to n-1 of each channel, each once and in order.
func wantOrder(t testing.TB, done []string, channels, n int) {
	t.Helper()
	next := make(map[string]int)
	for _, line := range done {
		channel, rest, _ := strings.Cut(line, " n ")
		if rest != itoa(next[channel]) {
			t.Fatalf("channel %s: got %s, want %d", channel, rest, next[channel])
		}
		next[channel]++
	}
	if len(next) != channels || len(done) != channels*n {
		t.Errorf("%d channels, %d messages", len(next), len(done))
	}
}

func TestStopIsClean(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db := d.open(t)
		box := d.outbox(t, db, outbox.Options{Lease: time.Hour})
		begun, goOn := make(chan struct{}), make(chan struct{})
		h := &recorder{}
		h.set(func(_, what string) error {
			if what == "n 1" {
				close(begun)
				<-goOn
			}
			return nil
		})
		stop := run(t, box, db, h)
		publish(t, box, db, "a", 1, 2, 3)
		<-begun
		stopped := make(chan struct{})
		go func() { defer close(stopped); stop() }()
		await.While(t, 50*time.Millisecond, "Run to wait", func() bool {
			select {
			case <-stopped:
				return false
			default:
				return true
			}
		})
		close(goOn)
		<-stopped
		wantDone(t, h, "a n 1")
		// The lease of an hour was given back, and what was done is gone.
		run(t, box, db, h)
		wantDone(t, h, "a n 1", "a n 2", "a n 3")
	})
}
