package outbox

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

var sqlite = dialect{
	folder: "sqlite",
	// unixepoch('subsec') would be shorter, and needs 3.42.
	now:         "cast(round((julianday('now') - 2440587.5) * 86400000) as integer)",
	soon:        "1 = 1",
	placeholder: questionMark,
	claim:       claimSQLite,
	these:       "hotsock_outbox as o where o.id in (%s)",
	body:        "case when length(cast(body as blob)) <= 16777216 then body end",
	remove:      "delete from ",
	lock:        lockSQLite,
	run:         runSQLite,
}

// claimSQLite looks before it writes: only one can write at a time, and most looks
// find nothing.
func claimSQLite(ctx context.Context, d *dialect, db *sql.DB, holder string, lease time.Duration, most int) ([]claimed, error) {
	rows, err := db.QueryContext(ctx, d.bind(`select part, holder, NOW - until from hotsock_outbox_leases f
		where part >= 0 and until < NOW and exists (select 1 from hotsock_outbox o where o.part = f.part)
		order by until limit ?`), most)
	free, err := collect(rows, err, scanClaimed)
	if err != nil || len(free) == 0 {
		return nil, err
	}
	parts := make([]int, len(free))
	before := make(map[int]claimed, len(free))
	for i, f := range free {
		parts[i], before[f.part] = f.part, f
	}
	rows, err = db.QueryContext(ctx, d.bind(`update hotsock_outbox_leases set holder = ?, until = NOW + ?
		where until < NOW and part in (`+idList(parts)+`) returning part`), holder, lease.Milliseconds())
	got, err := collect(rows, err, func(part *int) []any { return []any{part} })
	all := make([]claimed, len(got))
	for i, part := range got {
		all[i] = before[part]
	}
	return all, err
}

func lockSQLite(ctx context.Context, db *sql.DB, do func(c *sql.Conn, done []int) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.ExecContext(ctx, "begin immediate"); err != nil {
		return err
	}
	done, err := applied(ctx, c)
	if err != nil {
		done = nil // There is no table of them yet.
	}
	if err = do(c, done); err == nil {
		_, err = c.ExecContext(ctx, "commit")
	}
	if err != nil { // The app gets this connection again.
		_, rollback := c.ExecContext(context.WithoutCancel(ctx), "rollback")
		return errors.Join(err, rollback)
	}
	return nil
}

func runSQLite(ctx context.Context, c *sql.Conn, text string) error {
	_, err := c.ExecContext(ctx, text)
	return err
}
