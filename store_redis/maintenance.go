package storeredis

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A maintenance does what is due in the partitions that are assigned to this node: it
// removes what has expired and members whose grace is over, reports expired entries,
// fires schedules and sweeps dead nodes. Others may do the same at the same time; the scripts see to it
// that each thing is done once.
//
// In every period it reads when the partitions have something to be done
// (maintenance_poll.go), and does it then. Each time it learns when the partition is
// due next; of a schedule or the end of a grace that is due before that, the node is
// told on its control topic.
type maintenance struct {
	n *node

	mu sync.Mutex
	// due and polls are when each partition is maintained and polled next; a zero time
	// is never.
	due, polls [partitions]time.Time
	running    [partitions]bool
	// hasSome is whether a partition had anything when it was polled last.
	hasSome [partitions]atomic.Bool
	slots   *masterSlots
	wake    chan struct{}
}

const (
	// maintenanceBatch is how many channels, entries or members one script reads.
	maintenanceBatch = 100
	// maintenancePeriod is how often a partition is polled at least.
	maintenancePeriod = 5 * time.Second
	// maintenanceAhead is how far ahead is planned. What is later, a poll finds.
	maintenanceAhead = 2 * maintenancePeriod
	// maintenanceSlots is how many partitions of one master are maintained at a time.
	// What others ask of it waits for no more than that.
	maintenanceSlots = 8
)

func newMaintenance(n *node) *maintenance {
	m := &maintenance{n: n, slots: newMasterSlots(n.s.topo, maintenanceSlots), wake: make(chan struct{}, 1)}
	for p := range m.polls {
		m.polls[p] = time.Now().Add(maintenancePeriod)
	}
	return m
}

// dueIn has a partition maintained in d, if it is not before.
func (m *maintenance) dueIn(p int, d time.Duration) {
	if d <= maintenanceAhead {
		m.plan(&m.due[p], d)
	}
}

// pollIn has a partition polled in d, if it is not before.
func (m *maintenance) pollIn(p int, d time.Duration) { m.plan(&m.polls[p], d) }

func (m *maintenance) plan(next *time.Time, d time.Duration) {
	at := time.Now().Add(d)
	m.mu.Lock()
	earlier := next.IsZero() || at.Before(*next)
	if earlier {
		*next = at
	}
	m.mu.Unlock()
	if earlier {
		m.wakeUp()
	}
}

func (m *maintenance) wakeUp() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run does what is planned when it is time, until the context ends.
func (m *maintenance) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var wg sync.WaitGroup
	for ctx.Err() == nil {
		due, polls, wait := m.take(time.Now())
		for _, p := range due {
			wg.Go(func() { m.maintainInSlot(ctx, p) })
		}
		if len(polls) > 0 {
			wg.Go(func() { m.poll(ctx, polls) })
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-m.wake:
		}
	}
	wg.Wait()
}

// take returns the partitions to be maintained and polled now, and how long to
// wait for the next one. Those that are due within the same few milliseconds go
// together.
func (m *maintenance) take(now time.Time) (due, polls []int, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	wait = maintenancePeriod
	for p := range partitions {
		switch at := m.due[p]; {
		case at.IsZero() || m.running[p]:
		case at.After(now):
			wait = min(wait, at.Sub(now))
		default:
			due = append(due, p)
			m.due[p], m.running[p] = time.Time{}, true
		}
		if at := m.polls[p]; at.After(now) {
			wait = min(wait, at.Sub(now))
			continue
		}
		m.polls[p] = now.Add(maintenancePeriod)
		polls = append(polls, p)
	}
	return due, polls, max(wait, 5*time.Millisecond)
}

// maintainInSlot maintains a partition when one of the slots of its master is free.
func (m *maintenance) maintainInSlot(ctx context.Context, p int) {
	defer func() {
		m.mu.Lock()
		m.running[p] = false
		m.mu.Unlock()
		m.wakeUp()
	}()
	release := m.slots.take(ctx, p)
	if release == nil {
		return
	}
	defer release()
	m.maintain(ctx, p)
}

// maintain does what is due in a partition.
func (m *maintenance) maintain(ctx context.Context, p int) {
	ctx, cancel := context.WithTimeout(ctx, max(m.n.o.NodeTimeout, 2*time.Second))
	defer cancel()
	n, k := m.n, &m.n.s.keys
	r, err := n.s.do(ctx, call{
		script: dueScript, part: p,
		keys: []any{k.dueChannels(p), k.expired(p), k.schedules(p), k.scheduleBodies(p), k.leases(p), k.lingering(p)},
		args: []any{strconv.Itoa(maintenanceBatch), strconv.Itoa(fireBatch), strconv.Itoa(fireBytes)},
	})
	if err != nil {
		return
	}
	expired := r.record.int()
	nextSchedule, nextChannel, nextLapse, nextMember := r.record.next(), r.record.next(), r.record.next(), r.record.next()
	dueChannels, err1 := r.list(0)
	schedules, err2 := r.list(1)
	lapsed, err3 := r.list(2)
	lingered, err4 := r.list(3)
	if r.record.bad || err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		n.s.log.Error("malformed reply", "script", dueScript.name)
		return
	}
	fires, again := n.s.sched.fire(ctx, n, p, schedules)
	for _, channel := range dueChannels {
		n.clean(ctx, channel)
	}
	if expired > 0 || len(dueChannels) > 0 {
		n.reportExpired(ctx, p)
	}
	n.removeMembers(ctx, p, lingered)
	if len(lapsed) > 0 {
		n.sweepDead(ctx, p, lapsed)
	}
	switch {
	case len(dueChannels) == maintenanceBatch || len(lingered) == maintenanceBatch:
		m.dueIn(p, 0)
	case again > 0:
		m.dueIn(p, again)
	case fires:
		m.dueInMillis(p, nextSchedule)
	}
	m.dueInMillis(p, nextChannel)
	m.dueInMillis(p, nextMember)
	if d, ok := waitOf(nextLapse); ok {
		m.pollIn(p, d)
	}
}

// dueInMillis has a partition maintained in a number of milliseconds; "" is none.
func (m *maintenance) dueInMillis(p int, wait string) {
	if d, ok := waitOf(wait); ok {
		m.dueIn(p, d)
	}
}

// waitOf reads a number of milliseconds; "" is none.
func waitOf(text string) (time.Duration, bool) {
	ms, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(min(ms, time.Hour.Milliseconds())) * time.Millisecond, err == nil
}
