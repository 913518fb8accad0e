package outbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	turnPartitions = 8           // that a relay takes at once, so that others find some
	longestTurn    = time.Second // after which others may take them
	mostHeld       = 200         // channels that a look leaves out
	// doubt is how long a lease may have ended before rows might come twice.
	doubt = 4 * time.Minute
)

// A row is one that waits.
type row struct {
	id                   int64
	version              int
	channel, kind, dedup string
	body                 sql.NullString // not valid if it is too long to be read
	age                  time.Duration
}

// turn takes partitions that have rows, carries these out, and lets go of the
// partitions. It returns how many rows are gone from the table, and an error if
// some others cannot be tried again at once.
func (r *relay) turn(ctx context.Context) (ended int, err error) {
	// What is begun is finished, also if ctx ends.
	work, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.opts.Lease)
	defer cancel()
	// The lease began later than this, by the database's clock.
	if r.holder != "" { // The database was away, and nobody else can have these partitions.
		if err := r.release(ctx); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	r.holder = rand.Text()
	parts, err := r.o.dialect.claim(work, r.o.dialect, r.db, r.holder, r.o.opts.Lease, turnPartitions)
	if err != nil {
		return 0, err // It may have taken some nevertheless.
	}
	if len(parts) == 0 {
		r.holder = ""
		return 0, nil
	}
	defer func() { err = errors.Join(err, r.release(ctx)) }()
	numbers := make([]int, len(parts))
	for i, p := range parts {
		numbers[i] = p.part
		if p.before != "" && p.ago > doubt {
			r.o.opts.Logger.WarnContext(ctx, "outbox: no relay was there for so long that messages may come twice",
				"away", p.ago, "partition", p.part, "atMost", r.o.opts.BatchSize)
		}
	}
	stop := began.Add(min(r.o.opts.Lease/2, longestTurn))
	for ctx.Err() == nil && time.Now().Before(stop) {
		rows, more, err := r.waiting(work, numbers)
		if err != nil || len(rows) == 0 {
			return ended, err
		}
		b := r.carryOut(ctx, rows, began.Add(r.o.opts.Lease/2))
		done, err := r.end(work, b)
		ended += done
		r.observe(b, err)
		if done == 0 {
			err = errors.Join(err, b.away)
		} else if b.away != nil {
			r.warn(ctx, b.away)
		}
		if err != nil || !more {
			return ended, err
		}
	}
	return ended, nil
}

// warn says that rows wait for the store while others go on, seldom.
func (r *relay) warn(ctx context.Context, away error) {
	if now := time.Now(); now.Sub(r.warned) > lastRetry {
		r.warned = now
		r.o.opts.Logger.WarnContext(ctx, "outbox: rows of some channels wait", "error", away)
	}
}

// waiting reads the first rows of the partitions, those aside whose channels have to
// wait, and tells whether there may be more.
func (r *relay) waiting(ctx context.Context, parts []int) (all []row, more bool, err error) {
	query := `select id, version, channel, kind, ` + r.o.dialect.body + `, dedup, NOW - created from hotsock_outbox o where part in (?` +
		strings.Repeat(",?", turnPartitions-1) + `)`
	// Always the same statement, which drivers remember.
	var args []any
	for i := range turnPartitions {
		args = append(args, parts[min(i, len(parts)-1)])
	}
	if held := r.holding(); len(held) > 0 {
		query += ` and channel not in (?` + strings.Repeat(",?", len(held)-1) + `)`
		for _, channel := range held {
			args = append(args, channel)
		}
	}
	if r.o.opts.HoldBack {
		query += ` and not exists (select 1 from hotsock_outbox_ended e where e.failed = 1 and e.channel = o.channel)`
	}
	rows, err := r.db.QueryContext(ctx, r.o.dialect.bind(query+` order by id limit ?`), append(args, r.o.opts.BatchSize)...)
	size := 0
	all, more, err = collectUntil(rows, err, func(w *row) []any {
		return []any{&w.id, &w.version, &w.channel, &w.kind, &w.body, &w.dedup, (*milliseconds)(&w.age)}
	}, func(w *row) bool {
		size += len(w.body.String)
		return size >= maxRead
	})
	return all, more || len(all) == r.o.opts.BatchSize, err
}

// holding returns the channels that are not tried yet, and forgets the others.
func (r *relay) holding() (channels []string) {
	now := time.Now()
	for channel, h := range r.held {
		switch {
		case now.Before(h.until):
			channels = append(channels, channel)
		case now.After(h.until.Add(time.Minute)):
			delete(r.held, channel)
		}
	}
	return channels[:min(len(channels), mostHeld)]
}

// end removes rows that were carried out, and sets others aside.
func (r *relay) end(ctx context.Context, b *batch) (int, error) {
	gone := slices.Clone(b.done)
	if len(b.refused) == 0 && r.o.opts.Keep == 0 {
		return len(gone), r.remove(ctx, r.db, gone)
	}
	for id := range b.refused {
		gone = append(gone, id)
	}
	err := inTx(ctx, r.db, func(tx *sql.Tx) error {
		if r.o.opts.Keep > 0 {
			if err := r.keep(ctx, tx, b.done); err != nil {
				return err
			}
		}
		for id, why := range b.refused {
			text := strings.ToValidUTF8(why.Error(), "?")
			text = strings.ToValidUTF8(text[:min(len(text), maxError)], "")
			if _, err := tx.ExecContext(ctx, r.o.dialect.bind(moveToEnded+`NOW, 1, ? from hotsock_outbox o where id = ?`), text, id); err != nil {
				return err
			}
		}
		return r.remove(ctx, tx, gone)
	})
	if err != nil {
		return 0, err
	}
	for id, why := range b.refused {
		r.o.opts.Logger.ErrorContext(ctx, "outbox: a row is set aside", "id", id, "error", why)
	}
	return len(gone), nil
}

const moveToEnded = `insert into hotsock_outbox_ended (id, version, channel, kind, body, dedup, created, ended, failed, error)
	select o.id, o.version, o.channel, o.kind, o.body, o.dedup, o.created, `

// keep moves rows to those that were carried out, and discards old ones.
func (r *relay) keep(ctx context.Context, tx *sql.Tx, ids []int64) error {
	if len(ids) > 0 {
		if _, err := tx.ExecContext(ctx, r.o.dialect.bind(moveToEnded+`NOW, 0, '' from `+fmt.Sprintf(r.o.dialect.these, idList(ids)))); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, r.o.dialect.bind(`delete from hotsock_outbox_ended where failed = 0 and ended < NOW - ?`), r.o.opts.Keep.Milliseconds())
	return err
}

// remove deletes waiting rows. It does not look who has their partition: what was
// carried out has to go in any case.
func (r *relay) remove(ctx context.Context, tx Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, r.o.dialect.bind(r.o.dialect.remove+fmt.Sprintf(r.o.dialect.these, idList(ids))))
	return err
}

// release lets go of the partitions, unless somebody else has them because the lease
// was over.
func (r *relay) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.opts.Lease)
	defer cancel()
	_, err := r.db.ExecContext(ctx, r.o.dialect.bind(`update hotsock_outbox_leases set holder = '', until = 0 where holder = ? and SOON`), r.holder)
	if err == nil {
		r.holder = ""
	}
	return err
}
