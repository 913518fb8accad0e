package outbox

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"
)

// A Dialect is the SQL of a database.
type Dialect int

// The dialects.
const (
	Postgres Dialect = iota + 1 // PostgreSQL 13 or later, with any driver
	MySQL                       // MySQL 8.0.13 or later, and MariaDB 10.6 or later
	SQLite                      // SQLite 3.35 or later
)

var dialects = map[Dialect]*dialect{Postgres: &postgres, MySQL: &mySQL, SQLite: &sqlite}

// A dialect is what differs between databases. All queries are single statements
// that need no transaction around them, so that none is open while a relay waits
// for anything else.
type dialect struct {
	folder string // of migrations
	// now is an expression for the database's clock, in milliseconds since 1970.
	now string
	// soon is a condition that is true, and makes the transaction not wait for the disk: what
	// a relay writes may be lost with the server, and then happens once more.
	soon string
	// placeholder of the nth argument, from 1.
	placeholder func(n int) string
	// claim takes a lease of up to most partitions that have waiting rows.
	claim func(ctx context.Context, d *dialect, db *sql.DB, holder string, lease time.Duration, most int) ([]claimed, error)
	// these are waiting rows, called o, after a DELETE FROM or FROM. They are found one by one, so
	// that nothing waits for rows that other transactions have inserted. %s is a list of ids.
	these string
	// body is that of a row, NULL if it is longer than a relay reads.
	body string
	// remove deletes them.
	remove string
	// lock calls do with a connection, and the migrations that were run, while no other
	// process does the same.
	lock func(ctx context.Context, db *sql.DB, do func(c *sql.Conn, done []int) error) error
	// run runs a migration, all or nothing where the database can.
	run func(ctx context.Context, c *sql.Conn, text string) error
}

// A claimed partition has who had it before, "" if it was released, and how long ago
// that lease ended.
type claimed struct {
	part   int
	before string
	ago    time.Duration
}

func numbered(n int) string { return "$" + strconv.Itoa(n) }

func questionMark(int) string { return "?" }

// bind replaces each ? of a query by the dialect's placeholders, NOW by its clock, and
// SOON by the condition.
func (d *dialect) bind(query string) string {
	query = strings.NewReplacer("NOW", d.now, "SOON", d.soon).Replace(query)
	var b strings.Builder
	for n := 1; ; n++ {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(d.placeholder(n))
		query = after
	}
}

// idList returns numbers for the parentheses of an IN. They are in the text of the
// query, because arrays differ between drivers.
func idList[T int | int64](ids []T) string {
	var b strings.Builder
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(int64(id), 10))
	}
	return b.String()
}

// collect reads all rows of a query.
func collect[T any](rows *sql.Rows, err error, scan func(*T) []any) ([]T, error) {
	all, _, err := collectUntil(rows, err, scan, func(*T) bool { return false })
	return all, err
}

// collectUntil reads rows of a query until one of them is enough, and tells whether there
// are more.
func collectUntil[T any](rows *sql.Rows, err error, scan func(*T) []any, enough func(*T) bool) (all []T, more bool, _ error) {
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for full := false; rows.Next(); {
		if full {
			return all, true, nil
		}
		var each T
		if err := rows.Scan(scan(&each)...); err != nil {
			return nil, false, err
		}
		all = append(all, each)
		full = enough(&each)
	}
	return all, false, rows.Err()
}

// inTx runs statements in a transaction of their own.
func inTx(ctx context.Context, db *sql.DB, do func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing, once it is committed
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// scanClaimed reads a partition that was claimed.
func scanClaimed(c *claimed) []any { return []any{&c.part, &c.before, (*milliseconds)(&c.ago)} }

// milliseconds is how databases keep durations.
type milliseconds time.Duration

// Scan implements [sql.Scanner].
func (m *milliseconds) Scan(v any) error {
	var n sql.Null[int64]
	err := n.Scan(v)
	*m = milliseconds(time.Duration(n.V) * time.Millisecond)
	return err
}
