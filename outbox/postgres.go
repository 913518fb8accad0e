package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

var postgres = dialect{
	folder:      "postgres",
	now:         "(extract(epoch from clock_timestamp()) * 1000)::bigint",
	soon:        "(select set_config('synchronous_commit', 'off', true)) is not null",
	placeholder: numbered,
	claim:       claimPostgres,
	these:       "hotsock_outbox as o where o.id in (%s) and SOON",
	body:        "case when octet_length(body::text) <= 16777216 then body end",
	remove:      "delete from ",
	lock:        lockPostgres,
	run:         runPostgres,
}

func claimPostgres(ctx context.Context, d *dialect, db *sql.DB, holder string, lease time.Duration, most int) ([]claimed, error) {
	rows, err := db.QueryContext(ctx, d.bind(`update hotsock_outbox_leases l set holder = ?, until = NOW + ?
		from (select part, holder, until from hotsock_outbox_leases f
			where part >= 0 and until < NOW and exists (select 1 from hotsock_outbox o where o.part = f.part)
			order by until limit ? for update skip locked) f
		where l.part = f.part and SOON returning l.part, f.holder, NOW - f.until`), holder, lease.Milliseconds(), most)
	return collect(rows, err, scanClaimed)
}

// migrationLock is the number of an advisory lock.
const migrationLock = 0x686f7473_6f636b6f // "hotsocko"

// lockPostgres does all in one transaction: a PgBouncer may give each its own session.
func lockPostgres(ctx context.Context, db *sql.DB, do func(c *sql.Conn, done []int) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.ExecContext(ctx, "begin isolation level read committed"); err != nil {
		return err
	}
	if err = doLocked(ctx, c, do); err == nil {
		_, err = c.ExecContext(ctx, "commit")
	}
	if err != nil { // The app gets this connection again.
		_, rollback := c.ExecContext(context.WithoutCancel(ctx), "rollback")
		return errors.Join(err, rollback)
	}
	return nil
}

func doLocked(ctx context.Context, c *sql.Conn, do func(c *sql.Conn, done []int) error) error {
	if _, err := c.ExecContext(ctx, fmt.Sprintf("select pg_advisory_xact_lock(%d)", int64(migrationLock))); err != nil {
		return err
	}
	var exists bool
	if err := c.QueryRowContext(ctx, "select to_regclass('hotsock_outbox_migrations') is not null").Scan(&exists); err != nil {
		return err
	}
	var done []int
	if exists {
		var err error
		if done, err = applied(ctx, c); err != nil {
			return err
		}
	}
	return do(c, done)
}

// runPostgres sends all statements at once.
func runPostgres(ctx context.Context, c *sql.Conn, text string) error {
	_, err := c.ExecContext(ctx, text)
	return err
}
