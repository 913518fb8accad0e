package outbox

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
)

var mySQL = dialect{
	folder: "mysql",
	// unix_timestamp(now(3)) would be shorter, and depends on the time zone of the session.
	now:         "(timestampdiff(microsecond, '1970-01-01', utc_timestamp(3)) div 1000)",
	soon:        "1 = 1",
	placeholder: questionMark,
	claim:       claimMySQL,
	// With a plain list of ids, MySQL may scan the table, and wait for what it meets.
	these: `json_table('[%s]', '$[*]' columns (ref bigint path '$')) j
		straight_join hotsock_outbox o force index (primary) on o.id = j.ref`,
	body:   "body", // a MEDIUMTEXT has no more
	remove: "delete o from ",
	lock:   lockMySQL,
	run:    runMySQL,
}

// claimMySQL looks, takes, and looks what it got: an UPDATE of MySQL returns
// nothing.
func claimMySQL(ctx context.Context, d *dialect, db *sql.DB, holder string, lease time.Duration, most int) ([]claimed, error) {
	rows, err := db.QueryContext(ctx, d.bind(`select part, holder, NOW - until from hotsock_outbox_leases f
		where part >= 0 and until < NOW and exists (select 1 from hotsock_outbox o where o.part = f.part)
		order by until limit ?`), most)
	free, err := collect(rows, err, scanClaimed)
	if err != nil || len(free) == 0 {
		return nil, err
	}
	parts := make([]int, len(free))
	for i, f := range free {
		parts[i] = f.part
	}
	in := idList(parts)
	if _, err := db.ExecContext(ctx, d.bind(`update hotsock_outbox_leases set holder = ?, until = NOW + ?
		where until < NOW and part in (`+in+`)`), holder, lease.Milliseconds()); err != nil {
		return nil, err
	}
	//nolint:gosec // the parts are numbers
	rows, err = db.QueryContext(ctx, `select part from hotsock_outbox_leases where holder = ? and part in (`+in+`)`, holder)
	got, err := collect(rows, err, func(part *int) []any { return []any{part} })
	var all []claimed
	for _, f := range free {
		for _, part := range got {
			if f.part == part {
				all = append(all, f)
			}
		}
	}
	return all, err
}

func lockMySQL(ctx context.Context, db *sql.DB, do func(c *sql.Conn, done []int) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	var got sql.Null[int]
	if err := c.QueryRowContext(ctx, "select get_lock('hotsock_outbox', 60)").Scan(&got); err != nil {
		return err
	}
	if got.V != 1 {
		return errors.New("another process holds the lock hotsock_outbox")
	}
	done, err := applied(ctx, c)
	if err != nil {
		done = nil // There is no table of them yet.
	}
	err = do(c, done)
	_, unlock := c.ExecContext(context.WithoutCancel(ctx), "do release_lock('hotsock_outbox')")
	return errors.Join(err, unlock)
}

// runMySQL sends one statement after the other, since drivers may refuse several.
// They can be repeated: DDL is never rolled back.
func runMySQL(ctx context.Context, c *sql.Conn, text string) error {
	for statement := range strings.SplitSeq(text, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := c.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
