package outbox

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

var postgres = dialect{
	folder:      "postgres",
	now:         "(extract(epoch from clock_timestamp()) * 1000)::bigint",
	soon:        "(select set_config('synchronous_commit', 'off', true)) is not null",
	placeholder: numbered,
	claim:       claimPostgres,
	these:       "hotsock_outbox as o where o.id in (%s) and SOON",
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

func lockPostgres(ctx context.Context, db *sql.DB, do func(c *sql.Conn) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.ExecContext(ctx, "select pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return err
	}
	err = do(c)
	_, unlock := c.ExecContext(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", int64(migrationLock))
	return errors.Join(err, unlock)
}

// runPostgres sends all statements at once, which makes one transaction of them.
func runPostgres(ctx context.Context, c *sql.Conn, text string) error {
	_, err := c.ExecContext(ctx, text)
	return err
}
