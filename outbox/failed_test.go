package outbox_test

import (
	"database/sql"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/outbox"
)

func TestRefusedRows(t *testing.T) {
	refuse := &hotsock.Error{Code: hotsock.CodePayloadTooLarge, Message: "too large \xff"}
	for _, row := range []struct {
		why      string
		holdBack bool
		first    []string // that are done before the retry
		then     []string
	}{
		{"later rows go on", false, []string{"a n 1", "a n 3"}, []string{"a n 2"}},
		{"they wait", true, []string{"a n 1"}, []string{"a n 2", "a n 3"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			onEach(t, func(t *testing.T, d database) {
				db, h := d.open(t), &recorder{}
				box := d.outbox(t, db, outbox.Options{HoldBack: row.holdBack, PollInterval: 20 * time.Millisecond})
				h.set(func(_, what string) error {
					if what == "n 2" {
						return refuse
					}
					return nil
				})
				run(t, box, db, h)
				publish(t, box, db, "a", 1, 2, 3)
				wantDone(t, h, row.first...)
				f := theFailed(t, box, db)
				if f.Channel != "a" || f.Kind != "publish" || string(f.Body) != `{"event":"n","data":2}` ||
					!strings.HasSuffix(f.Error, "too large ?") || f.SetAside.Before(f.Written) || time.Since(f.Written) > time.Minute {
					t.Errorf("got %+v", f)
				}
				h.set(nil)
				if n, err := box.Retry(t.Context(), db, f.ID, f.ID+1000); n != 1 || err != nil {
					t.Errorf("%d rows, %v", n, err)
				}
				wantDone(t, h, append(row.first, row.then...)...)
				if s, err := box.Stats(t.Context(), db); s.SetAside != 0 || err != nil {
					t.Errorf("%+v, %v", s, err)
				}
			})
		})
	}
}

// theFailed waits for the one row that is set aside.
func theFailed(t *testing.T, box *outbox.Outbox, db *sql.DB) outbox.FailedRow {
	t.Helper()
	var rows []outbox.FailedRow
	await.That(t, "a row that is set aside", func() bool {
		page, err := box.Failed(t.Context(), db, outbox.FailedQuery{})
		rows = page.Items
		return err != nil || len(rows) > 0
	})
	if len(rows) != 1 {
		t.Fatalf("got %+v", rows)
	}
	return rows[0]
}

// allFailed reads all pages, which are short.
func allFailed(t *testing.T, box *outbox.Outbox, db *sql.DB) (all []outbox.FailedRow) {
	t.Helper()
	for q := (outbox.FailedQuery{Limit: 2}); ; {
		page, err := box.Failed(t.Context(), db, q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Items...)
		if q.After = page.Next; q.After == "" {
			return all
		}
	}
}

func TestRowsThatNobodyUnderstands(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db, h := d.open(t), &recorder{}
		box := d.outbox(t, db, outbox.Options{})
		rows := []struct{ version, kind, body, want string }{
			{"2", "publish", `{"event":"x"}`, "version 2"},
			{"1", "dance", `{}`, `"dance"`},
			{"1", "publish", `{"event":"x","tempo":3}`, "tempo"},
			{"1", "publish", `[]`, "cannot unmarshal"},
			{"1", "erase", `{"target":"all"}`, `"all"`},
		}
		for _, r := range rows {
			if _, err := db.ExecContext(t.Context(), `insert into hotsock_outbox (version, channel, kind, body) values (`+
				r.version+`, 'a', '`+r.kind+`', '`+r.body+`')`); err != nil {
				t.Fatal(err)
			}
		}
		run(t, box, db, h)
		publish(t, box, db, "a", 1)
		wantDone(t, h, "a n 1")
		var all []outbox.FailedRow
		await.That(t, "the others to be set aside", func() bool {
			all = allFailed(t, box, db)
			return len(all) == len(rows)
		})
		var ids []int64
		for i, f := range all {
			ids = append(ids, f.ID)
			if !strings.Contains(f.Error, rows[i].want) {
				t.Errorf("%s %s: %s", f.Kind, f.Body, f.Error)
			}
		}
		if n, err := box.Discard(t.Context(), db, ids...); n != len(rows) || err != nil {
			t.Errorf("%d rows, %v", n, err)
		}
	})
}

// What fails for no known reason is tried a few times, holds up its channel meanwhile and
// no other, and is set aside.
func TestUnknownErrors(t *testing.T) {
	for why, failure := range map[string]func() error{
		"an error of no kind": func() error { return errors.New("hm") },
		"an internal one":     func() error { return &hotsock.Error{Code: hotsock.CodeInternal} },
		"a panic":             func() error { panic("hm") },
	} {
		t.Run(why, func(t *testing.T) {
			d := databases[0].make(t)
			db, h := d.open(t), &recorder{}
			box := d.outbox(t, db, outbox.Options{PollInterval: 20 * time.Millisecond})
			var tries atomic.Int32
			h.fail = func(channel, what string) error {
				if channel == "a" && what == "n 1" {
					tries.Add(1)
					h.mu.Unlock()
					defer h.mu.Lock()
					return failure()
				}
				return nil
			}
			run(t, box, db, h)
			publish(t, box, db, "a", 1, 2)
			publish(t, box, db, "b", 1)
			wantDone(t, h, "b n 1", "a n 2")
			if n := tries.Load(); n != 5 {
				t.Errorf("%d tries", n)
			}
			theFailed(t, box, db)
		})
	}
}

func TestKeep(t *testing.T) {
	onEach(t, func(t *testing.T, d database) {
		db, h := d.open(t), &recorder{}
		box := d.outbox(t, db, outbox.Options{Keep: 200 * time.Millisecond})
		run(t, box, db, h)
		kept := func() (n int) {
			if err := db.QueryRowContext(t.Context(), `select count(*) from hotsock_outbox_ended where failed = 0`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		publish(t, box, db, "a", 1, 2)
		await.That(t, "rows that are kept", func() bool { return kept() == 2 })
		await.Pass(250*time.Millisecond, "the rows get old")
		publish(t, box, db, "a", 3)
		await.That(t, "the old rows to go", func() bool { return kept() == 1 })
	})
}

func TestObserve(t *testing.T) {
	d := databases[0].make(t)
	db, h := d.open(t), &recorder{}
	batches := make(chan outbox.Batch, 100)
	box := d.outbox(t, db, outbox.Options{Observe: func(b outbox.Batch) {
		batches <- b
		panic("of the app")
	}})
	h.ids = map[string]bool{"atwice": true}
	h.set(func(channel, what string) error {
		switch {
		case what == "refused null":
			return &hotsock.Error{Code: hotsock.CodeInvalidRequest}
		case channel == "c":
			return &hotsock.Error{Code: hotsock.CodeUnavailable}
		}
		return nil
	})
	commit(t, db, func(tx *sql.Tx) error {
		return box.Publish(t.Context(), tx, hotsock.Message{Channel: "a", Event: "x", DeduplicationID: "twice"},
			hotsock.Message{Channel: "b", Event: "refused"}, hotsock.Message{Channel: "c", Event: "x"},
			hotsock.Message{Channel: "d", Event: "x"})
	})
	run(t, box, db, h)
	var sum outbox.Batch
	for sum.CarriedOut < 2 || sum.SetAside < 1 || sum.Left < 1 {
		b := <-batches
		if b.Oldest < 0 || b.Duration <= 0 || (b.Left > 0) != (b.Err != nil) {
			t.Errorf("got %+v", b)
		}
		sum.CarriedOut += b.CarriedOut
		sum.Duplicates += b.Duplicates
		sum.SetAside += b.SetAside
		sum.Left += b.Left
	}
	if sum.CarriedOut != 2 || sum.Duplicates != 1 || sum.SetAside != 1 {
		t.Errorf("got %+v", sum)
	}
}
