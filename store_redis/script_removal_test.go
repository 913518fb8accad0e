package storeredis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

// TestCleanConditions: cleaning removes what has expired, all of it and nothing
// else, and knows when it is needed next.
func TestCleanConditions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n, k := d.n, &d.n.s.keys
	ck := k.channel("c")
	ctx := t.Context()
	clean := func(why string, more bool) {
		t.Helper()
		r := d.want(why, "", n.channelCall(cleanScript, "c", ck, n.entryKeys(ck)))
		if got := r.record.flag(); got != more {
			t.Errorf("%s: more is %v, want %v", why, got, more)
		}
	}
	set := func(key string, keep time.Duration, emit bool) {
		t.Helper()
		d.want("set", "", n.channelCall(setScript, "c", ck, n.entryKeys(ck), setArgs(&store.SetRequest{
			Channel: "c", Key: key, Value: []byte("1"), Digest: "1", Retention: keep, Emit: emit,
		})...))
	}
	publish := func(keep time.Duration) string {
		t.Helper()
		r := d.want("publish", "", n.publishCall(&store.PublishRequest{Channel: "c", Event: "e", Retention: keep}))
		return r.record.next()
	}
	score := func(key, member string, in time.Duration) int64 {
		t.Helper()
		at := time.Now().Add(in).UnixMilli()
		if err := d.db.ZAddXX(ctx, key, redis.Z{Score: float64(at), Member: member}).Err(); err != nil {
			t.Fatal(err)
		}
		return at
	}
	// due wants the channel to be due at a time, 0 for never.
	due := func(why string, at int64) {
		t.Helper()
		got, err := d.db.ZScore(ctx, k.dueChannels(ck.part), "c").Result()
		if (at == 0) != (err != nil) || int64(got) != at {
			t.Errorf("%s: the channel is due at %v (%v), want %d", why, got, err, at)
		}
		if d.exists(ck.state()) {
			if text, _ := d.db.HGet(ctx, ck.state(), "j").Result(); strings.TrimLeft(text, "0") != strings.TrimLeft(strconv.FormatInt(at, 10), "0") {
				t.Errorf("%s: the state says due at %q, want %d", why, text, at)
			}
		}
	}
	state := func(why, field, want string) {
		t.Helper()
		if got, _ := d.db.HGet(ctx, ck.state(), field).Result(); got != want {
			t.Errorf("%s: field %s of the state is %q, want %q", why, field, got, want)
		}
	}

	clean("a channel that there is not", false)
	if d.exists(ck.state()) {
		t.Error("cleaning made a channel")
	}
	gone, stays := publish(time.Hour), publish(time.Hour)
	set("told", time.Hour, true)
	set("untold", time.Hour, false)
	set("stays", time.Hour, true)
	set("for ever", store.Forever, true)
	score(ck.expiry(), gone, -time.Second)
	messageAt := score(ck.expiry(), stays, 20*time.Minute)
	score(ck.entryExpiry(), "told", -time.Second)
	score(ck.entryExpiry(), "untold", -time.Second)
	entryAt := score(ck.entryExpiry(), "stays", 10*time.Minute)
	clean("some has expired", false)
	due("an entry expires next", entryAt)
	if got, _ := d.db.HGet(ctx, ck.state(), "k").Result(); got == "0" || got == "" {
		t.Errorf("with a kept message, its keys are said to expire at %q", got)
	}
	if got := d.db.ZRange(ctx, ck.order(), 0, -1).Val(); !slices.Equal(got, []string{stays}) {
		t.Errorf("the order has %v, want %s", got, stays)
	}
	if got := d.db.HKeys(ctx, ck.bodies()).Val(); !slices.Equal(got, []string{stays}) {
		t.Errorf("there are bodies of %v, want %s", got, stays)
	}
	if got := d.db.ZRange(ctx, ck.expiry(), 0, -1).Val(); !slices.Equal(got, []string{stays}) {
		t.Errorf("there are expiries of %v, want %s", got, stays)
	}
	if got := d.db.ZRange(ctx, ck.entryOrder(), 0, -1).Val(); !slices.Equal(got, []string{"for ever", "stays"}) {
		t.Errorf("the order of entries has %v", got)
	}
	if got := d.db.HLen(ctx, ck.entries()).Val(); got != 2 {
		t.Errorf("there are %d entries, want 2", got)
	}
	if got := d.db.ZRange(ctx, ck.entryExpiry(), 0, -1).Val(); !slices.Equal(got, []string{"stays"}) {
		t.Errorf("there are expiries of entries %v", got)
	}
	if got := d.db.LRange(ctx, k.expired(ck.part), 0, -1).Val(); len(got) != 1 || !strings.Contains(got[0], "4:told") {
		t.Errorf("to be reported: %q, want the one entry that asked for it", got)
	}

	score(ck.entryExpiry(), "stays", 30*time.Minute)
	clean("nothing has expired", false)
	due("a message expires next", messageAt)
	state("with entries", "s", "1")
	score(ck.expiry(), stays, -time.Second)
	score(ck.entryExpiry(), "stays", -time.Second)
	clean("all that can has expired", false)
	due("nothing expires next", 0)
	state("without kept messages", "k", "0")
	state("with an entry that lives for ever", "s", "1")
	d.wantTTL("with an entry that lives for ever", ck.state(), true)
	if err := d.db.ZAdd(ctx, ck.entryExpiry(), redis.Z{Score: 1, Member: "for ever"}).Err(); err != nil {
		t.Fatal(err)
	}
	clean("the last entry has expired", false)
	state("without entries", "s", "0")
	d.wantTTL("without entries", ck.state(), false)

	for i := range 101 {
		set(fmt.Sprint("many", i), time.Hour, false)
		score(ck.entryExpiry(), fmt.Sprint("many", i), -time.Second)
	}
	clean("more entries than one script removes", true)
	clean("the rest of them", false)
	for range 501 {
		score(ck.expiry(), publish(time.Hour), -time.Second)
	}
	clean("more messages than one script removes", true)
	clean("the rest of those", false)
	if d.exists(ck.order()) || d.exists(ck.entries()) {
		t.Error("something is left that has expired")
	}
}

// TestOwnerConditions: a user has a share of a channel's schedules, which those that
// were fired, cancelled or moved do not fill.
func TestOwnerConditions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k := &d.n.s.keys
	ck := k.channel("c")
	ctx := t.Context()
	keys := func(owner string) []any {
		return append(d.n.s.sched.scheduleKeys(ck.part, ck), ck.ownSchedules(owner))
	}
	add := func(owner string, q store.Schedule, most int) call {
		return call{
			script: scheduleScript, part: ck.part, keys: keys(owner),
			args: []any{q.ID.String(), decimal(dueMillis(q.Due)), encodeSchedule(&q), "topic", "7", "0", strconv.Itoa(most), flag(owner != "")},
		}
	}
	move := func(owner string, q store.Schedule, due time.Time) call {
		return call{script: scheduleScript, part: ck.part, keys: keys(owner), args: []any{q.ID.String(), decimal(due.UnixMilli()), decimal(due.UnixNano()), "topic", "7"}}
	}
	cancel := func(owner string, q store.Schedule) call {
		return call{script: scheduleScript, part: ck.part, keys: keys(owner), args: []any{q.ID.String(), "0", ""}}
	}
	has := func(why, owner string, want ...store.Schedule) {
		t.Helper()
		got := d.db.ZRange(ctx, ck.ownSchedules(owner), 0, -1).Val()
		var ids []string
		for _, q := range want {
			ids = append(ids, q.ID.String())
		}
		if !slices.Equal(got, ids) && len(got)+len(ids) > 0 {
			t.Errorf("%s: the owner has %v, want %v", why, got, ids)
		}
	}
	a, b, c, free := scheduled(time.Hour), scheduled(2*time.Hour), scheduled(3*time.Hour), scheduled(time.Hour)
	d.want("the first one", "", add("Jim", a, 2))
	d.want("the second one", "", add("Jim", b, 2))
	has("two", "Jim", a, b)
	d.want("one too many", refusedFull, add("Jim", c, 2))
	d.want("the same again", "", add("Jim", b, 2))
	d.want("one of somebody else", "", add("Joe", scheduled(time.Hour), 1))
	d.want("one of nobody", "", add("", free, 1))
	d.want("another one of nobody", "", add("", scheduled(time.Hour), 1))
	d.want("one of a user without a bound", "", add("Jane", scheduled(time.Hour), 0))
	has("nobody's", "")
	if ttl, want := d.db.PTTL(ctx, ck.ownSchedules("Jim")).Val(), 26*time.Hour; ttl > want || ttl < want-time.Minute {
		t.Errorf("the owner's list lives for %v, want %v", ttl, want)
	}

	d.want("to move one behind the other", "", move("Jim", a, time.Now().Add(4*time.Hour)))
	has("one moved", "Jim", b, a)
	if ttl, want := d.db.PTTL(ctx, ck.ownSchedules("Jim")).Val(), 28*time.Hour; ttl > want || ttl < want-time.Minute {
		t.Errorf("after a move the owner's list lives for %v, want %v", ttl, want)
	}
	d.want("to move one of nobody", "", move("", free, time.Now().Add(4*time.Hour)))
	has("nobody's, moved", "")
	body := d.db.HGet(ctx, k.scheduleBodies(ck.part), a.ID.String()).Val()
	if q, _, err := decodeSchedule(ck.part, a.ID.String(), body); err != nil || time.Until(q.Due) < 3*time.Hour {
		t.Errorf("the body of one that was moved says %v (%v)", q, err)
	}

	d.want("to cancel one", "", cancel("Jim", b))
	has("one cancelled", "Jim", a)
	if d.db.HExists(ctx, k.scheduleBodies(ck.part), b.ID.String()).Val() {
		t.Error("a cancelled one has a body")
	}
	if _, err := d.db.ZScore(ctx, ck.schedules(), b.ID.String()).Result(); err == nil {
		t.Error("a cancelled one is among the channel's")
	}
	d.want("another one in its place", "", add("Jim", c, 2))
	has("another one", "Jim", c, a)

	// One that was fired is in the owner's list until somebody must know.
	if err := d.db.HDel(ctx, k.scheduleBodies(ck.part), c.ID.String()).Err(); err != nil {
		t.Fatal(err)
	}
	e := scheduled(5 * time.Hour)
	d.want("one in the place of one that was fired", "", add("Jim", e, 2))
	has("in place of one that was fired", "Jim", a, e)
	d.want("one too many after that", refusedFull, add("Jim", scheduled(time.Hour), 2))
}

// TestDeferredOnce: a schedule that is deferred is due once, later, and so it is
// where memory is full: it would hold up the others.
func TestDeferredOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k := &d.n.s.keys
	p := k.channel("c").part
	first, second := scheduled(-time.Minute), scheduled(-time.Minute)
	d.want("one that is due", "", d.add(first, 0))
	d.want("another one", "", d.add(second, 0))
	d.wantDeferred("one", "ok", p, first, encodeSchedule(&first))
	if err := d.db.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	d.wantDeferred("one in full memory", "ok", p, second, encodeSchedule(&second))
	all := d.db.ZRangeWithScores(t.Context(), k.schedules(p), 0, -1).Val()
	for _, z := range all {
		if time.Until(time.UnixMilli(int64(z.Score))) < 30*time.Second {
			t.Errorf("%v is due at %v, want in a minute", z.Member, z.Score)
		}
	}
	if len(all) != 2 {
		t.Errorf("by time there is %v, want each once", all)
	}
}

// TestResignTells: when one that fires schedules leaves, the others know at once.
func TestResignTells(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k := &d.n.s.keys
	ctx := t.Context()
	topic := d.db.Subscribe(ctx, "topic")
	defer func() { _ = topic.Close() }()
	if _, err := topic.Receive(ctx); err != nil {
		t.Fatal(err)
	}
	resign := func(inc string) {
		t.Helper()
		d.lease(0, inc, time.Minute)
		d.want(inc+" leaves", "", call{
			script: resignScript, part: 0, keys: []any{k.leases(0), k.owned(0, inc), k.conns(0, inc), k.firing()},
			args: []any{inc, "1", "topic"},
		})
	}
	if err := d.db.ZAdd(ctx, k.firing(), redis.Z{Score: 1e13, Member: "fires.1"}).Err(); err != nil {
		t.Fatal(err)
	}
	resign("idle.1")
	resign("fires.1")
	if left := d.db.ZRange(ctx, k.firing(), 0, -1).Val(); len(left) > 0 {
		t.Errorf("among those that fire are %v", left)
	}
	if err := d.db.Publish(ctx, "topic", "end").Err(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"heartbeat", "end"} {
		if m, err := topic.ReceiveMessage(ctx); err != nil || m.Payload != want {
			t.Fatalf("told %v (%v), want %q", m, err, want)
		}
	}
}

// TestLongLeasesAreCut: a lease that is longer than one that begins now is of
// another clock.
func TestLongLeasesAreCut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	k := &d.n.s.keys
	const p = 3
	d.lease(p, "a.1", time.Second)
	d.lease(p, "short.1", 20*time.Second)
	d.lease(p, "long.1", time.Hour)
	d.lease(p, "long.2", time.Hour)
	d.want("to renew", "", call{script: renewScript, part: p, keys: []any{k.leases(p)}, args: []any{"60000", renewKeep, "a.1"}})
	for inc, most := range map[string]time.Duration{"a.1": time.Minute, "short.1": 20 * time.Second, "long.1": time.Minute, "long.2": time.Minute} {
		at, err := d.db.ZScore(t.Context(), k.leases(p), inc).Result()
		if left := time.Until(time.UnixMilli(int64(at))); err != nil || left > most || left < most-10*time.Second {
			t.Errorf("the lease of %s lasts for %v (%v), want %v", inc, left, err, most)
		}
	}
}
