package storeredis

import (
	"context"
	"strconv"

	"github.com/hotsock-go/hotsock/store"
	"golang.org/x/sync/errgroup"
)

// sweepBatch is how many subscriptions or connections one script removes.
const sweepBatch = 100

// sweep removes what an incarnation holds in a partition, if its lease has
// lapsed or it is leaving, and hands what ended to the report functions.
func (n *node) sweep(ctx context.Context, p int, inc string, leaving bool, ended func(store.SubscriptionEnd), closed func(store.Connection)) error {
	k := &n.s.keys
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Not by scans: what begins again each time finds nothing where much was removed.
		r, err := n.s.do(ctx, readCall(p,
			command{"SRANDMEMBER", k.owned(p, inc), strconv.Itoa(sweepBatch)},
			command{"HRANDFIELD", k.conns(p, inc), strconv.Itoa(sweepBatch)}))
		if err != nil {
			return err
		}
		channels, err := r.list(0)
		if err != nil {
			return err
		}
		conns, err := r.list(1)
		if err != nil {
			return err
		}
		if len(channels) == 0 && len(conns) == 0 {
			c := call{
				script: resignScript, part: p,
				keys: []any{k.leases(p), k.owned(p, inc), k.conns(p, inc)}, args: []any{inc, flag(leaving), k.control("")},
			}
			if p == home {
				c.keys = append(c.keys, k.firing())
			}
			_, err := n.s.do(ctx, c)
			return err
		}
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(16)
		for _, channel := range channels {
			g.Go(func() error { return n.sweepChannel(gctx, channel, inc, leaving, ended) })
		}
		if len(conns) > 0 {
			g.Go(func() error { return n.sweepConns(gctx, p, inc, leaving, conns, closed) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
}

func (n *node) sweepChannel(ctx context.Context, channel, inc string, leaving bool, ended func(store.SubscriptionEnd)) error {
	ck := n.s.keys.channel(channel)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		args := append([]any{strconv.Itoa(sweepBatch), flag(leaving)}, n.graceArgs(ck.part, n.o.Grace)...)
		r, err := n.take(ctx, leaving, n.memberCall(sweepScript, channel, ck, inc, n.o.MaxListedSize, args...))
		if err != nil {
			return err
		}
		more := r.record.flag()
		ends, err := decodeEnds(channel, r)
		if err != nil {
			return err
		}
		for i := range ends {
			ended(ends[i].SubscriptionEnd)
		}
		if !more {
			return nil
		}
	}
}

func (n *node) sweepConns(ctx context.Context, p int, inc string, leaving bool, ids []string, closed func(store.Connection)) error {
	k := &n.s.keys
	args := []any{inc, flag(!leaving)}
	for _, id := range ids {
		args = append(args, id)
	}
	r, err := n.take(ctx, leaving, call{
		script: disconnectScript, part: p, keys: []any{k.conns(p, inc), k.leases(p)}, args: args,
	})
	if err != nil {
		return err
	}
	for r.record.rest != "" {
		c := store.Connection{ID: r.record.next(), Info: r.record.bytes()}
		if r.record.bad {
			return errRecord
		}
		closed(c)
	}
	return nil
}

// take makes a call that removes what its caller reports: whoever gets no answer
// never does. So it may take longer than the work that it is a part of, unless
// the node leaves and reports nothing.
func (n *node) take(ctx context.Context, leaving bool, c call) (*reply, error) {
	if !leaving {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(n.ctx, maxTimeout)
		defer cancel()
	}
	return n.s.do(ctx, c)
}

// sweepDead sweeps incarnations whose lease has lapsed, and reports what ended.
func (n *node) sweepDead(ctx context.Context, p int, lapsed []string) {
	pl, err := n.s.topo.pipeliner(ctx, p)
	if err != nil || pl.clock.steadyFor(n.o.NodeTimeout/3) < n.o.NodeTimeout*2/3 {
		// The server may have been away or not have accepted writes, and living
		// nodes not have had the time to renew: a lease is renewed in every third
		// of its length.
		n.maintenance.dueIn(p, n.o.NodeTimeout/6)
		return
	}
	for _, inc := range lapsed {
		if n.leases.mine(p, inc) {
			continue
		}
		if p == 0 {
			n.s.log.Warn("a node is dead", "node", nodeOf(inc), "by", n.id)
		}
		err := n.sweep(ctx, p, inc, false, func(e store.SubscriptionEnd) {
			n.report(partOf(e.Channel), func() { n.r.SubscriptionEnded(e) })
		}, func(c store.Connection) {
			n.report(p, func() { n.r.ConnectionEnded(c) })
		})
		if err != nil && ctx.Err() == nil {
			n.s.log.Debug("sweep not finished, trying again", "err", err)
		}
	}
}

// report calls the receiver about a channel of a partition, one call at a time.
func (n *node) report(p int, call func()) {
	n.stripes[p].Lock()
	defer n.stripes[p].Unlock()
	call()
}
