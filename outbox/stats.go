package outbox

import (
	"context"
	"database/sql"
	"time"
)

// A Batch is what a relay did with rows that it read together.
type Batch struct {
	// CarriedOut counts rows that are gone: published, written, scheduled or erased.
	// Duplicates are those of them that had been published before, by a relay that
	// was killed before it could delete the row.
	CarriedOut, Duplicates int
	// SetAside counts rows that were refused.
	SetAside int
	// Left counts rows that have to be tried again.
	Left int
	// Oldest is how long the oldest row had waited when it was read, from its INSERT.
	Oldest time.Duration
	// Duration is from then until the last row was carried out.
	Duration time.Duration
	// Err is why rows are left, nil if it is only because Run is to return.
	Err error
}

// observe tells the app of a batch. A panic is logged.
func (r *relay) observe(b *batch, err error) {
	if r.o.opts.Observe == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			r.o.opts.Logger.Error("outbox: Observe panicked", "panic", p)
		}
	}()
	out := Batch{
		CarriedOut: len(b.done), Duplicates: b.duplicates, SetAside: len(b.refused),
		Duration: time.Since(b.began), Err: b.away,
	}
	if err != nil { // then all of them are there still
		out.CarriedOut, out.SetAside, out.Err = 0, 0, err
	}
	for _, f := range b.unclear {
		if out.Err == nil {
			out.Err = f.err
		}
	}
	out.Left = len(b.rows) - out.CarriedOut - out.SetAside
	for i := range b.rows {
		out.Oldest = max(out.Oldest, b.rows[i].age)
	}
	r.o.opts.Observe(out)
}

// Stats say how much there is in the tables.
type Stats struct {
	// Waiting rows, at most 10,000: then there may be more.
	Waiting int
	// OldestWaiting is how long the first of them has waited since its INSERT: alert if
	// it grows. It is 0 if none waits.
	OldestWaiting time.Duration
	// SetAside counts rows that were refused, at most 10,000: alert if there are any.
	SetAside int
}

// Stats asks the database. It is cheap enough for every few seconds.
func (o *Outbox) Stats(ctx context.Context, db *sql.DB) (Stats, error) {
	var s Stats
	err := db.QueryRowContext(ctx, o.dialect.bind(`select
		(select count(*) from (select 1 from hotsock_outbox limit ?) w),
		(select NOW - created from hotsock_outbox order by id limit 1),
		(select count(*) from (select 1 from hotsock_outbox_ended where failed = 1 limit ?) e)`), maxCounted, maxCounted).
		Scan(&s.Waiting, (*milliseconds)(&s.OldestWaiting), &s.SetAside)
	return s, err
}
