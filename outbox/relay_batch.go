package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock"
)

const (
	atOnce      = 64              // channels of a batch that are at work
	mostAway    = 8               // of them that find the store away, until the others wait too
	awayFor     = 2 * time.Second // that such a channel is left out
	mostTries   = 5               // of a row that fails for no known reason
	erasureWait = 2 * time.Second // for the end of an erasure, which goes on by itself
)

// A hold says until when a channel is not tried, because its first row failed so
// often.
type hold struct {
	id    int64
	tries int
	until time.Time
}

// A batch is what became of rows that were read together.
type batch struct {
	rows   []row
	began  time.Time
	stopAt time.Time

	mu         sync.Mutex
	done       []int64
	duplicates int
	refused    map[int64]error
	// unclear are rows that failed for no known reason, by their channels.
	unclear map[string]failed
	// away is why the store could not be asked for what waits, the first rows of channels.
	away  error
	waits map[string]int64
}

type failed struct {
	id  int64
	err error
}

// carryOut carries out rows, those of one channel one after the other.
func (r *relay) carryOut(ctx context.Context, rows []row, stopAt time.Time) *batch {
	b := &batch{rows: rows, began: time.Now(), stopAt: stopAt, refused: make(map[int64]error), unclear: make(map[string]failed), waits: make(map[string]int64)}
	var order []string
	channels := make(map[string][]row)
	for _, w := range rows {
		if channels[w.channel] == nil {
			order = append(order, w.channel)
		}
		channels[w.channel] = append(channels[w.channel], w)
	}
	work := make(chan []row)
	var wg sync.WaitGroup
	for range min(atOnce, len(order)) {
		wg.Go(func() {
			for channel := range work {
				r.carryOutChannel(ctx, b, channel)
			}
		})
	}
	for _, channel := range order {
		work <- channels[channel]
	}
	close(work)
	wg.Wait()
	r.judge(b)
	return b
}

// carryOutChannel stops at the first row that has to be tried again.
func (r *relay) carryOutChannel(ctx context.Context, b *batch, rows []row) {
	for i := range rows {
		if ctx.Err() != nil || time.Now().After(b.stopAt) || !b.goesOn() {
			return
		}
		duplicate, err := r.carryOutRow(context.WithoutCancel(ctx), &rows[i])
		if !b.note(&rows[i], duplicate, err) || err != nil && r.o.opts.HoldBack {
			return
		}
	}
}

func (b *batch) goesOn() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waits) < mostAway
}

// note notes what became of a row, and returns whether the next one may follow.
func (b *batch) note(w *row, duplicate bool, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		b.done = append(b.done, w.id)
		if duplicate {
			b.duplicates++
		}
		return true
	}
	e, known := errors.AsType[*hotsock.Error](err)
	switch {
	case !known || e.Code == hotsock.CodeInternal:
		b.unclear[w.channel] = failed{w.id, err}
		return false
	case e.Code == hotsock.CodeUnavailable || e.Code == hotsock.CodeRateLimited:
		b.away = err
		b.waits[w.channel] = w.id
		return false
	}
	b.refused[w.id] = err
	return true
}

// judge sets aside what failed too often for no known reason, and has the channels of
// the others wait, each time for longer. Channels that the store is away for wait, too:
// it may be there for others, whose rows come later.
func (r *relay) judge(b *batch) {
	for channel, f := range b.unclear {
		h := r.held[channel]
		if h.id != f.id {
			h = hold{id: f.id}
		}
		h.tries++
		if h.tries >= mostTries {
			b.refused[f.id] = f.err
			delete(r.held, channel)
			continue
		}
		h.until = time.Now().Add(firstRetry << h.tries)
		r.held[channel] = h
	}
	for channel, id := range b.waits {
		h := r.held[channel]
		if h.id != id {
			h = hold{id: id}
		}
		h.until = time.Now().Add(awayFor)
		r.held[channel] = h
	}
}

// carryOutRow does what a row says. A panic of the handler is an error.
func (r *relay) carryOutRow(ctx context.Context, w *row) (duplicate bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	if w.version > version {
		return false, invalid(fmt.Sprintf("the row is of version %d, this node knows %d: retry it when all nodes are of a newer one", w.version, version))
	}
	if !w.body.Valid {
		return false, invalid(fmt.Sprintf("the body is longer than %d bytes", maxBody))
	}
	b, err := decodeBody(w.body.String)
	if err != nil {
		return false, invalid("the body: " + err.Error())
	}
	switch w.kind {
	case kindPublish:
		result, err := r.h.Publish(ctx, b.message(w.channel, w.dedup))
		return result.Duplicate, err
	case kindSet:
		_, err = r.h.SetStorage(ctx, b.entry(w.channel))
		return false, err
	case kindErase:
		return false, r.erase(ctx, w.channel, &b)
	}
	return false, invalid(fmt.Sprintf("this node knows no rows of the kind %q", w.kind))
}

func (r *relay) erase(ctx context.Context, channel string, b *body) (err error) {
	ctx, cancel := context.WithTimeout(ctx, min(erasureWait, r.o.opts.Lease/4))
	defer cancel()
	switch b.Target {
	case hotsock.ErasedChannel:
		_, err = r.h.EraseChannel(ctx, channel)
	case hotsock.ErasedUser:
		_, err = r.h.EraseUser(ctx, channel, b.UID)
	case hotsock.ErasedStorage:
		_, err = r.h.EraseStorage(ctx, channel, b.Prefix)
	default:
		err = invalid(fmt.Sprintf("%q is no target of an erasure", b.Target))
	}
	return err
}
