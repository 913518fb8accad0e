package storeredis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"sync"

	"github.com/hotsock-go/hotsock/store"
	"golang.org/x/sync/errgroup"
)

// A listed is a schedule as it is read, and its place in a list: by due time in
// milliseconds, as it fires, and then by ID.
type listed struct {
	part     int
	due      int64
	id, body string
}

func compareListed(a, b listed) int {
	return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.id, b.id))
}

const (
	// listBytes bounds what one script reads for a list.
	listBytes = 1 << 20
	// listedSize is how many bytes a schedule takes in a list besides its body, and
	// listBodies how many bodies one script reads by their ids.
	listedSize = 64
	listBodies = 100
	// listReads is how many partitions are read at a time.
	listReads = 64
)

// Schedules lists pending schedules: those of a channel from its own list, and
// all by merging those of the partitions.
func (d *scheduler) Schedules(ctx context.Context, q store.SchedulesRequest) (store.SchedulesResult, error) {
	var after listed
	if !q.AfterDue.IsZero() {
		after = listed{due: dueMillis(q.AfterDue), id: q.AfterID.String()}
	}
	var page store.SchedulesResult
	for {
		next, more, err := d.next(ctx, q.Channel, after, q.Limit-len(page.Schedules))
		if err != nil {
			return store.SchedulesResult{}, err
		}
		page.Schedules, page.More = append(page.Schedules, d.readable(next)...), more
		// Those that cannot be read do not make the page short.
		if len(page.Schedules) == q.Limit || !more {
			return page, nil
		}
		after = next[len(next)-1]
	}
}

// next reads up to so many schedules after one, and whether there may be more.
func (d *scheduler) next(ctx context.Context, channel string, after listed, limit int) ([]listed, bool, error) {
	if channel != "" {
		ck := d.s.keys.channel(channel)
		return d.list(ctx, ck.part, ck.schedules(), after, limit, listBytes)
	}
	var mu sync.Mutex
	var all []listed
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(listReads)
	for p := range partitions {
		g.Go(func() error {
			some, _, err := d.list(gctx, p, d.s.keys.schedules(p), after, limit, 0)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, some...)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, false, err
	}
	slices.SortFunc(all, compareListed)
	more := len(all) >= limit
	all = all[:min(len(all), limit)]
	return all, more, d.readBodies(ctx, all)
}

// readBodies fills in the bodies of those listed, "" where there is none any
// more.
func (d *scheduler) readBodies(ctx context.Context, all []listed) error {
	byPart := make(map[int][]*listed)
	for i := range all {
		l := &all[i]
		byPart[l.part] = append(byPart[l.part], l)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(listReads)
	for p, list := range byPart {
		for some := range slices.Chunk(list, listBodies) {
			g.Go(func() error {
				ids := make([]string, len(some))
				for i, l := range some {
					ids[i] = l.id
				}
				bodies, err := d.bodies(ctx, p, ids...)
				if err != nil {
					return err
				}
				for i, l := range some {
					l.body = bodies[i]
				}
				return nil
			})
		}
	}
	return g.Wait()
}

// list reads from one sorted set; no bodies if bytes is 0.
func (d *scheduler) list(ctx context.Context, p int, key string, after listed, limit, bytes int) ([]listed, bool, error) {
	due := ""
	if after.id != "" {
		due = decimal(after.due)
	}
	r, err := d.s.do(ctx, call{
		script: schedulesScript, part: p, kind: pageReply, replySize: max(bytes, limit*listedSize), keys: []any{key, d.s.keys.scheduleBodies(p)},
		args: []any{strconv.Itoa(limit), strconv.Itoa(bytes), due, after.id},
	})
	if err != nil {
		return nil, false, err
	}
	stopped := r.record.flag()
	flat, err := r.list(0)
	if err != nil || r.record.bad {
		return nil, false, errRecord
	}
	var out []listed
	for i := 0; i+2 < len(flat); i += 3 {
		ms, err := strconv.ParseInt(flat[i+1], 10, 64)
		if err != nil {
			return nil, false, errRecord
		}
		out = append(out, listed{p, ms, flat[i], flat[i+2]})
	}
	return out, stopped || len(out) == limit, nil
}

// readable decodes schedules, and tells of those that it cannot.
func (d *scheduler) readable(all []listed) []*store.Schedule {
	var page []*store.Schedule
	for _, l := range all {
		if l.body == "" {
			continue // It has fired.
		}
		one, _, err := decodeSchedule(l.part, l.id, l.body)
		if err != nil {
			d.s.log.Error("malformed schedule, not listed", "group", groupOf(l.part), "id", l.id, "err", err)
			continue
		}
		page = append(page, one)
	}
	return page
}
