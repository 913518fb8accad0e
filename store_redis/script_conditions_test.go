package storeredis

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
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
		d.want("remove members", "", n.channelCall(sweepScript, "c", ck, n.subscriptionKeys(ck, ""), "", "0", "0", "0", "0", "", "", "u"))
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
		script: heartbeatScript, part: p, keys: []any{k.leases(p), k.firing()}, args: []any{"stale.1", "60000", "1", "topic", ""},
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
			script: heartbeatScript, part: 0, keys: []any{k.leases(0), k.firing()}, args: []any{inc, "60000", flag(fires), "topic", "probe"},
		})
		_, _ = r.record.int(), r.record.int()
		allFire, heard, history := r.record.flag(), r.record.next(), r.record.next()
		if heard != "0" || history == "" || r.record.err() != nil {
			t.Errorf("%s: %q heard the probe, history %q", inc, heard, history)
		}
		working, err1 := r.list(0)
		firing, err2 := r.list(1)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if allFire {
			if len(firing) > 0 {
				t.Errorf("%s: all fire, and %q are listed", inc, firing)
			}
			firing = working
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
	silent := float64(time.Now().Add(29 * time.Second).UnixMilli())
	if err := d.db.ZAdd(t.Context(), k.firing(), redis.Z{Score: silent, Member: "silent.1"}).Err(); err != nil {
		t.Fatal(err)
	}
	same("as many fire as are at work, but one of them is silent", beat("a.1", false), "a.1 b.1", "b.1")
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
		script: heartbeatScript, part: p, keys: []any{k.leases(p), k.firing()}, args: []any{"a.1", "60000", "1", "topic", ""},
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
