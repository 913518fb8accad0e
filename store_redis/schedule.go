package storeredis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
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
	n.heartbeat.setFires(true)
	return func() {
		d.mu.Lock()
		if d.firing[n] == f {
			delete(d.firing, n)
			n.heartbeat.setFires(false)
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
func dueMillis(t time.Time) int64 {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return ms
}

// Add accepts a schedule.
func (d *scheduler) Add(ctx context.Context, q store.Schedule) (string, error) {
	ck := d.s.keys.channel(q.Channel())
	_, err := d.s.do(ctx, call{
		script: scheduleScript, part: ck.part, keys: append(d.scheduleKeys(ck.part, ck), ck.ownSchedules(q.Owner())),
		args: []any{q.ID.String(), decimal(dueMillis(q.Due)), encodeSchedule(&q), d.s.whoFires(ck.part), strconv.Itoa(ck.part), strconv.Itoa(q.MaxPending), strconv.Itoa(q.MaxOfOwner), flag(q.Owner() != "")},
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
	found, err := d.bodies(ctx, p, id.String())
	if err != nil {
		return nil, err
	}
	if found[0] == "" {
		return nil, store.ErrNotFound
	}
	q, _, err := decodeSchedule(p, id.String(), found[0])
	return q, err
}

// bodies reads the bodies of schedules, "" for one that is not there.
func (d *scheduler) bodies(ctx context.Context, p int, ids ...string) ([]string, error) {
	c := readCall(p, append(command{"HMGET", d.s.keys.scheduleBodies(p)}, ids...))
	c.replySize = len(ids) * oneReply
	r, err := d.s.do(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := r.list(0)
	if err == nil && len(found) != len(ids) {
		err = errRecord
	}
	return found, err
}

// Cancel removes a schedule.
func (d *scheduler) Cancel(ctx context.Context, group string, id ulid.ULID) error {
	return d.alter(ctx, group, id, "0", "")
}

// Move changes when a schedule is due.
func (d *scheduler) Move(ctx context.Context, group string, id ulid.ULID, due time.Time) error {
	p, _ := partOfGroup(group)
	return d.alter(ctx, group, id,
		decimal(dueMillis(due)), decimal(due.UnixNano()), d.s.whoFires(p), strconv.Itoa(p))
}

// alter writes a schedule that is there. The channel's list of schedules is one of
// the script's keys, so the schedule is read first.
func (d *scheduler) alter(ctx context.Context, group string, id ulid.ULID, args ...any) error {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	q, err := d.Schedule(ctx, group, id)
	if err != nil {
		return err
	}
	ck := d.s.keys.channel(q.Channel())
	_, err = d.s.do(ctx, call{
		script: scheduleScript, part: ck.part, args: append([]any{id.String()}, args...),
		keys: append(d.scheduleKeys(ck.part, ck), ck.ownSchedules(q.Owner())),
	})
	return notFound(err)
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
		b = appendField(b, decimal(int64(p.Retention)))
		return string(append(b, encodeMessage(p)...))
	}
	s := q.Set
	b = appendField(b, "S")
	b = appendField(b, s.Channel)
	b = appendField(b, s.Digest)
	b = appendField(b, decimal(int64(s.Retention)))
	b = appendFlag(b, s.Emit)
	return string(append(b, encodeEntry(s)...))
}

// decodeSchedule returns the schedule, and the message or the entry with which
// its body ends.
func decodeSchedule(p int, id, body string) (q *store.Schedule, blob string, err error) {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return nil, "", fmt.Errorf("schedule %q: %w", id, err)
	}
	due, rest, _ := strings.Cut(body, " ")
	ns, err := strconv.ParseInt(due, 10, 64)
	if err != nil {
		return nil, "", fmt.Errorf("schedule %s: %w", id, errRecord)
	}
	r := record{rest: rest}
	q = &store.Schedule{
		ID: u, Group: groupOf(p), Due: time.Unix(0, ns).UTC(),
		Connection: r.next(), UID: r.next(), Emit: r.flag(), Origin: r.bytes(),
	}
	switch r.next() {
	case "P":
		w := &store.PublishRequest{Channel: r.next(), DedupID: r.next()}
		w.DedupFor, w.Retention = time.Duration(r.int()), time.Duration(r.int())
		blob = r.rest
		_ = r.next() // "M"
		w.Exclude, w.Event, w.Data = r.next(), r.next(), r.bytes()
		_ = r.int() // the keep in milliseconds
		if r.flag() {
			w.Meta = &store.Meta{UID: r.next(), UMD: r.bytes()}
		}
		var m store.Message
		r.tail(&m)
		w.Trace, w.Origin = m.Trace, m.Origin
		q.Publish = w
	case "S":
		w := &store.SetRequest{Channel: r.next(), Digest: r.next(), Retention: time.Duration(r.int()), Emit: r.flag()}
		blob = r.rest
		var e store.Entry
		r.entry(&e)
		w.Key, w.Value, w.Meta, w.Origin = e.Key, e.Value, e.Meta, e.Origin
		q.Set = w
	default:
		return nil, "", fmt.Errorf("schedule %s: %w", id, errRecord)
	}
	return q, blob, r.err()
}
