package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

func testAddTwice(e *env) {
	a, b := e.join(), e.join()
	s := e.publishing(500*time.Millisecond, "c")
	group := a.add(s)
	again := s
	again.Due = s.Due.Add(200 * time.Millisecond)
	again.Publish = &store.PublishRequest{Channel: "c", Event: "another"}
	wantEqual(e, "group of what is there already", b.add(again), group)
	wantEqual(e, "schedules", len(a.schedules(store.SchedulesRequest{Limit: 10})), 1)
	f := a.start()
	fired := f.await(s.ID)
	wantEqual(e, "event", fired.Schedule.Publish.Event, "scheduled")
	e.wantNotEarly(fired.Publish.ID, s.Due)
	e.h.Advance(500 * time.Millisecond)
	if n := len(all(f)[s.ID]); n != 1 {
		e.Errorf("fired %d times", n)
	}
}

func testAddBound(e *env) {
	a, b := e.join(), e.join()
	bounded := func(in time.Duration, channel string) store.Schedule {
		s := e.publishing(in, channel)
		s.MaxPending = 2
		return s
	}
	first, second := bounded(500*time.Millisecond, "c"), bounded(time.Hour, "c")
	group := a.add(first)
	b.add(second)
	third := bounded(time.Hour, "c")
	_, err := a.store.Scheduler().Add(e.Context(), third)
	e.wantErr("the third of two", err, store.ErrCapacity)
	b.add(second) // is there already
	a.add(bounded(time.Hour, "d"))
	unbounded := e.publishing(time.Hour, "c")
	a.add(unbounded)
	wantEqual(e, "schedules of the channel", len(b.schedules(store.SchedulesRequest{Channel: "c", Limit: 10})), 3)

	// What was cancelled and what has fired are not pending.
	if err := b.store.Scheduler().Cancel(e.Context(), group, unbounded.ID); err != nil {
		e.Fatal(err)
	}
	a.start().await(first.ID)
	third.ID = ulid.Make() // for the store may have refused the other one for good
	a.add(third)
	_, err = b.store.Scheduler().Add(e.Context(), bounded(time.Hour, "c"))
	e.wantErr("one more", err, store.ErrCapacity)
	got, err := a.store.Scheduler().Schedule(e.Context(), group, third.ID)
	if err != nil || got.MaxPending != 0 {
		e.Errorf("pending: %+v, %v", got, err)
	}
}

// testOwnerBound gives each owner two schedules on a channel, also when many are
// asked for at once.
func testOwnerBound(e *env) {
	a, b := e.join(), e.join()
	nodes := []*node{a, b}
	owned := func(in time.Duration, channel, uid, connection string) store.Schedule {
		s := e.publishing(in, channel)
		s.UID, s.Connection, s.MaxOfOwner = uid, connection, 2
		return s
	}
	try := func(n *node, s store.Schedule) error {
		_, err := n.store.Scheduler().Add(e.Context(), s)
		return err
	}
	full := func(why string, s store.Schedule) {
		e.Helper()
		e.wantErr(why, try(a, s), store.ErrCapacity)
	}
	soon, later := owned(500*time.Millisecond, "c", "Jim", "1"), owned(time.Hour, "c", "Jim", "2")
	group := a.add(soon)
	b.add(later)
	full("a user's third", owned(time.Hour, "c", "Jim", "3"))
	b.add(later) // is there already
	for _, s := range []store.Schedule{
		owned(time.Hour, "d", "Jim", "1"), owned(time.Hour, "c", "Pam", "1"),
		owned(time.Hour, "c", "", "1"), owned(time.Hour, "c", "", "1"), owned(time.Hour, "c", "", "Jim"),
		owned(time.Hour, "c", "", ""), owned(time.Hour, "c", "", ""), owned(time.Hour, "c", "", ""),
	} {
		if err := try(b, s); err != nil {
			e.Errorf("of user %q and connection %q: %v", s.UID, s.Connection, err)
		}
	}
	full("a connection's third", owned(time.Hour, "c", "", "1"))

	// What has fired and what was cancelled is not pending; what was moved is.
	if err := b.store.Scheduler().Move(e.Context(), group, later.ID, e.h.Now().Add(2*time.Hour)); err != nil {
		e.Fatal(err)
	}
	a.start().await(soon.ID)
	third := owned(time.Hour, "c", "Jim", "1")
	a.add(third)
	full("a user's third after one has fired", owned(time.Hour, "c", "Jim", "1"))
	if err := b.store.Scheduler().Cancel(e.Context(), group, third.ID); err != nil {
		e.Fatal(err)
	}
	a.add(owned(time.Hour, "c", "Jim", "1"))
	full("a user's third after one was cancelled", owned(time.Hour, "c", "Jim", "1"))

	var wg sync.WaitGroup
	var accepted atomic.Int32
	for i := range 16 {
		wg.Go(func() {
			switch err := try(nodes[i%2], owned(time.Hour, "c", "Al", fmt.Sprint(i))); {
			case err == nil:
				accepted.Add(1)
			case !errors.Is(err, store.ErrCapacity):
				e.Error(err)
			}
		})
	}
	wg.Wait()
	wantEqual(e, "accepted of many at once", accepted.Load(), 2)
}

func testCancel(e *env) {
	a, b := e.join(), e.join()
	f := a.start()
	b.start()
	cancelled, kept := e.publishing(time.Second, "c"), e.publishing(1100*time.Millisecond, "c")
	group := a.add(cancelled)
	a.add(kept)
	if err := b.store.Scheduler().Cancel(e.Context(), group, cancelled.ID); err != nil {
		e.Fatal(err)
	}
	e.wantErr("cancelling it again", a.store.Scheduler().Cancel(e.Context(), group, cancelled.ID), store.ErrNotFound)
	e.awaitWithTime("the other schedule", func() bool {
		return len(a.history(store.HistoryRequest{Channel: "c", Limit: 10})) > 0
	})
	e.h.Advance(500 * time.Millisecond)
	if n := len(a.history(store.HistoryRequest{Channel: "c", Limit: 10})); n != 1 || len(all(f)[cancelled.ID]) > 0 {
		e.Errorf("what was cancelled has fired: %d messages", n)
	}
	e.wantErr("cancelling what has fired", a.store.Scheduler().Cancel(e.Context(), group, kept.ID), store.ErrNotFound)
}

func testMove(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	f := a.start()
	earlier, later := e.publishing(time.Hour, "c"), e.publishing(500*time.Millisecond, "c")
	group := a.add(earlier)
	b.add(later)
	laterDue := e.h.Now().Add(1500 * time.Millisecond).Truncate(time.Millisecond)
	if err := a.store.Scheduler().Move(e.Context(), group, later.ID, laterDue); err != nil {
		e.Fatal(err)
	}
	earlierDue := e.h.Now().Add(time.Second).Truncate(time.Millisecond)
	if err := b.store.Scheduler().Move(e.Context(), group, earlier.ID, earlierDue); err != nil {
		e.Fatal(err)
	}
	got, err := a.store.Scheduler().Schedule(e.Context(), group, earlier.ID)
	if err != nil || !got.Due.Equal(earlierDue) {
		e.Errorf("after Move: %+v, %v", got, err)
	}
	fired := f.await(earlier.ID)
	e.wantNotEarly(fired.Publish.ID, earlierDue)
	if !fired.Schedule.Due.Equal(earlierDue) {
		e.Errorf("fired with due %v, was moved to %v", fired.Schedule.Due, earlierDue)
	}
	e.wantNotEarly(f.await(later.ID).Publish.ID, laterDue)
	if n := len(a.r.awaitCount("c", 2)); n != 2 {
		e.Errorf("two schedules, each moved, fired %d times", n)
	}
}

// schedules reads pages until there are as many schedules as wanted, or no more.
func (n *node) schedules(q store.SchedulesRequest) []*store.Schedule {
	n.e.Helper()
	var schedules []*store.Schedule
	for limit := q.Limit; ; {
		q.Limit = limit - len(schedules)
		page, err := n.store.Scheduler().Schedules(n.e.Context(), q)
		if err != nil {
			n.e.Fatalf("node %d: Schedules: %v", n.r.number, err)
		}
		if got := len(page.Schedules); got > q.Limit || got == 0 && page.More {
			n.e.Fatalf("node %d: Schedules returned %d for %+v, more: %v", n.r.number, got, q, page.More)
		}
		schedules = append(schedules, page.Schedules...)
		if !page.More || len(schedules) == limit {
			return schedules
		}
		last := schedules[len(schedules)-1]
		q.AfterDue, q.AfterID = last.Due, last.ID
	}
}

func testListSchedules(e *env) {
	a, b := e.join(), e.join()
	start := e.h.Now().Add(time.Hour).Truncate(time.Millisecond)
	var want, inOdd []store.Schedule
	for i := range 10 {
		s := e.publishing(0, fmt.Sprint("c", i%3))
		if i%4 == 0 {
			s.Publish = nil
			r := write("k", "1")
			r.Channel = "{}/👍"
			s.Set = &r
		}
		s.Due = start.Add(time.Duration(i/5) * time.Minute) // Five at a time.
		want = append(want, s)
	}
	shuffled := slices.Clone(want)
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	var group string
	for _, s := range shuffled {
		group = b.add(s)
		if group != a.add(s) {
			e.Errorf("%v has different groups", s.ID)
		}
	}
	slices.SortFunc(want, func(x, y store.Schedule) int {
		if c := x.Due.Compare(y.Due); c != 0 {
			return c
		}
		return x.ID.Compare(y.ID)
	})
	for _, s := range want {
		if s.Set != nil {
			inOdd = append(inOdd, s)
		}
	}
	ids := func(schedules []store.Schedule) (out []ulid.ULID) {
		for _, s := range schedules {
			out = append(out, s.ID)
		}
		return out
	}
	for _, row := range []struct {
		why     string
		channel string
		limit   int
		want    []ulid.ULID
	}{
		{"all at once", "", 100, ids(want)},
		{"exactly as many as there are", "", 10, ids(want)},
		{"page by page, across equal due times", "", 3, ids(want)},
		{"one by one", "", 1, ids(want)},
		{"of one channel", "{}/👍", 100, ids(inOdd)},
		{"of one channel, page by page", "{}/👍", 2, ids(inOdd)},
		{"of a channel without any", "unknown", 2, nil},
	} {
		var got []ulid.ULID
		q := store.SchedulesRequest{Channel: row.channel, Limit: row.limit}
		for {
			page := a.schedules(q)
			for _, s := range page {
				got = append(got, s.ID)
				if row.channel != "" && s.Channel() != row.channel {
					e.Errorf("%s: a schedule of %q", row.why, s.Channel())
				}
				q.AfterDue, q.AfterID = s.Due, s.ID
			}
			if len(page) < q.Limit || len(got) > len(want) {
				break
			}
		}
		wantEqual(e, row.why, got, row.want)
	}
}

func testScheduleNotFound(e *env) {
	a := e.join()
	s := e.publishing(time.Hour, "c")
	group := a.add(s)
	scheduler := a.store.Scheduler()
	for _, row := range []struct {
		why, group string
		id         ulid.ULID
	}{
		{"an unknown id", group, ulid.Make()},
		{"an unknown group", "unknown", s.ID},
		{"no group", "", s.ID},
		{"the zero id", group, ulid.ULID{}},
	} {
		_, err := scheduler.Schedule(e.Context(), row.group, row.id)
		e.wantErr("Schedule of "+row.why, err, store.ErrNotFound)
		e.wantErr("Cancel of "+row.why, scheduler.Cancel(e.Context(), row.group, row.id), store.ErrNotFound)
		e.wantErr("Move of "+row.why, scheduler.Move(e.Context(), row.group, row.id, s.Due), store.ErrNotFound)
	}
	wantEqual(e, "schedules", len(a.schedules(store.SchedulesRequest{Limit: 10})), 1)
}
