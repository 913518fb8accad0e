package outbox_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/hotsock-go/hotsock/outbox"
	"github.com/hotsock-go/hotsock/outbox/internal/dbtest"
	"github.com/hotsock-go/hotsock/outbox/pgxoutbox"
)

func TestMain(m *testing.M) {
	if appMain() {
		return
	}
	code := m.Run()
	dbtest.Stop() // before the look, which would find what waits for them
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// A database is one that a test has for itself.
type database struct {
	dialect     outbox.Dialect
	driver, dsn string
	// listen says that its relays are woken.
	listen bool
}

var databases = []struct {
	name string
	make func(t testing.TB) database
}{
	{"SQLite", func(t testing.TB) database {
		dsn := "file:" + filepath.Join(t.TempDir(), "app.db") + "?_pragma=busy_timeout(20000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)&_txlock=immediate"
		return database{outbox.SQLite, "sqlite", dsn, false}
	}},
	{"PostgreSQL", func(t testing.TB) database { return database{outbox.Postgres, "pgx", dbtest.Postgres(t), true} }},
	{"MariaDB", func(t testing.TB) database { return database{outbox.MySQL, "mysql", dbtest.MariaDB(t), false} }},
}

// onEach runs a test on each database.
func onEach(t *testing.T, test func(t *testing.T, d database)) {
	for _, each := range databases {
		t.Run(each.name, func(t *testing.T) {
			t.Parallel()
			test(t, each.make(t))
		})
	}
}

// open opens the database as one node does.
func (d database) open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// outbox returns a node's outbox, with the tables made.
func (d database) outbox(t testing.TB, db *sql.DB, o outbox.Options) *outbox.Outbox {
	t.Helper()
	if d.listen {
		o.Listen = pgxoutbox.Listen
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	box, err := outbox.New(d.dialect, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return box
}
