package storeredis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// add makes the call that adds a schedule of a message to channel c.
func (d *desk) add(q store.Schedule, most int) call {
	ck := d.n.s.keys.channel("c")
	return call{
		script: scheduleScript, part: ck.part, keys: append(d.n.s.sched.scheduleKeys(ck.part, ck), ck.ownSchedules("")),
		args: []any{q.ID.String(), decimal(dueMillis(q.Due)), encodeSchedule(&q), "topic", "7", strconv.Itoa(most), "0", ""},
	}
}

func scheduled(in time.Duration) store.Schedule {
	return store.Schedule{
		ID: ulid.Make(), Due: time.Now().Add(in).Truncate(time.Millisecond),
		Publish: &store.PublishRequest{Channel: "c", Event: "e"},
	}
}

// TestScheduleConditions: who fires schedules is told of one that is due before
// all others, and only of that.
func TestScheduleConditions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k := &d.n.s.keys
	ck := k.channel("c")
	topic := d.db.Subscribe(t.Context(), "topic")
	defer func() { _ = topic.Close() }()
	if _, err := topic.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	// told wants the node to be told of a time, or of nothing.
	marks := 0
	told := func(why string, in time.Duration) {
		t.Helper()
		marks++
		mark := fmt.Sprint("mark", marks)
		if err := d.db.Publish(t.Context(), "topic", mark).Err(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			m, err := topic.ReceiveMessage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if m.Payload == mark {
				break
			}
			got = append(got, m.Payload)
		}
		if in < 0 {
			if len(got) > 0 {
				t.Errorf("%s: told %q, want nothing", why, got)
			}
			return
		}
		if len(got) != 1 {
			t.Fatalf("%s: told %q, want one thing", why, got)
		}
		text, ok := strings.CutPrefix(got[0], "due 7 ")
		ms, err := strconv.ParseInt(text, 10, 64)
		if wait := time.Duration(ms) * time.Millisecond; !ok || err != nil || wait > in+time.Second || wait < in-back {
			t.Errorf("%s: told %q, want one that is due in %v", why, got[0], in)
		}
	}
	move := func(q store.Schedule, in time.Duration) call {
		due := time.Now().Add(in)
		return call{
			script: scheduleScript, part: ck.part, keys: append(d.n.s.sched.scheduleKeys(ck.part, ck), ck.ownSchedules("")),
			args: []any{q.ID.String(), decimal(dueMillis(due)), decimal(due.UnixNano()), "topic", "7"},
		}
	}
	cancel := func(q store.Schedule) call {
		return call{
			script: scheduleScript, part: ck.part, keys: append(d.n.s.sched.scheduleKeys(ck.part, ck), ck.ownSchedules("")), args: []any{q.ID.String(), "0", ""},
		}
	}
	first, later, past := scheduled(time.Hour), scheduled(2*time.Hour), scheduled(-time.Hour)
	d.want("the first one", "", d.add(first, 2))
	told("the first one", time.Hour)
	d.want("the first one again", "", d.add(first, 2))
	told("the first one again", -1)
	d.want("a later one", "", d.add(later, 2))
	told("a later one", -1)
	d.want("one too many", refusedFull, d.add(past, 2))
	d.want("the same one again, of as many as may be", "", d.add(later, 2))
	told("one too many", -1)
	d.want("one that is due, without a bound", "", d.add(past, 0))
	told("one that is due", 0)
	d.want("to cancel it", "", cancel(past))
	d.want("to cancel it again", refusedNone, cancel(past))
	d.want("to move it", refusedNone, move(past, time.Minute))

	d.want("to move the first", "", move(first, 30*time.Minute))
	told("the first, moved to an earlier time", 30*time.Minute)
	d.want("to move a later one", "", move(later, 3*time.Hour))
	told("a later one, moved", -1)
	d.want("to move a later one to the front", "", move(later, time.Minute))
	told("a later one, moved to the front", time.Minute)
	ids, err := d.db.ZRange(t.Context(), ck.schedules(), 0, -1).Result()
	if err != nil || !slices.Equal(ids, []string{later.ID.String(), first.ID.String()}) {
		t.Errorf("the channel has %v (%v), want the later one first", ids, err)
	}
}

// wantDeferred defers a schedule with a body that is taken for unreadable, and wants
// the status.
func (d *desk) wantDeferred(why, status string, p int, q store.Schedule, body string) {
	d.t.Helper()
	b := newDueBatch(d.n, p)
	b.deferUnreadable(q.ID.String(), body, errRecord)
	r := d.want("to defer "+why, "", b.call())
	if got := r.record.next(); got != status || r.record.next() != "" || r.record.err() != nil {
		d.t.Errorf("to defer %s: %q, want %q", why, got, status)
	}
}

// TestFireConditions: a schedule fires when it is due, if nobody has changed it,
// and after those of its channel that are due before it.
func TestFireConditions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k := &d.n.s.keys
	ck := k.channel("c")
	// fire returns what became of each schedule, tried together.
	fire := func(all ...store.Schedule) (got []string, results []reply) {
		t.Helper()
		b := newDueBatch(d.n, ck.part)
		for _, q := range all {
			body := encodeSchedule(&q)
			decoded, blob, err := decodeSchedule(ck.part, q.ID.String(), body)
			if err != nil {
				t.Fatal(err)
			}
			b.add(decoded, body, blob)
		}
		r := d.want("to fire", "", b.call())
		for range all {
			got = append(got, r.record.next())
			results = append(results, reply{record: record{rest: r.record.next()}})
		}
		if r.record.bad || r.record.rest != "" {
			t.Fatal("malformed reply")
		}
		return got, results
	}
	want := func(why string, got []string, all ...string) {
		t.Helper()
		if !slices.Equal(got, all) {
			t.Errorf("%s: %v, want %v", why, got, all)
		}
	}
	a, b, c := scheduled(-3*time.Second), scheduled(-2*time.Second), scheduled(time.Hour)
	for _, q := range []store.Schedule{a, b, c} {
		d.want("to add", "", d.add(q, 0))
	}
	got, _ := fire(b, c)
	want("before its turn, and before its time", got, "later", "none")
	changed := a
	changed.Due = a.Due.Add(time.Microsecond)
	got, _ = fire(changed)
	want("one that was moved in the meantime", got, "none")
	got, results := fire(a, b, a, c)
	want("in order", got, "ok", "ok", "none", "none")
	if first, second := results[0].record.id(), results[1].record.id(); first.Compare(second) >= 0 {
		t.Errorf("ids %v, then %v", first, second)
	}
	if n := d.db.ZCard(t.Context(), k.schedules(ck.part)).Val(); n != 1 {
		t.Errorf("%d schedules are left, want that which is not due", n)
	}
	if n := d.db.HLen(t.Context(), k.scheduleBodies(ck.part)).Val(); n != 1 {
		t.Errorf("%d bodies are left, want that which is not due", n)
	}

	// One whose place in the channel's list is wrong, since it was deferred.
	deferred, q := scheduled(-3*time.Second), scheduled(-time.Second)
	for _, s := range []store.Schedule{deferred, q} {
		d.want("to add", "", d.add(s, 0))
	}
	d.wantDeferred("another one by now", "none", ck.part, deferred, "another")
	never := scheduled(-time.Second)
	d.wantDeferred("one that there is not", "none", ck.part, never, encodeSchedule(&never))
	d.wantDeferred("one that is not due", "none", ck.part, c, encodeSchedule(&c))
	d.wantDeferred("one", "ok", ck.part, deferred, encodeSchedule(&deferred))
	got, _ = fire(deferred, q)
	want("one that was deferred, and the one after it", got, "none", "ok")
	// One that is gone but for its place.
	gone, next := scheduled(-3*time.Second), scheduled(-time.Second)
	d.want("to add", "", d.add(gone, 0))
	d.want("to add", "", d.add(next, 0))
	if err := d.db.ZRem(t.Context(), k.schedules(ck.part), gone.ID.String()).Err(); err != nil {
		t.Fatal(err)
	}
	got, _ = fire(next)
	want("one after one that is gone", got, "ok")
	if left := d.db.ZRange(t.Context(), ck.schedules(), 0, -1).Val(); !slices.Equal(left, []string{deferred.ID.String(), c.ID.String()}) {
		t.Errorf("the channel has %v", left)
	}

	// A deduplication id counts when it was used before, and from then on.
	dedup := func(id string) store.Schedule {
		s := scheduled(-time.Second)
		s.Publish.DedupID, s.Publish.DedupFor = id, time.Minute
		d.want("to add", "", d.add(s, 0))
		return s
	}
	one, again, other := dedup("id"), dedup("id"), dedup("other")
	got, results = fire(one, again, other)
	want("with deduplication ids", got, "ok", "ok", "ok")
	for i, duplicate := range []bool{false, true, false} {
		res, err := publishResult(&results[i])
		if err != nil || res.Duplicate != duplicate {
			t.Errorf("schedule %d is a duplicate: %v (%v)", i, res.Duplicate, err)
		}
	}
	if n := d.db.XLen(context.Background(), ck.log()).Val(); n != 6 {
		t.Errorf("%d messages were published, want 6", n)
	}

	// A schedule that fails holds up no others.
	broken := scheduled(-time.Second)
	broken.Publish.Channel, broken.Publish.Retention = otherChannel(k, ck.part), time.Hour
	bk := k.channel(broken.Publish.Channel)
	if err := d.db.Set(t.Context(), bk.bodies(), "no hash", 0).Err(); err != nil {
		t.Fatal(err)
	}
	add := d.add(broken, 0)
	add.keys = append(d.n.s.sched.scheduleKeys(bk.part, bk), bk.ownSchedules(""))
	d.want("to add", "", add)
	fine := scheduled(-time.Second)
	d.want("to add", "", d.add(fine, 0))
	got, results = fire(broken, fine)
	want("one that fails, and another one", got, "failed", "ok")
	if !strings.Contains(results[0].record.rest, "WRONGTYPE") {
		t.Errorf("it failed with %q", results[0].record.rest)
	}
}

// otherChannel returns one of the same partition.
func otherChannel(k *keyspace, p int) string {
	for i := 0; ; i++ {
		if name := fmt.Sprint("other", i); k.channel(name).part == p {
			return name
		}
	}
}
