package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/outbox"
	"github.com/hotsock-go/hotsock/outbox/pgxoutbox"
	"github.com/hotsock-go/hotsock/token"
)

// An app is what an app has anyway.
type app struct {
	db   *sql.DB
	pool *pgxpool.Pool
	rt   *hotsock.Handler
	box  *outbox.Outbox
}

// ship ships an order and says so, both or neither.
func (a *app) ship(ctx context.Context, order int) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing, once it is committed
	if _, err := tx.ExecContext(ctx, "update orders set state = 'shipped' where id = ?", order); err != nil {
		return err
	}
	if err := a.box.Publish(ctx, tx, hotsock.Message{
		Channel: fmt.Sprintf("order.%d", order), Event: "shipped", Store: time.Hour,
	}); err != nil {
		return err
	}
	return tx.Commit()
}

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	key := token.SigningKey{Algorithm: token.HS256, Secret: []byte("a secret of at least 32 bytes ...")}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}})
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()

	db, err := sql.Open("sqlite", filepath.Join(dir, "app.db")+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_txlock=immediate")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	box, err := outbox.New(outbox.SQLite, outbox.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := box.Migrate(ctx, db); err != nil {
		log.Fatal(err)
	}
	// Until the app ends.
	running, stop := context.WithCancel(ctx)
	var relay sync.WaitGroup
	relay.Go(func() {
		if err := box.Run(running, db, rt); err != nil {
			slog.Error("the outbox has no relay", "error", err)
		}
	})

	if _, err := db.ExecContext(ctx, "create table orders (id integer primary key, state text); insert into orders (id) values (7)"); err != nil {
		log.Fatal(err)
	}
	a := &app{db: db, rt: rt, box: box}
	if err := a.ship(ctx, 7); err != nil {
		log.Fatal(err)
	}
	for {
		page, err := rt.History(ctx, hotsock.HistoryQuery{Channel: "order.7"})
		if err != nil {
			log.Fatal(err)
		}
		if len(page.Items) > 0 {
			fmt.Println(page.Items[0].Event)
			break
		}
	}
	stop()
	relay.Wait()
	// Output: shipped
}

// start makes the outbox of an app that has a pool of pgx, and runs a relay until ctx
// ends. It returns what waits for the relay.
func (a *app) start(ctx context.Context) (wait func(), err error) {
	db := stdlib.OpenDBFromPool(a.pool)
	if a.box, err = outbox.New(outbox.Postgres, outbox.Options{Listen: pgxoutbox.Listen}); err != nil {
		return nil, err
	}
	if err := a.box.Migrate(ctx, db); err != nil {
		return nil, err
	}
	var relay sync.WaitGroup
	relay.Go(func() {
		defer db.Close()
		if err := a.box.Run(ctx, db, a.rt); err != nil {
			slog.Error("the outbox has no relay", "error", err)
		}
	})
	return relay.Wait, nil
}

func (a *app) shipWithPgx(ctx context.Context, order int) error {
	return pgx.BeginFunc(ctx, a.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "update orders set state = 'shipped' where id = $1", order); err != nil {
			return err
		}
		return a.box.Publish(ctx, pgxoutbox.Tx(tx), hotsock.Message{
			Channel: fmt.Sprintf("order.%d", order), Event: "shipped", Store: time.Hour,
		})
	})
}

func ExampleOutbox_Publish_pgx() { //nolint:testableexamples // it is not run
	a := &app{} // with a pool of pgx
	ctx, stop := context.WithCancel(context.Background())
	wait, err := a.start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := a.shipWithPgx(ctx, 7); err != nil {
		log.Fatal(err)
	}
	stop()
	wait()
}

func ExampleOutbox_SetStorage() { //nolint:testableexamples // it is not run
	var box *outbox.Outbox
	var tx *sql.Tx
	ctx := context.Background()

	// An entry, a message for later, and an erasure.
	err := box.SetStorage(ctx, tx, hotsock.Entry{Channel: "order.7", Key: "state", Data: "shipped"})
	if err != nil {
		log.Fatal(err)
	}
	err = box.Publish(ctx, tx, hotsock.Message{Channel: "order.7", Event: "howWasIt", At: time.Now().Add(48 * time.Hour)})
	if err != nil {
		log.Fatal(err)
	}
	err = box.EraseUser(ctx, tx, "order.7", "jim")
	if err != nil {
		log.Fatal(err)
	}
}

func ExampleOutbox_Failed() { //nolint:testableexamples // it is not run
	var box *outbox.Outbox
	var db *sql.DB
	ctx := context.Background()

	page, err := box.Failed(ctx, db, outbox.FailedQuery{})
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range page.Items {
		fmt.Println(row.ID, row.Channel, string(row.Body), row.Error)
	}

	// When what was wrong is mended:
	for _, row := range page.Items {
		if _, err := box.Retry(ctx, db, row.ID); err != nil {
			log.Fatal(err)
		}
	}
}

func ExampleOptions_observe() { //nolint:testableexamples // it is not run
	_, err := outbox.New(outbox.Postgres, outbox.Options{
		Observe: func(b outbox.Batch) {
			slog.Info("outbox", "carriedOut", b.CarriedOut, "duplicates", b.Duplicates, "setAside", b.SetAside,
				"left", b.Left, "oldest", b.Oldest, "error", b.Err)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
}
