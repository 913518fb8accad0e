package storeredis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"
)

// A scheduler keeps schedules in the partition of their channel, which is their
// group, so that a script can take one and carry it out.
type scheduler struct {
	s *Store

	mu     sync.Mutex
	firing map[*node]*firing
}

func groupOf(p int) string { return fmt.Sprintf("p%02x", p) }

func partOfGroup(group string) (int, bool) {
	if len(group) != 3 || group[0] != 'p' {
		return 0, false
	}
	p, err := strconv.ParseUint(group[1:], 16, 8)
	return int(p), err == nil && groupOf(int(p)) == group
}

// Start lets a node of this store take part.
func (d *scheduler) Start(ctx context.Context, sn store.Node, fired func(store.Fired)) (func(), error) {
	n, ok := sn.(*node)
	if !ok || n.s != d.s {
		return nil, errors.New("storeredis: the node is not one of this store")
	}
	if n.left.Load() {
		return nil, errLeft
	}
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err, nil)
	}
	f := &firing{fired: fired}
	d.mu.Lock()
	if d.firing == nil {
		d.firing = make(map[*node]*firing)
	}
	d.firing[n] = f
	d.mu.Unlock()
	for p := range partitions {
		n.agenda.soon(p, 0)
	}
	return func() {
		d.mu.Lock()
		if d.firing[n] == f {
			delete(d.firing, n)
		}
		d.mu.Unlock()
		f.stop()
	}, nil
}

func (d *scheduler) of(n *node) *firing {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.firing[n]
}

func (d *scheduler) scheduleKeys(p int, ck channelKeys) []any {
	k := &d.s.keys
	return []any{k.schedules(p), k.scheduleBodies(p), ck.schedules()}
}

// dueMillis is when a schedule fires: never before it is due.
func dueMillis(t time.Time) string {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return decimal(ms)
}

// Add accepts a schedule.
func (d *scheduler) Add(ctx context.Context, q store.Schedule) (string, error) {
	ck := d.s.keys.channel(q.Channel())
	_, err := d.s.do(ctx, call{
		script: addScript, part: ck.part, keys: d.scheduleKeys(ck.part, ck),
		args: []any{q.ID.String(), dueMillis(q.Due), encodeSchedule(&q), d.s.keys.bus(""), strconv.Itoa(ck.part), strconv.Itoa(q.MaxPending)},
	})
	if err != nil {
		return "", atCapacity(err)
	}
	return groupOf(ck.part), nil
}

// Schedule returns a pending schedule.
func (d *scheduler) Schedule(ctx context.Context, group string, id ulid.ULID) (*store.Schedule, error) {
	p, ok := partOfGroup(group)
	if !ok {
		return nil, store.ErrNotFound
	}
	r, err := d.s.do(ctx, call{
		script: readScript, part: p, keys: []any{d.s.keys.scheduleBodies(p)}, args: []any{id.String()},
	})
	if err != nil {
		return nil, err
	}
	body, err := r.list(0)
	if err != nil {
		return nil, err
	}
	if len(body) == 0 || body[0] == "" {
		return nil, store.ErrNotFound
	}
	return decodeSchedule(p, id.String(), body[0])
}

// Cancel removes a schedule.
func (d *scheduler) Cancel(ctx context.Context, group string, id ulid.ULID) error {
	return d.alter(ctx, cancelScript, group, id)
}

// Move changes when a schedule is due.
func (d *scheduler) Move(ctx context.Context, group string, id ulid.ULID, due time.Time) error {
	p, _ := partOfGroup(group)
	return d.alter(ctx, moveScript, group, id,
		dueMillis(due), decimal(due.UnixNano()), d.s.keys.bus(""), strconv.Itoa(p))
}

// alter runs a script on one schedule. The channel's list of schedules is one
// of its keys, so the schedule is read first.
func (d *scheduler) alter(ctx context.Context, sc *script, group string, id ulid.ULID, args ...any) error {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	q, err := d.Schedule(ctx, group, id)
	if err != nil {
		return err
	}
	ck := d.s.keys.channel(q.Channel())
	_, err = d.s.do(ctx, call{
		script: sc, part: ck.part, keys: d.scheduleKeys(ck.part, ck), args: append([]any{id.String()}, args...),
	})
	return notFound(err)
}

// Schedules lists pending schedules: those of a channel from its own list, and
// all by merging those of the partitions.
func (d *scheduler) Schedules(ctx context.Context, q store.ScheduleQuery) ([]*store.Schedule, error) {
	if q.Channel != "" {
		ck := d.s.keys.channel(q.Channel)
		return d.page(ctx, ck.part, ck.schedules(), q)
	}
	var mu sync.Mutex
	var all []*store.Schedule
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for p := range partitions {
		g.Go(func() error {
			page, err := d.page(ctx, p, d.s.keys.schedules(p), q)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, page...)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *store.Schedule) int {
		return cmp.Or(a.Due.Compare(b.Due), a.ID.Compare(b.ID))
	})
	return all[:min(len(all), q.Limit)], nil
}

func (d *scheduler) page(ctx context.Context, p int, key string, q store.ScheduleQuery) ([]*store.Schedule, error) {
	from, after := "-inf", ""
	if !q.AfterDue.IsZero() {
		from, after = dueMillis(q.AfterDue), q.AfterID.String()
	}
	for limit := q.Limit; ; limit *= 2 {
		r, err := d.s.do(ctx, call{
			script: schedulesScript, part: p, keys: []any{key, d.s.keys.scheduleBodies(p)},
			args: []any{from, after, strconv.Itoa(limit)},
		})
		if err != nil {
			return nil, err
		}
		flat, err := r.list(0)
		if err != nil {
			return nil, err
		}
		page := d.readable(p, flat)
		// A short page would say that there are no more.
		if len(page) >= q.Limit || len(flat) < 2*limit {
			return page[:min(len(page), q.Limit)], nil
		}
	}
}

// readable decodes schedules, given as id and body in turn, and tells of those
// that it cannot.
func (d *scheduler) readable(p int, flat []string) []*store.Schedule {
	var page []*store.Schedule
	for i := 0; i+1 < len(flat); i += 2 {
		if flat[i+1] == "" {
			continue
		}
		one, err := decodeSchedule(p, flat[i], flat[i+1])
		if err != nil {
			d.s.log.Error("malformed schedule, not listed", "group", groupOf(p), "id", flat[i], "err", err)
			continue
		}
		page = append(page, one)
	}
	return page
}

// encodeSchedule makes a schedule's body: when it is due in nanoseconds, for
// Move to replace, a space, and a record.
func encodeSchedule(q *store.Schedule) string {
	b := strconv.AppendInt(nil, q.Due.UnixNano(), 10)
	b = append(b, ' ')
	b = appendField(b, q.Connection)
	b = appendField(b, q.UID)
	b = appendFlag(b, q.Emit)
	b = appendField(b, q.Origin)
	if p := q.Publish; p != nil {
		b = appendField(b, "P")
		b = appendField(b, p.Channel)
		b = appendField(b, p.DedupID)
		b = appendField(b, decimal(int64(p.DedupFor)))
		b = appendField(b, decimal(int64(p.Keep)))
		return string(append(b, encodeMessage(p)...))
	}
	s := q.Set
	b = appendField(b, "S")
	b = appendField(b, s.Channel)
	b = appendField(b, s.Digest)
	b = appendField(b, decimal(int64(s.Keep)))
	b = appendFlag(b, s.Emit)
	return string(append(b, encodeEntry(s)...))
}

func decodeSchedule(p int, id, body string) (*store.Schedule, error) {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", id, err)
	}
	due, rest, _ := strings.Cut(body, " ")
	ns, err := strconv.ParseInt(due, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("schedule %s: %w", id, errRecord)
	}
	r := record{rest: rest}
	q := &store.Schedule{
		ID: u, Group: groupOf(p), Due: time.Unix(0, ns).UTC(),
		Connection: r.next(), UID: r.next(), Emit: r.flag(), Origin: r.bytes(),
	}
	switch r.next() {
	case "P":
		w := &store.PublishRequest{Channel: r.next(), DedupID: r.next()}
		w.DedupFor, w.Keep = time.Duration(r.int()), time.Duration(r.int())
		_ = r.next() // "M"
		w.Exclude, w.Event, w.Data = r.next(), r.next(), r.bytes()
		_ = r.int() // the keep in milliseconds
		if r.flag() {
			w.Meta = &store.Meta{UID: r.next(), UMD: r.bytes()}
		}
		w.Trace = r.trace()
		q.Publish = w
	case "S":
		w := &store.SetRequest{Channel: r.next(), Digest: r.next(), Keep: time.Duration(r.int()), Emit: r.flag()}
		var e store.Entry
		r.entry(&e)
		w.Key, w.Value, w.Meta, w.Origin = e.Key, e.Value, e.Meta, e.Origin
		q.Set = w
	default:
		return nil, fmt.Errorf("schedule %s: %w", id, errRecord)
	}
	return q, r.err()
}
