package outbox

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

//go:embed migrations
var migrations embed.FS

// Migrations returns the files of plain SQL that make the tables, for the app's own
// tool. Each is run once, in the order of their names; the number that a name begins
// with is recorded in hotsock_outbox_migrations by the file itself. PostgreSQL has
// 002_notify.sql, which only those need who set [Options].Listen.
func Migrations(d Dialect) (fs.FS, error) {
	known, ok := dialects[d]
	if !ok {
		return nil, fmt.Errorf("outbox: there is no dialect %d", d)
	}
	return fs.Sub(migrations, "migrations/"+known.folder)
}

// schemaVersion and notifyVersion are the numbers of the newest migration that a relay
// needs, and of the one that it needs to listen.
const schemaVersion, notifyVersion = 1, 2

// Migrate runs the migrations that were not run yet, for apps without a tool of their
// own. Those of several nodes may run at the same time. It does not drop anything,
// and needs the right to create tables; with Listen, also functions and triggers.
func (o *Outbox) Migrate(ctx context.Context, db *sql.DB) error {
	err := o.dialect.lock(ctx, db, func(c *sql.Conn, done []int) error {
		files, err := migrations.ReadDir("migrations/" + o.dialect.folder)
		if err != nil {
			return err
		}
		for _, f := range files {
			prefix, _, _ := strings.Cut(f.Name(), "_")
			number, err := strconv.Atoi(prefix)
			if err != nil {
				return err
			}
			if slices.Contains(done, number) || number == notifyVersion && o.opts.Listen == nil {
				continue
			}
			text, err := migrations.ReadFile("migrations/" + o.dialect.folder + "/" + f.Name())
			if err != nil {
				return err
			}
			if err := o.dialect.run(ctx, c, string(text)); err != nil {
				return fmt.Errorf("%s: %w", f.Name(), err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("outbox: migrating: %w", err)
	}
	return nil
}

// A querier is a database, or one connection of it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// applied returns the numbers of the migrations that were run.
func applied(ctx context.Context, q querier) ([]int, error) {
	rows, err := q.QueryContext(ctx, "select version from hotsock_outbox_migrations order by version")
	return collect(rows, err, func(n *int) []any { return []any{n} })
}

// checkSchema returns an error if a relay could not work.
func (o *Outbox) checkSchema(ctx context.Context, db *sql.DB) error {
	done, err := applied(ctx, db)
	switch {
	case err != nil:
		return fmt.Errorf("outbox: looking for the migrations that were run: %w", err)
	case !slices.Contains(done, schemaVersion):
		return errors.New("outbox: the tables are not those of this version: run Migrate")
	case o.opts.Listen != nil && !slices.Contains(done, notifyVersion):
		return errors.New("outbox: Options.Listen needs the migration 002_notify.sql: run Migrate with it")
	}
	return nil
}
