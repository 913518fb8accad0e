package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// How a relay paces itself.
const (
	shortestPause = time.Millisecond // after a look that found nothing, each longer than the one before
	firstRetry    = 100 * time.Millisecond
	lastRetry     = 5 * time.Second // between tries while the store or the database is away

	busyRate  = 200                    // rows a second from which on nobody need be notified
	quietFor  = 2 * time.Second        // that nobody is notified
	quietLook = 10 * time.Millisecond  // between looks meanwhile
	quietMore = 500 * time.Millisecond // that a relay looks so often beyond that
)

// Run carries out rows until ctx ends, and returns nil then, when what it had begun is
// done: in the order of docs/outbox.md, each once within the handler's
// DeduplicationWindow. Call it on every node; they share the work. Let it return before
// the handler is shut down and the database closed.
//
// If the store is away, rows wait. What is refused for good is set aside, see
// [Outbox.Failed]. It returns an error only if the database cannot be used when it
// begins, because it is away or the migrations were not run; later it tries again.
func (o *Outbox) Run(ctx context.Context, db *sql.DB, h Handler) error {
	if err := o.checkSchema(ctx, db); err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it is stopped, whatever else
		}
		return err
	}
	r := &relay{o: o, db: db, h: h, news: make(chan struct{}, 1), held: make(map[string]hold)}
	var wg sync.WaitGroup
	if o.opts.Listen != nil {
		wg.Go(func() { r.listen(ctx) })
	}
	r.run(ctx)
	wg.Wait()
	return nil
}

// A relay is one Run.
type relay struct {
	o  *Outbox
	db *sql.DB
	h  Handler
	// news gets a value when the database says that there may be rows.
	news chan struct{}
	// held are channels that are not tried again yet.
	held map[string]hold
	// holder has leases, "" if it has none for sure.
	holder string
	// warned is when it was last said that some rows wait.
	warned time.Time

	// recent counts rows since the time, and quietUntil is until when nobody is notified.
	recent     int
	since      time.Time
	quietUntil time.Time
}

func (r *relay) run(ctx context.Context) {
	pause, retry := shortestPause, firstRetry
	for r.since = time.Now(); ctx.Err() == nil; {
		ended, err := r.turn(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.o.opts.Logger.WarnContext(ctx, "outbox: rows wait", "error", err, "retryIn", retry)
			r.wait(ctx, retry/2+rand.N(retry), false)
			retry = min(2*retry, lastRetry)
			continue
		case ended > 0:
			pause, retry = shortestPause, firstRetry
			r.count(ctx, ended)
			continue
		default:
			if r.wait(ctx, pause, true) {
				pause = shortestPause
				continue
			}
			pause = r.next(pause)
		}
		retry = firstRetry
	}
	if r.holder != "" {
		_ = r.release(ctx) // Otherwise the leases end by themselves.
	}
	r.notifyAgain(ctx)
}

// next returns the pause that follows another one.
func (r *relay) next(pause time.Duration) time.Duration {
	longest := r.o.opts.PollInterval
	if time.Now().Before(r.quietUntil) {
		longest = min(longest, quietLook)
	}
	return min(pause*3/2, longest)
}

// wait returns true if there were news before the time was over.
func (r *relay) wait(ctx context.Context, d time.Duration, news bool) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	var written, notified <-chan struct{}
	if news {
		written, notified = r.o.written, r.news
	}
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-written:
		return true
	case <-notified:
		return true
	}
	return false
}

// listen hears from the database until ctx ends.
func (r *relay) listen(ctx context.Context) {
	news := func() {
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
	for retry := firstRetry; ctx.Err() == nil; retry = min(2*retry, lastRetry) {
		began := time.Now()
		err := r.listenOnce(ctx, news)
		if ctx.Err() != nil {
			return
		}
		r.o.opts.Logger.WarnContext(ctx, "outbox: does not hear from the database", "error", err, "retryIn", retry)
		if time.Since(began) > lastRetry {
			retry = firstRetry
		}
		r.wait(ctx, retry/2+rand.N(retry), false)
	}
}

// listenOnce survives a panic of what the app has given.
func (r *relay) listenOnce(ctx context.Context, news func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return r.o.opts.Listen(ctx, r.db, news)
}

// count has nobody notified while many rows come: a relay that looks all the time
// needs no news, and COMMITs that notify wait for each other.
func (r *relay) count(ctx context.Context, ended int) {
	r.recent += ended
	now := time.Now()
	passed := now.Sub(r.since)
	if r.o.opts.Listen == nil || passed < time.Second/2 {
		return
	}
	busy := float64(r.recent) > busyRate*passed.Seconds()
	r.recent, r.since = 0, now
	if !busy || now.Before(r.quietUntil.Add(-quietFor/2)) {
		return
	}
	if r.setQuiet(ctx, quietFor) == nil {
		r.quietUntil = now.Add(quietFor + quietMore)
	}
}

// notifyAgain ends what count has begun.
func (r *relay) notifyAgain(ctx context.Context) {
	if time.Now().Before(r.quietUntil) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.opts.Lease)
		defer cancel()
		_ = r.setQuiet(ctx, -time.Millisecond) // Otherwise it ends soon by itself.
	}
}

func (r *relay) setQuiet(ctx context.Context, d time.Duration) error {
	_, err := r.db.ExecContext(ctx, r.o.dialect.bind(`update hotsock_outbox_leases set until = NOW + ? where part = -1`), d.Milliseconds())
	return err
}
