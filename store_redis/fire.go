package storeredis

import (
	"context"
	"errors"
	"sync"

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

// fire carries out schedules that are due, given as id and body in turn. Other
// nodes try the same at the same time: the script lets one of them. It returns
// false if this node does not take part.
func (d *scheduler) fire(ctx context.Context, n *node, due []string) bool {
	f := d.of(n)
	if f == nil || !f.begin() {
		return false
	}
	defer f.busy.Done()
	var g errgroup.Group
	g.SetLimit(32)
	for i := 0; i+1 < len(due); i += 2 {
		g.Go(func() error {
			fired, err := d.fireOne(ctx, n, due[i], due[i+1])
			switch {
			case err == nil:
				f.report(fired)
			case !errors.Is(err, refusedNone) && ctx.Err() == nil:
				n.s.log.Warn("a schedule could not be fired yet", "id", due[i], "err", err)
			}
			return nil
		})
	}
	_ = g.Wait() // No error is returned.
	return true
}

func (d *scheduler) fireOne(ctx context.Context, n *node, id, body string) (store.Fired, error) {
	q, err := decodeSchedule(0, id, body)
	if err != nil {
		return store.Fired{}, err
	}
	ck := d.s.keys.channel(q.Channel())
	q.Group = groupOf(ck.part)
	fired := store.Fired{Schedule: q}
	own := d.scheduleKeys(ck.part, ck)
	if p := q.Publish; p != nil {
		// The keys of storage are not used, but keep the places of those after.
		keys := append(dedupKeys(ck, p), n.entryKeys(ck)[1:]...)
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
