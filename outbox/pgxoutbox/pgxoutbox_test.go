package pgxoutbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/outbox"
	"github.com/hotsock-go/hotsock/outbox/internal/dbtest"
	"github.com/hotsock-go/hotsock/outbox/pgxoutbox"
)

func TestMain(m *testing.M) {
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

// counted is a handler that counts what is published.
type counted struct {
	outbox.Handler
	n atomic.Int64
}

func (c *counted) Publish(context.Context, hotsock.Message) (hotsock.PublishResult, error) {
	c.n.Add(1)
	return hotsock.PublishResult{}, nil
}

// TestPool is the way of an app that has a pool of pgx: a row in a pgx.Tx wakes a
// relay that would not look for an hour.
func TestPool(t *testing.T) {
	ctx := t.Context()
	pool, err := pgxpool.New(ctx, dbtest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	box, err := outbox.New(outbox.Postgres, outbox.Options{Listen: pgxoutbox.Listen, PollInterval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Migrate(ctx, db); err != nil {
		t.Fatal(err)
	}
	var h counted
	run, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- box.Run(run, db, &h) }()
	for n := range int64(20) {
		if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			return box.Publish(ctx, pgxoutbox.Tx(tx), hotsock.Message{Channel: "a", Event: "e"})
		}); err != nil {
			t.Fatal(err)
		}
		await.That(t, "a message", func() bool { return h.n.Load() == n+1 })
		await.Pass(time.Duration(n)*5*time.Millisecond, "the pauses of the relay get longer")
		if n == 10 { // the connection that listens is lost
			if _, err := pool.Exec(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen hotsock_outbox'"); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAnotherDriver(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := pgxoutbox.Listen(t.Context(), db, func() {}); err == nil {
		t.Error("it listens to SQLite")
	}
}

// While many rows come, transactions do not notify; when they end, they do again.
func TestNobodyIsNotifiedWhileRowsCome(t *testing.T) {
	ctx := t.Context()
	dsn := dbtest.Postgres(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	box, err := outbox.New(outbox.Postgres, outbox.Options{Listen: pgxoutbox.Listen})
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Migrate(ctx, db); err != nil {
		t.Fatal(err)
	}
	listener, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close(context.WithoutCancel(ctx))
	if _, err := listener.Exec(ctx, "listen hotsock_outbox"); err != nil {
		t.Fatal(err)
	}
	notified := func() bool {
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := listener.WaitForNotification(short)
		return err == nil
	}
	var h counted
	run, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- box.Run(run, db, &h) }()
	messages := make([]hotsock.Message, 50)
	for i := range messages {
		messages[i] = hotsock.Message{Channel: "a", Event: "e"}
	}
	var sent int64
	publish := func() {
		if err := box.Publish(ctx, db, messages...); err != nil {
			t.Fatal(err)
		}
		sent += int64(len(messages))
	}
	await.That(t, "silence", func() bool {
		publish()
		first := notified() // perhaps of rows before
		return !first && !notified()
	})
	publish()
	await.Within(t, 500*time.Millisecond, "rows to be found without notice", func() bool { return h.n.Load() == sent })
	await.That(t, "notices again", func() bool {
		if err := box.Publish(ctx, db, messages[0]); err != nil {
			t.Fatal(err)
		}
		return notified()
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
