package outbox_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/outbox"
	"github.com/hotsock-go/hotsock/outbox/pgxoutbox"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
	"github.com/hotsock-go/hotsock/token"
)

// An appConfig makes the test program an app that writes to its database, publishes with
// it, runs a relay, and kills itself.
type appConfig struct {
	Name        string
	Dialect     outbox.Dialect
	Driver, DSN string
	Redis       string
	// Kill is where it kills itself, the nth time: one of killPoints, "" for never.
	Kill  string
	After int64
}

// endsByItself is in the log of an app that has not killed itself.
const endsByItself = "the app ends"

const appEnv = "OUTBOX_TEST_APP"

// killPoints are where an app kills itself.
var killPoints = []string{"before COMMIT", "in COMMIT", "after COMMIT", "between publish and DELETE", "between DELETE and release"}

// lease is that of the apps, short so that others take over soon.
const lease = 300 * time.Millisecond

const (
	writers  = 3
	ordered  = 3 // channels whose transactions wait for each other
	unlocked = 2 // channels whose transactions do not
)

// A note is the data of a message, and a row of the ledger, in the same transaction.
type note struct {
	N      int64  `json:"n"` // on an ordered channel
	ID     string `json:"id"`
	Writer string `json:"writer"`
	Seq    int    `json:"seq"` // of the writer
}

const ledger = `create table ledger (id varchar(40) primary key, channel varchar(40) not null, n bigint not null, writer varchar(60) not null, seq int not null)`

// A mortal kills its process the nth time that it reaches a point.
type mortal struct {
	appConfig
	reached atomic.Int64
}

func (m *mortal) at(point string) {
	if m.Kill == point && m.reached.Add(1) == m.After {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// in kills at the point while something happens that takes a moment.
func (m *mortal) in(point string, do func() error) error {
	if m.Kill == point && m.reached.Add(1) == m.After {
		go func() {
			await.Pass(mathrand.N(time.Millisecond), "a part of what happens")
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}()
	}
	return do()
}

// appMain runs an app, if this process is to be one.
func appMain() bool {
	text := os.Getenv(appEnv)
	if text == "" {
		return false
	}
	m := &mortal{}
	if err := json.Unmarshal([]byte(text), &m.appConfig); err != nil {
		panic(err)
	}
	if err := m.run(context.Background()); err != nil {
		slog.Error(endsByItself, "error", err)
		os.Exit(1)
	}
	return true
}

// newHandler makes a node on the Redis.
func newHandler(addr string) (*hotsock.Handler, func(), error) {
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	st, err := storeredis.New(client, storeredis.Options{})
	if err != nil {
		return nil, nil, err
	}
	key := token.SigningKey{Algorithm: token.HS256, Secret: []byte("a secret of at least 32 bytes ...")}
	rt, err := hotsock.New(hotsock.Options{Keys: []hotsock.Key{key.Key()}, Store: st, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	return rt, func() {
		_ = rt.Close()
		_ = client.Close()
	}, nil
}

// newOutbox makes the outbox of an app in the trials.
func (c *appConfig) newOutbox(observe func(outbox.Batch)) (*outbox.Outbox, error) {
	o := outbox.Options{Lease: lease, PollInterval: 50 * time.Millisecond, BatchSize: 20, Observe: observe}
	if c.Dialect == outbox.Postgres {
		o.Listen = pgxoutbox.Listen
	}
	return outbox.New(c.Dialect, o)
}

func (m *mortal) run(ctx context.Context) error {
	rt, _, err := newHandler(m.Redis)
	for ; err != nil; rt, _, err = newHandler(m.Redis) {
		await.Pass(20*time.Millisecond, "Redis is away")
	}
	db, err := sql.Open(m.Driver, m.DSN)
	if err != nil {
		return err
	}
	box, err := m.newOutbox(func(outbox.Batch) { m.at("between DELETE and release") })
	if err != nil {
		return err
	}
	for w := range writers {
		go m.write(ctx, box, db, fmt.Sprintf("%s.%d", m.Name, w))
	}
	return box.Run(ctx, db, killer{rt, m})
}

// A killer is a handler whose process dies after a publish.
type killer struct {
	*hotsock.Handler
	m *mortal
}

func (k killer) Publish(ctx context.Context, msg hotsock.Message) (hotsock.PublishResult, error) {
	r, err := k.Handler.Publish(ctx, msg)
	if err == nil {
		k.m.at("between publish and DELETE")
	}
	return r, err
}

// write makes transactions for ever. Those that fail have not been.
func (m *mortal) write(ctx context.Context, box *outbox.Outbox, db *sql.DB, writer string) {
	for seq := 0; ; seq++ {
		if err := m.transaction(ctx, box, db, note{ID: rand.Text(), Writer: writer, Seq: seq}); err != nil {
			slog.Warn("a transaction failed", "error", err)
		}
		await.Pass(2*time.Millisecond, "an app does other things, too")
	}
}

func (m *mortal) transaction(ctx context.Context, box *outbox.Outbox, db *sql.DB, n note) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	c := mathrand.IntN(ordered + unlocked)
	channel := fmt.Sprintf("channel%d", c)
	if c < ordered {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`update counters set n = n + 1 where c = %d`, c)); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, fmt.Sprintf(`select n from counters where c = %d`, c)).Scan(&n.N); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf(`insert into ledger (id, channel, n, writer, seq) values ('%s', '%s', %d, '%s', %d)`,
		n.ID, channel, n.N, n.Writer, n.Seq)); err != nil {
		return err
	}
	if err := box.Publish(ctx, tx, hotsock.Message{Channel: channel, Event: "note", Data: n, Store: 24 * time.Hour}); err != nil {
		return err
	}
	if mathrand.IntN(5) == 0 {
		return nil // it is rolled back
	}
	m.at("before COMMIT")
	if err := m.in("in COMMIT", tx.Commit); err != nil {
		return err
	}
	m.at("after COMMIT")
	return nil
}
