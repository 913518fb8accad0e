package storeredis

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// An agenda does what is due in the partitions that are assigned to this node: it
// removes what has expired, reports expired entries, fires schedules and sweeps
// dead nodes. Others may do the same at the same time; the scripts see to it
// that each thing is done once.
//
// In every period it reads when the partitions have something to be done (poll.go).
// Then it looks. A look tells when the next one is needed; of a schedule that is
// due before that, the node is told on its control topic.
type agenda struct {
	n *node

	mu sync.Mutex
	// looks and polls are when the next of each partition is; a zero time is never.
	looks, polls [partitions]time.Time
	looking      [partitions]bool
	slots        *masterSlots
	wake         chan struct{}
}

const (
	agendaBatch  = 100
	agendaPeriod = 5 * time.Second
	// agendaAhead is how far ahead looks are planned. What is later, a poll finds.
	agendaAhead = 2 * agendaPeriod
	// agendaLooks is how many looks at one master are under way at a time. What
	// others ask of it waits for no more than that.
	agendaLooks = 8
	// fireBatch and fireBytes bound what one script fires, so that the server does
	// nothing else for a millisecond or two, and not more.
	fireBatch = 64
	fireBytes = 256 << 10
	// laterAgain is how long a node waits for another that is firing a schedule.
	laterAgain = 10 * time.Millisecond
)

func newAgenda(n *node) *agenda {
	a := &agenda{n: n, slots: newMasterSlots(n.s.topo, agendaLooks), wake: make(chan struct{}, 1)}
	for p := range a.polls {
		a.polls[p] = time.Now().Add(agendaPeriod)
	}
	return a
}

// soon asks for a look at a partition in d, if none is to be had before.
func (a *agenda) soon(p int, d time.Duration) {
	if d <= agendaAhead {
		a.plan(&a.looks[p], d)
	}
}

// pollSoon asks for a poll of a partition in d, if none is to be had before.
func (a *agenda) pollSoon(p int, d time.Duration) { a.plan(&a.polls[p], d) }

func (a *agenda) plan(next *time.Time, d time.Duration) {
	at := time.Now().Add(d)
	a.mu.Lock()
	earlier := next.IsZero() || at.Before(*next)
	if earlier {
		*next = at
	}
	a.mu.Unlock()
	if earlier {
		a.awake()
	}
}

func (a *agenda) awake() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run does what is planned when it is time, until the context ends.
func (a *agenda) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var wg sync.WaitGroup
	for ctx.Err() == nil {
		looks, polls, wait := a.take(time.Now())
		for _, p := range looks {
			wg.Go(func() { a.lookInTurn(ctx, p) })
		}
		if len(polls) > 0 {
			wg.Go(func() { a.poll(ctx, polls) })
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-a.wake:
		}
	}
	wg.Wait()
}

// take returns the partitions to be looked at and polled now, and how long to
// wait for the next one. Those that are due within the same few milliseconds go
// together.
func (a *agenda) take(now time.Time) (looks, polls []int, wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	wait = agendaPeriod
	for p := range partitions {
		switch at := a.looks[p]; {
		case at.IsZero() || a.looking[p]:
		case at.After(now):
			wait = min(wait, at.Sub(now))
		default:
			looks = append(looks, p)
			a.looks[p], a.looking[p] = time.Time{}, true
		}
		if at := a.polls[p]; at.After(now) {
			wait = min(wait, at.Sub(now))
			continue
		}
		a.polls[p] = now.Add(agendaPeriod)
		polls = append(polls, p)
	}
	return looks, polls, max(wait, 5*time.Millisecond)
}

// lookInTurn looks when fewer than agendaLooks are under way at that master.
func (a *agenda) lookInTurn(ctx context.Context, p int) {
	defer func() {
		a.mu.Lock()
		a.looking[p] = false
		a.mu.Unlock()
		a.awake()
	}()
	release := a.slots.take(ctx, p)
	if release == nil {
		return
	}
	defer release()
	a.look(ctx, p)
}

// look does what is due in a partition.
func (a *agenda) look(ctx context.Context, p int) {
	ctx, cancel := context.WithTimeout(ctx, max(a.n.o.NodeTimeout, 2*time.Second))
	defer cancel()
	n, k := a.n, &a.n.s.keys
	r, err := n.s.do(ctx, call{
		script: dueScript, part: p,
		keys: []any{k.visits(p), k.expired(p), k.schedules(p), k.scheduleBodies(p), k.leases(p)},
		args: []any{strconv.Itoa(agendaBatch), strconv.Itoa(fireBatch), strconv.Itoa(fireBytes)},
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
	case len(visits) == agendaBatch:
		a.soon(p, 0)
	case again > 0:
		a.soon(p, again)
	case fires:
		a.soonText(p, nextSchedule)
	}
	a.soonText(p, nextVisit)
	if d, ok := waitOf(nextLapse); ok {
		a.pollSoon(p, d)
	}
}

// soonText asks for a look in a number of milliseconds; "" for none.
func (a *agenda) soonText(p int, wait string) {
	if d, ok := waitOf(wait); ok {
		a.soon(p, d)
	}
}

// waitOf reads a number of milliseconds; "" is none.
func waitOf(text string) (time.Duration, bool) {
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(min(ms, time.Hour.Milliseconds())) * time.Millisecond, err == nil
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
			script: expiredScript, part: p, keys: []any{n.s.keys.expired(p)}, args: []any{strconv.Itoa(agendaBatch), strconv.Itoa(readBytes)},
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
			n.report(partOf(channel), func() { n.r.EntryExpired(*e) })
		}
		more = len(taken) > 0
	}
}
