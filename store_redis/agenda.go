package storeredis

import (
	"context"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// An agenda looks after the partitions: it removes what has expired, reports
// expired entries, fires schedules and sweeps dead nodes. Every node looks
// after all of them, and the scripts see to it that each thing is done once.
//
// A look tells when the next one is needed; a schedule that is due before that
// is told to all nodes over the bus. Should that get lost, there is a look in
// every period anyway.
type agenda struct {
	n     *node
	began time.Time

	mu   sync.Mutex
	next [partitions]time.Time
	wake chan struct{}
}

const (
	agendaBatch  = 100
	agendaPeriod = 5 * time.Second
	// agendaAgain is how long a node waits for another that is firing a schedule.
	agendaAgain = 10 * time.Millisecond
)

func newAgenda(n *node) *agenda {
	a := &agenda{n: n, began: time.Now(), wake: make(chan struct{}, 1)}
	for p := range a.next {
		a.next[p] = a.turn(p, a.began.Add(-1))
	}
	return a
}

// turn is when it is a partition's turn, next after a time. The turns are spread
// over the period, and stay so whatever looks there are in between.
func (a *agenda) turn(p int, after time.Time) time.Time {
	at := a.began.Add(agendaPeriod * time.Duration(p) / partitions)
	if d := after.Sub(at); d >= 0 {
		at = at.Add(d.Truncate(agendaPeriod) + agendaPeriod)
	}
	return at
}

// soon asks for a look at a partition in d, if none is to be had before.
func (a *agenda) soon(p int, d time.Duration) {
	at := time.Now().Add(d)
	a.mu.Lock()
	earlier := at.Before(a.next[p])
	if earlier {
		a.next[p] = at
	}
	a.mu.Unlock()
	if earlier {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// run looks at each partition when it is time, until the context ends.
func (a *agenda) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var g errgroup.Group
	g.SetLimit(32)
	for ctx.Err() == nil {
		due, wait := a.take(time.Now())
		for _, p := range due {
			g.Go(func() error {
				a.look(ctx, p)
				return nil
			})
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-a.wake:
		}
	}
	_ = g.Wait() // No error is returned.
}

// take returns the partitions to be looked at now, and how long to wait for the
// next one. Looks at partitions that are due within the same few milliseconds
// go together.
func (a *agenda) take(now time.Time) (due []int, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	wait = agendaPeriod
	for p, at := range a.next {
		if !at.After(now) {
			due = append(due, p)
			a.next[p] = a.turn(p, now)
			continue
		}
		wait = min(wait, at.Sub(now))
	}
	return due, max(wait, 5*time.Millisecond)
}

// look does what is due in a partition.
func (a *agenda) look(ctx context.Context, p int) {
	ctx, cancel := context.WithTimeout(ctx, max(a.n.o.NodeTimeout, 2*time.Second))
	defer cancel()
	n, k := a.n, &a.n.s.keys
	r, err := n.s.do(ctx, call{
		script: dueScript, part: p,
		keys: []any{k.visits(p), k.expired(p), k.schedules(p), k.scheduleBodies(p), k.leases(p)},
		args: []any{strconv.Itoa(agendaBatch)},
	})
	if err != nil {
		return
	}
	expired := r.record.int()
	nextSchedule, nextVisit, nextLapse := r.record.next(), r.record.next(), r.record.next()
	visits, err1 := r.list(0)
	schedules, err2 := r.list(1)
	lapsed, err3 := r.list(2)
	if r.record.bad || err1 != nil || err2 != nil || err3 != nil {
		n.s.log.Error("malformed reply", "script", dueScript.name)
		return
	}
	fires, again := n.s.sched.fire(ctx, n, p, schedules)
	for _, channel := range visits {
		n.clean(ctx, channel)
	}
	if expired > 0 || len(visits) > 0 {
		n.reportExpired(ctx, p)
	}
	if len(lapsed) > 0 {
		n.sweepDead(ctx, p, lapsed)
	}
	switch {
	case len(visits) == agendaBatch || (fires && len(schedules) == 2*agendaBatch):
		a.soon(p, 0)
	case fires:
		a.soonText(p, nextSchedule)
	}
	if again {
		a.soon(p, agendaAgain)
	}
	a.soonText(p, nextVisit)
	a.soonText(p, nextLapse)
}

// soonText asks for a look in a number of milliseconds; ” for none.
func (a *agenda) soonText(p int, wait string) {
	if ms, err := strconv.ParseInt(wait, 10, 64); err == nil {
		a.soon(p, time.Duration(min(ms, agendaPeriod.Milliseconds()))*time.Millisecond)
	}
}

// clean removes what has expired in a channel, some of it at a time.
func (n *node) clean(ctx context.Context, channel string) {
	ck := n.s.keys.channel(channel)
	for more := true; more; {
		r, err := n.s.do(ctx, n.channelCall(cleanScript, channel, ck, n.entryKeys(ck)))
		if err != nil {
			n.s.log.Debug("cleaning failed, trying again", "err", err)
			return
		}
		more = r.record.flag()
	}
}

// reportExpired takes the expired entries that are to be reported, some at a
// time.
func (n *node) reportExpired(ctx context.Context, p int) {
	for more := true; more && ctx.Err() == nil; {
		r, err := n.take(ctx, false, call{
			script: expiredScript, part: p, keys: []any{n.s.keys.expired(p)}, args: []any{strconv.Itoa(agendaBatch)},
		})
		if err != nil {
			return
		}
		taken, err := fields(r.record.rest)
		if err != nil {
			n.s.log.Error("malformed reply", "script", expiredScript.name)
		}
		for _, text := range taken {
			rec := record{rest: text}
			channel := rec.next()
			e, err := decodeEntry(channel, rec.rest)
			if rec.bad || err != nil {
				n.s.log.Error("malformed entry", "err", err)
				continue
			}
			n.report(partOf("channel", channel), func() { n.r.EntryExpired(*e) })
		}
		more = len(taken) == agendaBatch
	}
}
