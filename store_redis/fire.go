package storeredis

import (
	"context"
	"errors"

	"github.com/hotsock-go/hotsock/store"
	"golang.org/x/sync/errgroup"
)

// fire carries out schedules that are due, given as id and body in turn. Other
// nodes try the same at the same time: the script lets one of them. It returns
// false if this node does not take part.
func (d *scheduler) fire(ctx context.Context, n *node, due []string) bool {
	f := d.of(n)
	if f == nil {
		return false
	}
	f.mu.Lock()
	if f.stopped {
		f.mu.Unlock()
		return false
	}
	f.busy.Add(1)
	f.mu.Unlock()
	defer f.busy.Done()
	var g errgroup.Group
	g.SetLimit(32)
	for i := 0; i+1 < len(due); i += 2 {
		g.Go(func() error {
			fired, err := d.fireOne(ctx, n, due[i], due[i+1])
			switch {
			case err == nil:
				f.mu.Lock()
				defer f.mu.Unlock()
				f.fired(fired)
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
