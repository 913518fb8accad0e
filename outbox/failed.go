package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/hotsock-go/hotsock"
)

// A FailedRow is one that was set aside, because the handler refused what it says, or
// failed five times for no known reason.
type FailedRow struct {
	ID      int64
	Channel string
	// Kind is "publish", "set" or "erase", and Body what is to be done, as
	// docs/outbox.md describes; nil if it is longer than 16 MiB.
	Kind string
	Body json.RawMessage
	// Error is why, at most 1 KiB of it.
	Error string
	// Written is when the row was inserted, and SetAside when it was refused, both by the
	// database's clock.
	Written, SetAside time.Time
}

// A FailedQuery selects a page of the rows that were set aside.
type FailedQuery struct {
	// After is the Next of the page before; "" for the first page.
	After string
	// Limit is 1 to 100. Defaults to 100. A page has fewer rows if their bodies have more
	// than 16 MiB together.
	Limit int
}

// Failed returns a page of the rows that were set aside, in the order of their ids.
// They stay until [Outbox.Retry] or [Outbox.Discard].
func (o *Outbox) Failed(ctx context.Context, db *sql.DB, q FailedQuery) (hotsock.Page[FailedRow], error) {
	if q.Limit == 0 {
		q.Limit = 100
	}
	var page hotsock.Page[FailedRow]
	after, err := strconv.ParseInt("0"+q.After, 10, 64)
	if err != nil || q.Limit < 1 || q.Limit > 100 {
		return page, invalid("After must be the Next of a page, and Limit 1 to 100")
	}
	rows, err := db.QueryContext(ctx, o.dialect.bind(`select id, channel, kind, `+o.dialect.body+`, error, created, ended from hotsock_outbox_ended
		where failed = 1 and id > ? order by id limit ?`), after, q.Limit+1)
	n, size := 0, 0
	items, more, err := collectUntil(rows, err, func(f *FailedRow) []any {
		return []any{&f.ID, &f.Channel, &f.Kind, (*[]byte)(&f.Body), &f.Error, (*instant)(&f.Written), (*instant)(&f.SetAside)}
	}, func(f *FailedRow) bool {
		n++
		size += len(f.Body)
		return n == q.Limit || size >= maxRead
	})
	page.Items = items
	if more {
		page.Next = strconv.FormatInt(items[n-1].ID, 10)
	}
	return page, err
}

// Retry has up to 1000 rows that were set aside tried again, and returns how many there
// were. They have their place in the order again, before rows of their channel that
// wait.
func (o *Outbox) Retry(ctx context.Context, db *sql.DB, ids ...int64) (int, error) {
	if len(ids) == 0 || len(ids) > maxIDs {
		return 0, checkIDs(ids)
	}
	n := 0
	err := inTx(ctx, db, func(tx *sql.Tx) error {
		//nolint:gosec // the ids are numbers
		if _, err := tx.ExecContext(ctx, `insert into hotsock_outbox (id, version, channel, kind, body, dedup, created)
			select id, version, channel, kind, body, dedup, created from hotsock_outbox_ended where failed = 1 and id in (`+idList(ids)+`)`); err != nil {
			return err
		}
		var err error
		n, err = discard(ctx, tx, ids)
		return err
	})
	return n, err
}

// Discard deletes up to 1000 rows that were set aside, and returns how many there were.
func (o *Outbox) Discard(ctx context.Context, db *sql.DB, ids ...int64) (int, error) {
	if len(ids) == 0 || len(ids) > maxIDs {
		return 0, checkIDs(ids)
	}
	return discard(ctx, db, ids)
}

func discard(ctx context.Context, tx Tx, ids []int64) (int, error) {
	result, err := tx.ExecContext(ctx, `delete from hotsock_outbox_ended where failed = 1 and id in (`+idList(ids)+`)`)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

func checkIDs(ids []int64) error {
	if len(ids) > maxIDs {
		return invalid(fmt.Sprintf("%d ids are more than %d", len(ids), maxIDs))
	}
	return nil
}

// instant is how databases keep times.
type instant time.Time

// Scan implements [sql.Scanner].
func (t *instant) Scan(v any) error {
	var n sql.Null[int64]
	err := n.Scan(v)
	*t = instant(time.UnixMilli(n.V))
	return err
}
