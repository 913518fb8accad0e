package storeredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
)

// A desk runs scripts one by one, while no node does anything.
type desk struct {
	t  *testing.T
	db *redis.Client
	n  *node // which was not joined
}

func newDesk(t *testing.T) *desk {
	srv := redistest.StartServer(t)
	s := openAt(t, srv.Addr)
	if err := s.check(unhurried(t)); err != nil {
		t.Fatal(err)
	}
	return &desk{t, srv.Client(), &node{
		s: s, publishCommand: "PUBLISH", window: decimal(millis(time.Minute)), limit: "1000",
	}}
}

func (d *desk) run(c call) (*reply, error) { return d.n.s.do(unhurried(d.t), c) }

// want runs a script and wants it to be refused so; to be carried out, if refused
// is "".
func (d *desk) want(why string, refused refusal, c call) *reply {
	d.t.Helper()
	r, err := d.run(c)
	switch {
	case refused == "" && err != nil:
		d.t.Fatalf("%s: %v", why, err)
	case refused != "" && !errors.Is(err, refused):
		d.t.Fatalf("%s: %v, want %q", why, err, refused)
	}
	return r
}

// wantTTL wants a key to live for ever, or to have an end.
func (d *desk) wantTTL(why, key string, forever bool) {
	d.t.Helper()
	ttl, err := d.db.PTTL(d.t.Context(), key).Result()
	if err != nil {
		d.t.Fatal(err)
	}
	if ttl == -2 || (ttl == -1) != forever {
		d.t.Errorf("%s: %s lives for %v; for ever: want %v", why, key, ttl, forever)
	}
}

func (d *desk) lease(p int, inc string, in time.Duration) {
	d.t.Helper()
	at := float64(time.Now().Add(in).UnixMilli())
	if err := d.db.ZAdd(d.t.Context(), d.n.s.keys.leases(p), redis.Z{Score: at, Member: inc}).Err(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) exists(key string) bool {
	d.t.Helper()
	n, err := d.db.Exists(d.t.Context(), key).Result()
	if err != nil {
		d.t.Fatal(err)
	}
	return n == 1
}

// TestStateIsKept: the state of a channel lives for as long as anything needs
// it, and not for ever.
func TestStateIsKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n := d.n
	ck := n.s.keys.channel("c")
	const inc = "node.1"
	d.lease(ck.part, inc, time.Hour)
	publish := func(keep time.Duration) {
		t.Helper()
		d.want("publish", "", n.publishCall(&store.PublishRequest{Channel: "c", Event: "e", Retention: keep}))
	}
	set := func(keep time.Duration, value []byte) {
		t.Helper()
		d.want("set", "", n.channelCall(setScript, "c", ck, n.entryKeys(ck), setArgs(&store.SetRequest{
			Channel: "c", Key: "k", Value: value, Digest: "1", Retention: keep,
		})...))
	}
	subs := n.subscriptionKeys(ck, inc)

	publish(0)
	d.wantTTL("after a message", ck.state(), false)
	d.want("subscribe", "", n.channelCall(subscribeScript, "c", ck, subs, inc, "0", "conn", "", "", "", "", "0", "1000"))
	d.wantTTL("with a subscription", ck.state(), true)
	publish(0)
	d.wantTTL("with a subscription, after a message", ck.state(), true)
	d.want("unsubscribe", "", n.channelCall(unsubscribeScript, "c", ck, subs, inc, "0", "conn", "0", "", ""))
	d.wantTTL("without one", ck.state(), false)

	d.want("a member", "", n.channelCall(subscribeScript, "c", ck, subs, inc, "0", "conn", "", "1", "u", "", "10", "1000", ""))
	d.want("unsubscribe with a grace", "", n.channelCall(unsubscribeScript, "c", ck, subs, inc, "0", "conn", "1", "topic", "0"))
	publish(0)
	d.wantTTL("with a member who lingers", ck.state(), true)
	await.That(t, "the member to be removed", func() bool {
		d.want("remove members", "", n.channelCall(removeMembersScript, "c", ck, subs, inc, "0", "u"))
		return !d.exists(ck.members())
	})
	d.wantTTL("without one", ck.state(), false)
	if d.exists(n.s.keys.lingering(ck.part)) {
		t.Error("something is left of a member who lingered")
	}

	set(store.Forever, []byte("1"))
	d.wantTTL("with an entry", ck.state(), true)
	publish(0)
	d.wantTTL("with an entry, after a message", ck.state(), true)
	set(store.Forever, nil)
	d.wantTTL("without it", ck.state(), false)

	publish(time.Hour)
	for _, key := range []string{ck.state(), ck.order(), ck.bodies(), ck.expiry()} {
		d.wantTTL("with a message that is kept for an hour", key, false)
	}
	publish(store.Forever)
	publish(2 * time.Hour)
	for _, key := range []string{ck.state(), ck.order(), ck.bodies(), ck.expiry()} {
		d.wantTTL("with one that is kept for ever", key, true)
	}
}

// TestLeaseConditions: what a node holds can be recorded while it is a member, and
// taken from it only when its lease has lapsed, or it leaves.
func TestLeaseConditions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n, k := d.n, &d.n.s.keys
	const p = 3
	connect := func(inc string) call {
		return call{script: connectScript, part: p, keys: []any{k.conns(p, inc), k.leases(p)}, args: []any{inc, "conn", "{}"}}
	}
	renew := func(inc, kind string) call {
		return call{script: renewScript, part: p, keys: []any{k.leases(p)}, args: []any{"60000", kind, inc}}
	}
	resign := func(inc string, leaving bool) call {
		return call{
			script: resignScript, part: p, keys: []any{k.leases(p), k.owned(p, inc), k.conns(p, inc)},
			args: []any{inc, flag(leaving)},
		}
	}
	disconnect := func(inc string, lapsed bool) call {
		return call{
			script: disconnectScript, part: p, keys: []any{k.conns(p, inc), k.leases(p)},
			args: []any{inc, flag(lapsed), "conn"},
		}
	}
	isMember := func(inc string) bool {
		_, err := d.db.ZScore(t.Context(), k.leases(p), inc).Result()
		return err == nil
	}

	d.want("a connection of no member", refusedStale, connect("stale.1"))
	if d.exists(k.conns(p, "stale.1")) {
		t.Error("a connection was recorded for no member")
	}
	for _, kind := range []string{renewKeep, renewTest} {
		if r := d.want("to "+kind+" a lease that there is not", "", renew("stale.1", kind)); r.record.rest != "1:01:0" {
			t.Errorf("to %s a lease that there is not: %q", kind, r.record.rest)
		}
	}
	d.want("a heartbeat of no member", refusedStale, call{
		script: heartbeatScript, part: p, keys: []any{k.leases(p), k.firing()}, args: []any{"stale.1", "60000", "1", "topic"},
	})
	if isMember("stale.1") {
		t.Error("one that was no member has become one")
	}

	d.want("to join", "", renew("a.1", renewJoin))
	d.lease(p+1, "a.2", time.Second)
	r := d.want("to renew some", "", call{
		script: renewScript, part: p, keys: []any{k.leases(p), k.leases(p), k.leases(p + 1)},
		args: []any{"60000", renewKeep, "a.1", "stale.1", "a.2"},
	})
	for i, renewed := range []bool{true, false, true} {
		before, until := r.record.int(), r.record.int()
		if r.record.bad || (before > 0) != renewed || (until > 0) != renewed {
			t.Errorf("lease %d: until %d, then until %d; renewed: want %v", i, before, until, renewed)
		}
	}
	if end, err := d.db.ZScore(t.Context(), k.leases(p+1), "a.2").Result(); err != nil || end < float64(time.Now().Add(30*time.Second).UnixMilli()) {
		t.Errorf("the last lease ends at %v (%v), want a minute from now", end, err)
	}
	d.want("a connection of a member", "", connect("a.1"))
	d.want("to take the connections of one that lives", refusedNone, disconnect("a.1", true))
	d.want("to end one that lives", refusedNone, resign("a.1", false))

	d.lease(p, "a.1", -time.Second)
	d.want("to end one that has a connection", refusedNone, resign("a.1", false))
	d.want("to end one that leaves and has a connection", refusedNone, resign("a.1", true))
	if !isMember("a.1") {
		t.Error("the lease is gone, though the node holds a connection")
	}
	if r := d.want("to take its connections", "", disconnect("a.1", true)); r.record.next() != "conn" {
		t.Error("the connection was not taken")
	}
	ck := k.channel("c")
	for i := 0; ck.part != p; i++ {
		ck = k.channel(fmt.Sprint("c", i))
	}
	if err := d.db.SAdd(t.Context(), k.owned(p, "a.1"), "c").Err(); err != nil {
		t.Fatal(err)
	}
	d.want("to end one that has a subscription", refusedNone, resign("a.1", false))
	if err := d.db.Del(t.Context(), k.owned(p, "a.1")).Err(); err != nil {
		t.Fatal(err)
	}
	d.want("to end one that has nothing", "", resign("a.1", false))
	if isMember("a.1") {
		t.Error("the lease is left")
	}

	d.want("to take the connections of one that has no lease any more", "", disconnect("gone.1", true))
	d.lease(p, "b.1", time.Hour)
	d.want("to end one that leaves", "", resign("b.1", true))
	d.lease(p, "c.1", time.Hour)
	d.want("to remove a connection of one's own that there is not", "", disconnect("c.1", false))

	sweep := func(leaving bool) call {
		return n.channelCall(sweepScript, "c", ck, n.subscriptionKeys(ck, "c.1"), "c.1", "0", "10", flag(leaving), "0", "", "")
	}
	subscribe := n.channelCall(subscribeScript, "c", ck, n.subscriptionKeys(ck, "c.1"), "c.1", "0", "conn", "1", "", "", "", "0", "1000")
	d.want("to subscribe", "", subscribe)
	d.want("to sweep one that lives", refusedNone, sweep(false))
	d.want("to sweep one that leaves", "", sweep(true))
	if err := d.db.ZRem(t.Context(), k.leases(p), "c.1").Err(); err != nil {
		t.Fatal(err)
	}
	d.want("to sweep one that has no lease any more", "", sweep(false))
	if d.exists(k.owned(p, "c.1")) || d.exists(ck.subs("c.1")) {
		t.Error("something is left of what was swept")
	}
	if err := d.db.SAdd(t.Context(), k.owned(p, "c.1"), "c").Err(); err != nil {
		t.Fatal(err)
	}
	d.want("to sweep a channel in which nothing is left", "", sweep(false))
	if d.exists(k.owned(p, "c.1")) {
		t.Error("a channel in which nothing is left counts as held")
	}
}

// TestHeartbeat: a node learns which others are at work, and which of them fire.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k := &d.n.s.keys
	topic := d.db.Subscribe(t.Context(), "topic")
	defer func() { _ = topic.Close() }()
	if _, err := topic.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	beat := func(inc string, fires bool) [2][]string {
		t.Helper()
		r := d.want("a heartbeat of "+inc, "", call{
			script: heartbeatScript, part: 0, keys: []any{k.leases(0), k.firing()}, args: []any{inc, "60000", flag(fires), "topic"},
		})
		working, err1 := r.list(0)
		firing, err2 := r.list(1)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		slices.Sort(working)
		slices.Sort(firing)
		return [2][]string{working, firing}
	}
	same := func(why string, got [2][]string, working, firing string) {
		t.Helper()
		if w, f := strings.Join(got[0], " "), strings.Join(got[1], " "); w != working || f != firing {
			t.Errorf("%s: at work %q, firing %q; want %q and %q", why, w, f, working, firing)
		}
	}
	d.lease(0, "a.1", time.Second)
	d.lease(0, "b.1", time.Second)
	d.lease(0, "silent.1", 29*time.Second)
	same("who fires and who is silent", beat("a.1", true), "a.1", "a.1")
	same("who does not fire", beat("b.1", false), "a.1 b.1", "a.1")
	same("who fires, too", beat("b.1", true), "a.1 b.1", "a.1 b.1")
	at := float64(time.Now().Add(-time.Second).UnixMilli())
	if err := d.db.ZAdd(t.Context(), k.firing(), redis.Z{Score: at, Member: "dead.1"}).Err(); err != nil {
		t.Fatal(err)
	}
	same("who fires no more", beat("a.1", false), "a.1 b.1", "b.1")
	if _, err := d.db.ZScore(t.Context(), k.firing(), "dead.1").Result(); !errors.Is(err, redis.Nil) {
		t.Errorf("one that is dead is left among those that fire: %v", err)
	}
	beat("a.1", false)
	if m, err := topic.ReceiveTimeout(t.Context(), back); err != nil {
		t.Errorf("nobody was told that one fires no more: %v", err)
	} else if got := m.(*redis.Message).Payload; got != "heartbeat" {
		t.Errorf("told %q", got)
	}
	if m, err := topic.ReceiveTimeout(t.Context(), 50*time.Millisecond); err == nil {
		t.Errorf("told once more: %v", m)
	}
}

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
			script: cancelScript, part: ck.part, keys: append(d.n.s.sched.scheduleKeys(ck.part, ck), ck.ownSchedules("")), args: []any{q.ID.String()},
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
	put := func(s store.Schedule, body string) call {
		return call{
			script: deferScript, part: ck.part, keys: []any{k.schedules(ck.part), k.scheduleBodies(ck.part)},
			args: []any{s.ID.String(), body, "60000"},
		}
	}
	d.want("to defer another one by now", refusedNone, put(deferred, "another"))
	never := scheduled(-time.Second)
	d.want("to defer one that there is not", refusedNone, put(never, encodeSchedule(&never)))
	d.want("to defer one that is not due", refusedNone, put(c, encodeSchedule(&c)))
	d.want("to defer", "", put(deferred, encodeSchedule(&deferred)))
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

// TestLeasesInFullMemory: a node that is a member stays one when Redis's memory is
// full, and can tell that Redis accepts nothing more.
func TestLeasesInFullMemory(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k := &d.n.s.keys
	const p = 0
	renew := func(kind, inc string) call {
		return call{script: renewScript, part: p, keys: []any{k.leases(p)}, args: []any{"60000", kind, inc}}
	}
	heartbeat := call{
		script: heartbeatScript, part: p, keys: []any{k.leases(p), k.firing()}, args: []any{"a.1", "60000", "1", "topic"},
	}
	d.want("to join", "", renew(renewJoin, "a.1"))
	d.want("a heartbeat", "", heartbeat)
	if err := d.db.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	d.want("to keep a lease", "", renew(renewKeep, "a.1"))
	d.want("a heartbeat in full memory", "", heartbeat)
	for _, c := range []call{renew(renewTest, "a.1"), renew(renewJoin, "b.1")} {
		if _, err := d.run(c); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("to %v in full memory: %v", c.args[1], err)
		}
	}
}
