package storeredis

import (
	"context"
	"math"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// pollBatch is how many partitions one pipeline asks about.
	pollBatch = 64
	// pollRound is what the times of polls are rounded to, so that they share
	// pipelines.
	pollRound = 100 * time.Millisecond
)

// poll finds out when partitions have something to be done, of those that are
// assigned to this node, and plans looks. It reads with plain commands: a script
// could not read several partitions of a cluster. What it reads may be stale, and
// is nothing but a reason to look.
func (a *agenda) poll(ctx context.Context, parts []int) {
	byMaster := make(map[string][]int)
	for _, p := range parts {
		if !a.n.heartbeat.maintains(p) && !a.n.heartbeat.firesIn(p) {
			continue
		}
		if addr, err := a.n.s.topo.master(ctx, p); err == nil {
			byMaster[addr] = append(byMaster[addr], p)
		}
	}
	for _, list := range byMaster {
		a.n.goRun(func() {
			for len(list) > 0 && ctx.Err() == nil {
				n := min(len(list), pollBatch)
				a.pollMaster(ctx, list[:n])
				list = list[n:]
			}
		})
	}
}

// pollMaster polls partitions of one master.
func (a *agenda) pollMaster(ctx context.Context, parts []int) {
	ctx, cancel := context.WithTimeout(ctx, agendaPeriod)
	defer cancel()
	type answer struct {
		expired                   *redis.IntCmd
		visits, schedules, lapses *redis.ZSliceCmd
	}
	answers, err := within(ctx, func() ([]answer, error) {
		client, err := a.n.s.topo.node(ctx, parts[0])
		if err != nil {
			return nil, err
		}
		k, pipe := &a.n.s.keys, client.Pipeline()
		answers := make([]answer, len(parts))
		for i, p := range parts {
			answers[i] = answer{
				expired:   pipe.LLen(ctx, k.expired(p)),
				visits:    pipe.ZRangeWithScores(ctx, k.visits(p), 0, 0),
				schedules: pipe.ZRangeWithScores(ctx, k.schedules(p), 0, 0),
				lapses:    pipe.ZRangeWithScores(ctx, k.leases(p), 0, 0),
			}
		}
		_, _ = pipe.Exec(ctx) // Each command has its own error.
		return answers, nil
	})
	if err != nil {
		return // The next poll tries again.
	}
	pl, err := a.n.s.topo.pipeliner(ctx, parts[0])
	if err != nil {
		return
	}
	now, known := pl.clock.server(time.Now())
	if !known {
		now = math.MaxInt64 // Everything may be due.
	}
	for i, p := range parts {
		got := answers[i]
		if a.n.heartbeat.firesIn(p) {
			a.planAt(a.soon, p, got.schedules, now)
		}
		if !a.n.heartbeat.maintains(p) {
			continue
		}
		if got.expired.Val() > 0 {
			a.soon(p, 0)
		}
		a.planAt(a.soon, p, got.visits, now)
		if first := got.lapses.Val(); len(first) > 0 && int64(first[0].Score) <= now {
			a.soon(p, 0)
		} else {
			a.planAt(func(p int, d time.Duration) {
				a.pollSoon(p, d.Truncate(pollRound)+pollRound)
			}, p, got.lapses, now)
		}
	}
}

// planAt plans for the time that is the score of the first element, if there is
// one.
func (a *agenda) planAt(plan func(int, time.Duration), p int, first *redis.ZSliceCmd, now int64) {
	if found := first.Val(); len(found) > 0 {
		ms := min(max(0, int64(found[0].Score)-now), agendaAhead.Milliseconds()+1)
		plan(p, time.Duration(ms)*time.Millisecond)
	}
}

// lookAtOtherMasters looks at one partition of each master of a cluster but that
// of the first partition, which proves that it accepts writes: sweepDead has to
// know for how long.
func (a *agenda) lookAtOtherMasters(ctx context.Context) {
	if !a.n.sharded {
		return
	}
	seen := make(map[string]bool)
	for p := range partitions {
		addr, err := a.n.s.topo.master(ctx, p)
		if err != nil || seen[addr] {
			continue
		}
		seen[addr] = true
		if p > 0 {
			a.soon(p, 0)
		}
	}
}
