// Package pgxoutbox is what an outbox needs of pgx, the driver of PostgreSQL: rows
// written with a pgx.Tx, and relays that the database wakes up.
package pgxoutbox

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/hotsock-go/hotsock/outbox"
)

// An Execer is a [pgx.Tx], or a pool or connection within a transaction.
type Execer interface {
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
}

var _ Execer = pgx.Tx(nil)

// Tx lets an outbox write into a transaction of pgx.
func Tx(tx Execer) outbox.Tx { return execer{tx} }

type execer struct{ tx Execer }

func (e execer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	tag, err := e.tx.Exec(ctx, query, args...)
	return driver.RowsAffected(tag.RowsAffected()), err
}

// alive is how long a connection is silent until it is asked whether it is alive.
const alive = 30 * time.Second

// Listen is the [outbox.Options].Listen for a database that was opened with the pgx
// driver, or by stdlib.OpenDBFromPool. It takes one connection of the pool for itself, and
// closes it in the end. Behind a PgBouncer that pools transactions it hears nothing: leave
// it out there.
func Listen(ctx context.Context, db *sql.DB, news func()) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var failure error
	err = c.Raw(func(driverConn any) error {
		pc, ok := driverConn.(*stdlib.Conn)
		if !ok {
			failure = fmt.Errorf("pgxoutbox: the database was opened with %T, not with pgx", driverConn)
			return nil
		}
		failure = listen(ctx, pc.Conn(), news)
		return driver.ErrBadConn // so that it does not listen for the next one
	})
	if failure == nil {
		failure = err
	}
	return failure
}

func listen(ctx context.Context, c *pgx.Conn, news func()) error {
	if _, err := c.Exec(ctx, "listen hotsock_outbox"); err != nil {
		return err
	}
	news() // of what came before
	for {
		silent, cancel := context.WithTimeout(ctx, alive)
		_, err := c.WaitForNotification(silent)
		cancel()
		switch {
		case err == nil:
			news()
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			if err := ping(ctx, c); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// ping tells whether the server answers: a network may drop a silent connection without a
// word.
func ping(ctx context.Context, c *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, alive)
	defer cancel()
	return c.Ping(ctx)
}
