package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// A firing collects what one started node was told that it fired.
type firing struct {
	n    *node
	stop func()

	mu      sync.Mutex
	busy    bool
	stopped bool
	fired   []store.Fired
}

// start lets a node take part in firing until the end of the test.
func (n *node) start() *firing {
	n.e.Helper()
	f := &firing{n: n}
	stop, err := n.store.Scheduler().Start(n.e.Context(), n.Node, f.note)
	if err != nil {
		n.e.Fatalf("node %d: Start: %v", n.r.number, err)
	}
	f.stop = func() {
		stop()
		f.mu.Lock()
		f.stopped = true
		f.mu.Unlock()
	}
	n.e.Cleanup(func() {
		if !n.r.dead() {
			f.stop()
		}
	})
	return f
}

func (f *firing) note(fired store.Fired) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n.r.dead() {
		return
	}
	if f.stopped {
		f.n.e.Errorf("node %d: told of firing %v after stop had returned", f.n.r.number, fired.Schedule.ID)
	}
	if f.busy {
		f.n.e.Errorf("node %d: told of two firings at a time", f.n.r.number)
	}
	f.busy = true
	f.mu.Unlock()
	time.Sleep(time.Microsecond) // Lets another call come, if the store makes one.
	f.mu.Lock()
	f.busy = false
	f.fired = append(f.fired, fired)
}

// all returns what was fired by these, by schedule.
func all(firings ...*firing) map[ulid.ULID][]store.Fired {
	out := make(map[ulid.ULID][]store.Fired)
	for _, f := range firings {
		f.mu.Lock()
		for _, x := range f.fired {
			out[x.Schedule.ID] = append(out[x.Schedule.ID], x)
		}
		f.mu.Unlock()
	}
	return out
}

// await waits until a schedule has been fired, while time passes.
func (f *firing) await(id ulid.ULID) store.Fired {
	f.n.e.Helper()
	f.n.e.awaitWithTime("the firing of "+id.String(), func() bool { return len(all(f)[id]) > 0 })
	return all(f)[id][0]
}

// publishing is a schedule of a message, due in a while.
func (e *env) publishing(in time.Duration, channel string) store.Schedule {
	return store.Schedule{
		ID:      ulid.Make(),
		Due:     e.h.Now().Add(in).Truncate(time.Millisecond),
		Publish: &store.PublishRequest{Channel: channel, Event: "scheduled", Retention: time.Hour},
	}
}

func (n *node) add(s store.Schedule) (group string) {
	n.e.Helper()
	group, err := n.store.Scheduler().Add(n.e.Context(), s)
	if err != nil {
		n.e.Fatalf("node %d: Add: %v", n.r.number, err)
	}
	return group
}

// wantNotEarly wants an item, or what was made of it, to be no older than the
// schedule's due time.
func (e *env) wantNotEarly(id ulid.ULID, due time.Time) {
	e.Helper()
	if at := ulid.Time(id.Time()); at.Before(due) {
		e.Errorf("fired at %v, due at %v", at, due)
	}
}

func testFireOnce(e *env) {
	nodes := []*node{e.join(), e.join(), e.join()}
	var firings []*firing
	for _, n := range nodes {
		n.watch("c0", "c1", "c2")
		firings = append(firings, n.start())
	}
	want := make(map[ulid.ULID]store.Schedule)
	for i := range 90 {
		s := e.publishing(time.Second, fmt.Sprint("c", i%3))
		s.Due = s.Due.Truncate(100 * time.Millisecond) // Many at once.
		s.Publish.Event = s.ID.String()
		want[s.ID] = s
		nodes[i%3].add(s)
	}
	e.awaitWithTime("the firing of all", func() bool { return len(all(firings...)) == len(want) })
	e.h.Advance(500 * time.Millisecond) // For one too many.
	for id, fired := range all(firings...) {
		if len(fired) != 1 {
			e.Errorf("%v fired %d times", id, len(fired))
		}
		e.wantNotEarly(fired[0].Publish.ID, want[id].Due)
	}
	for _, c := range []string{"c0", "c1", "c2"} {
		nodes[0].mark(c, nodes...)
		for _, n := range nodes {
			events := make(map[string]int)
			for _, m := range messages(n.r.delivered(c)) {
				events[m.Event]++
				if events[m.Event] > 1 {
					e.Errorf("node %d: %q was delivered twice", n.r.number, m.Event)
				}
			}
			if len(events) != 31 {
				e.Errorf("node %d: %d messages of %q, want 30 and the mark", n.r.number, len(events), c)
			}
		}
	}
	if left := nodes[0].schedules(store.SchedulesRequest{Limit: 100}); len(left) > 0 {
		e.Errorf("%d schedules are left", len(left))
	}
}

// testFireInOrder fires into a channel in which others publish: the order is
// still one.
func testFireInOrder(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	b.watch("c")
	f := b.start()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 50 {
				if _, err := a.Publish(e.Context(), store.PublishRequest{Channel: "c", Event: "published"}); err != nil {
					e.Error(err)
				}
			}
		})
	}
	for range 50 {
		s := e.publishing(0, "c")
		s.Publish.Retention = 0
		a.add(s)
	}
	wg.Wait()
	e.awaitWithTime("the firing of all", func() bool { return len(all(f)) == 50 })
	want := idsOf(messages(a.r.awaitCount("c", 150)))
	wantEqual(e, "ids delivered to the other node", idsOf(messages(b.r.awaitCount("c", 150))), want)
}

// testFireInTurn has several nodes fire many overdue schedules of a channel, which
// take effect in the order in which they were due.
func testFireInTurn(e *env) {
	nodes := []*node{e.join(), e.join(), e.join()}
	nodes[0].watch("c")
	const n = 60
	began := e.h.Now().Truncate(time.Millisecond)
	var want []string
	for i := range n {
		// Not added in order.
		due := i * 37 % n
		s := e.publishing(0, "c")
		s.Due = began.Add(time.Duration(due) * time.Millisecond)
		s.Publish.Event = fmt.Sprintf("e%02d", due)
		nodes[0].add(s)
		want = append(want, fmt.Sprintf("e%02d", i))
	}
	e.h.Advance(time.Second)
	for _, n := range nodes {
		n.start()
	}
	var got []string
	for _, item := range nodes[0].r.awaitCount("c", n) {
		got = append(got, item.Message.Event)
	}
	wantEqual(e, "events", got, want)
}

// testCancelOrFire cancels schedules in the moment in which they fire. Either
// the cancel succeeds and nothing was published, or it does not and exactly
// one message was.
func testCancelOrFire(e *env) {
	nodes := []*node{e.join(), e.join()}
	firings := []*firing{nodes[0].start(), nodes[1].start()}
	nodes[0].watch("c")
	const n = 100
	var wg sync.WaitGroup
	cancelled := make([]bool, n)
	schedules := make([]store.Schedule, n)
	for i := range n {
		s := e.publishing(0, "c")
		s.Publish.Event = s.ID.String()
		schedules[i] = s
		wg.Go(func() {
			scheduler := nodes[i%2].store.Scheduler()
			group, err := scheduler.Add(e.Context(), s)
			if err != nil {
				e.Error(err)
				return
			}
			// The other node's.
			err = nodes[(i+1)%2].store.Scheduler().Cancel(e.Context(), group, s.ID)
			if cancelled[i] = err == nil; !cancelled[i] {
				e.wantErr("a cancel that came too late", err, store.ErrNotFound)
			}
		})
	}
	wg.Wait()
	want := 0
	for _, c := range cancelled {
		if !c {
			want++
		}
	}
	e.awaitWithTime("the firing of what was not cancelled", func() bool { return len(all(firings...)) >= want })
	e.h.Advance(500 * time.Millisecond)
	nodes[1].mark("c", nodes[0])
	published := make(map[string]int)
	for _, m := range messages(nodes[0].r.delivered("c")) {
		published[m.Event]++
	}
	for i, s := range schedules {
		want := 1
		if cancelled[i] {
			want = 0
		}
		if got := published[s.Publish.Event]; got != want {
			e.Errorf("cancelled: %v; published %d times", cancelled[i], got)
		}
		if got := len(all(firings...)[s.ID]); got != want {
			e.Errorf("cancelled: %v; reported as fired %d times", cancelled[i], got)
		}
	}
}

// testMoveOrFire is the same for moving a schedule to a far time.
func testMoveOrFire(e *env) {
	a, b := e.join(), e.join()
	f := a.start()
	a.watch("c")
	far := e.h.Now().Add(time.Hour).Truncate(time.Millisecond)
	moved, pending := 0, 0
	const n = 50
	var ids []ulid.ULID
	var group string
	for range n {
		s := e.publishing(0, "c")
		group = a.add(s)
		switch err := b.store.Scheduler().Move(e.Context(), group, s.ID, far); {
		case err == nil:
			moved++
			ids = append(ids, s.ID)
		case !errors.Is(err, store.ErrNotFound):
			e.Error(err)
		}
	}
	e.awaitWithTime("the firing of what was not moved", func() bool { return len(all(f)) >= n-moved })
	e.h.Advance(500 * time.Millisecond)
	b.mark("c", a)
	if got := len(a.r.delivered("c")) - 1; got != n-moved {
		e.Errorf("%d of %d were moved, and %d fired", moved, n, got)
	}
	for _, id := range ids {
		if s, err := a.store.Scheduler().Schedule(e.Context(), group, id); err == nil && s.Due.Equal(far) {
			pending++
		}
	}
	if pending != moved {
		e.Errorf("%d of %d that were moved are pending", pending, moved)
	}
}

// testFireAfterDeath kills the node that fires, with much to do: the others do
// it, and nothing twice.
func testFireAfterDeath(e *env) {
	a, b, c := e.joinMortal(), e.joinMortal(), e.joinMortal()
	a.watch("c")
	a.start()
	b.start()
	const n = 60
	want := make(map[string]bool)
	for i := range n {
		s := e.publishing(time.Duration(i)*20*time.Millisecond, "c")
		s.Publish.Event = s.ID.String()
		want[s.Publish.Event] = true
		c.add(s)
	}
	e.h.Advance(400 * time.Millisecond)
	b.kill()
	seen := func() int { return len(a.r.delivered("c")) }
	e.awaitWithTime("the firing of all", func() bool { return seen() >= n })
	e.h.Advance(500 * time.Millisecond)
	c.mark("c", a)
	for _, m := range messages(a.r.delivered("c"))[:n] {
		if !want[m.Event] {
			e.Errorf("%q fired again, or was never scheduled", m.Event)
		}
		delete(want, m.Event)
	}
	if got := seen(); got != n+1 {
		e.Errorf("%d messages, want %d and the mark", got, n)
	}
}
