package outbox_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/outbox"
)

// What a relay holds in memory has a bound in bytes, whatever others insert.
func TestLargeRows(t *testing.T) {
	const mib = 1 << 20
	onEach(t, func(t *testing.T, d database) {
		db, h := d.open(t), &recorder{}
		batches := make(chan outbox.Batch, 100)
		box := d.outbox(t, db, outbox.Options{MaxDataSize: 2 * mib, Observe: func(b outbox.Batch) { batches <- b }})
		for range 4 {
			commit(t, db, func(tx *sql.Tx) error {
				for range 10 {
					if err := box.Publish(t.Context(), tx, hotsock.Message{Channel: "a", Event: "x", Data: strings.Repeat("x", mib)}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		long := 1
		if d.dialect == outbox.MySQL {
			long = 0 // It cannot have a longer one.
		} else {
			insert := `insert into hotsock_outbox (channel, kind, body) values ('a', 'publish', '{"event":"x","data":"` + strings.Repeat("x", 16*mib) + `"}')`
			if _, err := db.ExecContext(t.Context(), insert); err != nil {
				t.Fatal(err)
			}
		}
		run(t, box, db, h)
		done, aside := 0, 0
		for done < 40 || aside < long {
			b := <-batches
			if b.CarriedOut > 16 {
				t.Errorf("%d MiB in one batch", b.CarriedOut)
			}
			done += b.CarriedOut
			aside += b.SetAside
		}
		if long == 0 {
			return
		}
		if f := theFailed(t, box, db); f.Body != nil || !strings.Contains(f.Error, "longer than 16777216 bytes") {
			t.Errorf("%d bytes, %s", len(f.Body), f.Error)
		}
	})
}

// The store may be away for some channels only, such as those of one shard of a cluster.
func TestStoreAwayForSomeChannels(t *testing.T) {
	d := databases[0].make(t)
	db, h := d.open(t), &recorder{}
	h.fail = func(channel, _ string) error {
		if channel == "away" {
			return &hotsock.Error{Code: hotsock.CodeUnavailable}
		}
		return nil
	}
	box := d.outbox(t, db, outbox.Options{BatchSize: 10})
	numbers := make([]int, 50)
	publish(t, box, db, "away", numbers...)
	publish(t, box, db, "b", 1, 2, 3)
	run(t, box, db, h)
	wantDone(t, h, "b n 1", "b n 2", "b n 3")
	h.set(nil)
	await.That(t, "the others to be done", func() bool { return len(h.all()) == 3+len(numbers) })
}

// A heard is a log that tells of each line.
type heard chan string

func (h heard) Write(line []byte) (int, error) {
	select {
	case h <- string(line):
	default:
	}
	return len(line), nil
}

// A relay that could not let go of its partitions does so later: while it lives, nobody
// else can have them.
func TestReleaseFails(t *testing.T) {
	d := databases[0].make(t)
	db, h, log := d.open(t), &recorder{}, make(heard, 100)
	box := d.outbox(t, db, outbox.Options{Lease: time.Hour, Logger: slog.New(slog.NewTextHandler(log, nil))})
	exec := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec(`create trigger refuses before update on hotsock_outbox_leases when new.holder = '' begin select raise(abort, 'no release'); end`)
	run(t, box, db, h)
	publish(t, box, db, "a", 1)
	for line := range log {
		if strings.Contains(line, "no release") {
			break
		}
	}
	exec(`drop trigger refuses`)
	publish(t, box, db, "a", 2)
	wantDone(t, h, "a n 1", "a n 2")
}

// A migration that cannot be committed leaves no transaction open in the app's pool.
func TestMigrateCannotCommit(t *testing.T) {
	dsn := "file:" + t.TempDir() + "/app.db?_pragma=busy_timeout(20)"
	d := database{outbox.SQLite, "sqlite", dsn, false}
	db, reader := d.open(t), d.open(t)
	db.SetMaxOpenConns(1)
	if _, err := reader.ExecContext(t.Context(), "create table t (n int); insert into t values (1), (2)"); err != nil {
		t.Fatal(err)
	}
	reading, err := reader.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := reading.QueryRowContext(t.Context(), "select max(n) from t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	box, err := outbox.New(d.dialect, outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Migrate(t.Context(), db); err == nil {
		t.Fatal("it has committed while somebody reads")
	}
	if err := reading.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := box.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
}

// The clock does not depend on the time zone of a session, which has an hour twice.
func TestClockOfMySQL(t *testing.T) {
	d := databases[2].make(t)
	db := d.open(t)
	box := d.outbox(t, db, outbox.Options{})
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// SYSTEM is the zone of the server, see dbtest.
	const summer, winter = 1792888200, 1792891800 // both 02:30 on the 25th of October 2026 in Berlin
	created := func(at int64) (ms int64) {
		t.Helper()
		for _, s := range []string{fmt.Sprintf("set timestamp = %d", at), "delete from hotsock_outbox"} {
			if _, err := c.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		if err := box.Publish(t.Context(), c, hotsock.Message{Channel: "a", Event: "x"}); err != nil {
			t.Fatal(err)
		}
		if err := c.QueryRowContext(t.Context(), "select created from hotsock_outbox").Scan(&ms); err != nil {
			t.Fatal(err)
		}
		return ms
	}
	for _, at := range []int64{summer, winter} {
		if got := created(at); got != at*1000 {
			t.Errorf("it was %d, and is %d", at*1000, got)
		}
	}
}
