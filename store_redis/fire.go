package storeredis

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"golang.org/x/sync/errgroup"
)

// A firing is a node's part in firing schedules.
type firing struct {
	fired func(store.Fired)

	mu      sync.Mutex
	stopped bool
	// queue is what is to be reported; reporting is true while a goroutine does.
	queue     []store.Fired
	reporting bool
	// busy counts looks at schedules, and the goroutine that reports.
	busy sync.WaitGroup
}

// begin reports whether the node takes part still; then busy.Done is owed.
func (f *firing) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped {
		f.busy.Add(1)
	}
	return !f.stopped
}

func (f *firing) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.busy.Wait()
}

// report calls fired, one call at a time, and keeps nobody waiting for it. The
// caller has begun.
func (f *firing) report(one store.Fired) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, one)
	if f.reporting {
		return
	}
	f.reporting = true
	f.busy.Go(func() {
		for {
			f.mu.Lock()
			if len(f.queue) == 0 {
				f.reporting = false
				f.mu.Unlock()
				return
			}
			next := f.queue[0]
			f.queue = f.queue[1:]
			f.mu.Unlock()
			f.fired(next)
		}
	})
}

// A dueSchedule is one that is to be fired, and its body.
type dueSchedule struct {
	*store.Schedule
	body string
}

// fire carries out schedules of a partition that are due, given as id and body in
// turn, in their order. Other nodes try the same at the same time: the script lets one of
// them, and keeps the order of each channel. It returns false if this node does
// not take part, and whether some had to wait for what another node is firing.
func (d *scheduler) fire(ctx context.Context, n *node, p int, due []string) (takesPart, again bool) {
	f := d.of(n)
	if f == nil || !f.begin() {
		return false, false
	}
	defer f.busy.Done()
	channels := make(map[string][]dueSchedule)
	for i := 0; i+1 < len(due); i += 2 {
		q, err := decodeSchedule(p, due[i], due[i+1])
		if err != nil {
			d.putOff(ctx, p, due[i], due[i+1], err)
			continue
		}
		channels[q.Channel()] = append(channels[q.Channel()], dueSchedule{q, due[i+1]})
	}
	var g errgroup.Group
	g.SetLimit(32)
	var later atomic.Bool
	for _, list := range channels {
		g.Go(func() error {
			if d.fireInTurn(ctx, n, f, list) {
				later.Store(true)
			}
			return nil
		})
	}
	_ = g.Wait() // No error is returned.
	return true, later.Load()
}

// unreadableAgain is when a schedule that could not be read is tried again: a
// node of another version may be able to.
const unreadableAgain = time.Minute

// putOff makes a schedule that cannot be read due later, so that it holds up no
// others. The node that does so tells of it.
func (d *scheduler) putOff(ctx context.Context, p int, id, body string, why error) {
	_, err := d.s.do(ctx, call{
		script: putOffScript, part: p, keys: []any{d.s.keys.schedules(p), d.s.keys.scheduleBodies(p)},
		args: []any{id, body, decimal(millis(unreadableAgain))},
	})
	switch {
	case err == nil:
		d.s.log.Error("malformed schedule, put off", "group", groupOf(p), "id", id, "err", why)
	case !errors.Is(err, refusedNone) && ctx.Err() == nil:
		d.s.log.Warn("a malformed schedule could not be put off yet", "group", groupOf(p), "id", id, "err", err)
	}
}

// fireInTurn fires schedules of one channel. It returns true if it has stopped
// because another node is firing one that comes before.
func (d *scheduler) fireInTurn(ctx context.Context, n *node, f *firing, list []dueSchedule) (later bool) {
	for _, q := range list {
		fired, err := d.fireOne(ctx, n, q)
		switch {
		case err == nil:
			f.report(fired)
		case errors.Is(err, refusedLater):
			return true
		case !errors.Is(err, refusedNone):
			if ctx.Err() == nil {
				n.s.log.Warn("a schedule could not be fired yet", "id", q.ID, "err", err)
			}
			return false
		}
	}
	return false
}

func (d *scheduler) fireOne(ctx context.Context, n *node, q dueSchedule) (store.Fired, error) {
	ck := d.s.keys.channel(q.Channel())
	fired := store.Fired{Schedule: q.Schedule}
	id, body := q.ID.String(), q.body
	own := d.scheduleKeys(ck.part, ck)
	if p := q.Publish; p != nil {
		// The keys of storage are not used, but keep the places of those after.
		keys := append([]any{ck.dedup(p.DedupID)}, n.entryKeys(ck)[1:]...)
		r, err := d.s.do(ctx, n.channelCall(firePublishScript, p.Channel, ck, append(keys, own...),
			append(publishArgs(p), id, body)...))
		if err != nil {
			return fired, err
		}
		fired.Publish, err = publishResult(r)
		return fired, err
	}
	r, err := d.s.do(ctx, n.channelCall(fireSetScript, q.Set.Channel, ck, append(n.entryKeys(ck), own...),
		append(setArgs(q.Set), id, body)...))
	if err != nil {
		return fired, err
	}
	fired.Set, err = setResult(q.Set, r)
	return fired, err
}
