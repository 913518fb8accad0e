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
// assigned to this node, and plans their maintenance. It reads with plain commands: a script
// could not read several partitions of a cluster. What it reads may be stale, and
// is no more than a reason to maintain them.
func (m *maintenance) poll(ctx context.Context, parts []int) {
	byMaster := make(map[string][]int)
	for _, p := range parts {
		if !m.n.heartbeat.removesMembers(p) && !m.n.heartbeat.firesIn(p) {
			continue
		}
		if addr, err := m.n.s.topo.master(ctx, p); err == nil {
			byMaster[addr] = append(byMaster[addr], p)
		}
	}
	for _, list := range byMaster {
		m.n.goRun(func() {
			for len(list) > 0 && ctx.Err() == nil {
				n := min(len(list), pollBatch)
				m.pollMaster(ctx, list[:n])
				list = list[n:]
			}
		})
	}
}

// pollMaster polls partitions of one master.
func (m *maintenance) pollMaster(ctx context.Context, parts []int) {
	ctx, cancel := context.WithTimeout(ctx, maintenancePeriod)
	defer cancel()
	type answer struct {
		expired                                   *redis.IntCmd
		dueChannels, schedules, lapses, lingering *redis.ZSliceCmd
	}
	answers, err := within(ctx, func() ([]answer, error) {
		client, err := m.n.s.topo.node(ctx, parts[0])
		if err != nil {
			return nil, err
		}
		k, pipe := &m.n.s.keys, client.Pipeline()
		answers := make([]answer, len(parts))
		for i, p := range parts {
			answers[i] = answer{
				expired:     pipe.LLen(ctx, k.expired(p)),
				dueChannels: pipe.ZRangeWithScores(ctx, k.dueChannels(p), 0, 0),
				schedules:   pipe.ZRangeWithScores(ctx, k.schedules(p), 0, 0),
				lapses:      pipe.ZRangeWithScores(ctx, k.leases(p), 0, 0),
				lingering:   pipe.ZRangeWithScores(ctx, k.lingering(p), 0, 0),
			}
		}
		_, _ = pipe.Exec(ctx) // Each command has its own error.
		return answers, nil
	})
	if err != nil {
		return // The next poll tries again.
	}
	pl, err := m.n.s.topo.pipeliner(ctx, parts[0])
	if err != nil {
		return
	}
	now, known := pl.clock.server(time.Now())
	if !known {
		now = math.MaxInt64 // Everything may be due.
	}
	for i, p := range parts {
		got := answers[i]
		if m.n.heartbeat.firesIn(p) {
			m.planAt(m.dueIn, p, got.schedules, now)
		}
		if m.n.heartbeat.removesMembers(p) {
			m.planAt(m.dueIn, p, got.lingering, now)
		}
		if !m.n.heartbeat.maintains(p) {
			continue
		}
		if got.expired.Val() > 0 {
			m.dueIn(p, 0)
		}
		m.planAt(m.dueIn, p, got.dueChannels, now)
		if first := got.lapses.Val(); len(first) > 0 && int64(first[0].Score) <= now {
			m.dueIn(p, 0)
		} else {
			m.planAt(func(p int, d time.Duration) {
				m.pollIn(p, d.Truncate(pollRound)+pollRound)
			}, p, got.lapses, now)
		}
	}
}

// planAt plans for the time that is the score of the first element, if there is
// one.
func (m *maintenance) planAt(plan func(int, time.Duration), p int, first *redis.ZSliceCmd, now int64) {
	if found := first.Val(); len(found) > 0 {
		ms := min(max(0, int64(found[0].Score)-now), maintenanceAhead.Milliseconds()+1)
		plan(p, time.Duration(ms)*time.Millisecond)
	}
}

// maintainEveryMaster has one partition of each master of a cluster maintained, but
// that of the first partition, which proves that it accepts writes: sweepDead has to
// know for how long.
func (m *maintenance) maintainEveryMaster(ctx context.Context) {
	if !m.n.sharded {
		return
	}
	seen := make(map[string]bool)
	for p := range partitions {
		addr, err := m.n.s.topo.master(ctx, p)
		if err != nil || seen[addr] {
			continue
		}
		seen[addr] = true
		if p > 0 {
			m.dueIn(p, 0)
		}
	}
}
