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
	found, err := within(ctx, func() (map[int]*polled, error) {
		client, err := m.n.s.topo.node(ctx, parts[0])
		if err != nil {
			return nil, err
		}
		return m.readPolled(ctx, client, parts), nil
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
	for p, got := range found {
		m.hasSome[p].Store(got.some())
		m.planPolled(p, got, now)
	}
}

// A polled is what a poll has read of a partition.
type polled struct {
	expired                                   *redis.IntCmd
	dueChannels, schedules, lapses, lingering *redis.ZSliceCmd
}

// some reports whether the partition has anything that is to be done at some time, or
// may have.
func (a *polled) some() bool {
	some := a.expired.Err() != nil || a.expired.Val() > 0
	for _, first := range []*redis.ZSliceCmd{a.dueChannels, a.schedules, a.lapses, a.lingering} {
		some = some || first.Err() != nil || len(first.Val()) > 0
	}
	return some
}

// readPolled reads partitions that have something. Most of an installation that does
// little have nothing: of those that had nothing the last time it asks first whether
// they have, with one command for all of them, or for each one on a cluster.
func (m *maintenance) readPolled(ctx context.Context, client redis.UniversalClient, parts []int) map[int]*polled {
	k := &m.n.s.keys
	found := make(map[int]*polled)
	read := func(pipe redis.Pipeliner, p int) {
		found[p] = &polled{
			expired:     pipe.LLen(ctx, k.expired(p)),
			dueChannels: pipe.ZRangeWithScores(ctx, k.dueChannels(p), 0, 0),
			schedules:   pipe.ZRangeWithScores(ctx, k.schedules(p), 0, 0),
			lapses:      pipe.ZRangeWithScores(ctx, k.leases(p), 0, 0),
			lingering:   pipe.ZRangeWithScores(ctx, k.lingering(p), 0, 0),
		}
	}
	type group struct {
		parts  []int
		keys   []string
		exists *redis.IntCmd
	}
	var empty []*group
	first := client.Pipeline()
	for _, p := range parts {
		if m.hasSome[p].Load() {
			read(first, p)
			continue
		}
		if len(empty) == 0 || m.n.sharded {
			empty = append(empty, new(group))
		}
		g := empty[len(empty)-1]
		g.parts = append(g.parts, p)
		g.keys = append(g.keys, k.expired(p), k.dueChannels(p), k.schedules(p), k.leases(p), k.lingering(p))
	}
	for _, g := range empty {
		g.exists = first.Exists(ctx, g.keys...)
	}
	_, _ = first.Exec(ctx) // Each command has its own error.
	second := client.Pipeline()
	for _, g := range empty {
		if g.exists.Err() == nil && g.exists.Val() == 0 {
			continue
		}
		for _, p := range g.parts {
			read(second, p)
		}
	}
	if second.Len() > 0 {
		_, _ = second.Exec(ctx)
	}
	return found
}

// planPolled plans what a poll has found in a partition.
func (m *maintenance) planPolled(p int, got *polled, now int64) {
	if m.n.heartbeat.firesIn(p) {
		m.planAt(m.dueIn, p, got.schedules, now)
	}
	if m.n.heartbeat.removesMembers(p) {
		m.planAt(m.dueIn, p, got.lingering, now)
	}
	if !m.n.heartbeat.maintains(p) {
		return
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

// planAt plans for the time that is the score of the first element, if there is
// one.
func (m *maintenance) planAt(plan func(int, time.Duration), p int, first *redis.ZSliceCmd, now int64) {
	if found := first.Val(); len(found) > 0 {
		ms := min(max(0, int64(found[0].Score)-now), maintenanceAhead.Milliseconds()+1)
		plan(p, time.Duration(ms)*time.Millisecond)
	}
}

// maintainEveryMaster has one partition of each master of a cluster maintained, which
// proves that it accepts writes: sweepDead has to know for how long. The heartbeat
// proves that of the first partition's, and probes that of masters with links.
func (m *maintenance) maintainEveryMaster(ctx context.Context) {
	if !m.n.sharded {
		return
	}
	lately := time.Now().Add(-m.n.o.NodeTimeout / heartbeatsPerLease)
	seen := make(map[string]bool)
	for p := range partitions {
		addr, err := m.n.s.topo.master(ctx, p)
		if err != nil || seen[addr] {
			continue
		}
		seen[addr] = true
		if pl, err := m.n.s.topo.pipeliner(ctx, p); p > 0 && err == nil && !pl.clock.acceptedSince(lately) {
			m.dueIn(p, 0)
		}
	}
}
