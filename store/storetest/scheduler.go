package storetest

import (
	"fmt"
	"regexp"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

func testSchedulerIsTheSame(e *env) {
	a := e.join()
	if s := a.store.Scheduler(); s == nil || s != a.store.Scheduler() {
		e.Error("Scheduler is nil, or another one each time")
	}
}

func testFirePublish(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	f := a.start()
	s := e.publishing(time.Second, "c")
	s.Connection, s.UID, s.Emit, s.Origin = "connection", "Jim", true, []byte("origin")
	s.Publish.Data, s.Publish.Meta = []byte(`{"a":"👍"}`), &store.Meta{UID: "Jim", UMD: []byte("1")}
	s.Publish.Exclude, s.Publish.Trace, s.Publish.Origin = "someone", map[string]string{"k": "v"}, []byte("o")
	group := b.add(s)
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`).MatchString(group) {
		e.Errorf("group %q", group)
	}
	s.Group = group
	got, err := b.store.Scheduler().Schedule(e.Context(), group, s.ID)
	if err != nil {
		e.Fatal(err)
	}
	wantEqual(e, "pending schedule", got, &s)
	if !got.Due.Equal(s.Due) {
		e.Errorf("pending with due %v, want %v", got.Due, s.Due)
	}

	fired := f.await(s.ID)
	wantEqual(e, "schedule fired", fired.Schedule, &s)
	id := fired.Publish.ID
	e.wantNotEarly(id, s.Due)
	wantEqual(e, "fired", fired, store.Fired{Schedule: &s, Publish: store.PublishResult{ID: id}})
	items := a.r.awaitItem("c", id)
	want := &store.Message{
		ID: id, Channel: "c", Event: "scheduled", Data: s.Publish.Data, Meta: s.Publish.Meta,
		Expires: ulid.Time(id.Time()).Add(time.Hour), Trace: s.Publish.Trace, Origin: s.Publish.Origin,
	}
	wantEqual(e, "item", items[len(items)-1], &store.Item{ID: id, Channel: "c", Exclude: "someone", Message: want})
	wantEqual(e, "kept message", b.message("c", id), want)
	_, err = b.store.Scheduler().Schedule(e.Context(), group, s.ID)
	e.wantErr("Schedule after it fired", err, store.ErrNotFound)
}

func testFireSet(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	f := a.start()
	before := b.set(write("k", "1"))
	r := write("k", "2")
	r.Retention, r.Emit = time.Hour, true
	s := store.Schedule{
		ID: ulid.Make(), Due: e.h.Now().Add(time.Second).Truncate(time.Millisecond), UID: "Jim", Set: &r,
	}
	s.Group = b.add(s)
	clearing := write("k", "")
	s2 := store.Schedule{ID: ulid.Make(), Due: s.Due.Add(500 * time.Millisecond), Set: &clearing}
	b.add(s2)

	fired := f.await(s.ID)
	id := fired.Set.Entry.ID
	e.wantNotEarly(id, s.Due)
	want := entry(id, r)
	want.Expires = ulid.Time(id.Time()).Add(time.Hour)
	wantEqual(e, "fired", fired, store.Fired{
		Schedule: &s, Set: store.SetResult{Changed: true, Entry: want, Previous: &before.Entry},
	})
	fired = f.await(s2.ID)
	e.wantNotEarly(fired.Set.Entry.ID, s2.Due)
	wantEqual(e, "entry before the scheduled clear", fired.Set.Previous, &want)
	b.wantEntry("after the scheduled clear", "k", nil)
	items := a.r.awaitCount("c", 3)
	wantEqual(e, "entry announced", items[1].Storage, &want)
}

func testFireKeep(e *env) {
	nodes := []*node{e.join(), e.join()}
	a := nodes[0]
	f := a.start()
	message := e.publishing(time.Second, "c")
	message.Publish.Retention = brief
	a.add(message)
	r := write("k", "1")
	r.Retention, r.Emit = brief, true
	set := store.Schedule{ID: ulid.Make(), Due: message.Due, Set: &r}
	a.add(set)
	id, stored := f.await(message.ID).Publish.ID, f.await(set.ID).Set.Entry
	e.h.Advance(500 * time.Millisecond) // More than brief since they were added.
	if a.message("c", id) == nil {
		e.Error("the message is not in the history for as long as its retention says")
	}
	a.wantEntry("for as long as it is to be kept", "k", &stored)
	e.h.Advance(brief - 400*time.Millisecond)
	if a.message("c", id) != nil {
		e.Error("the message is in the history for longer than its retention says")
	}
	a.wantEntry("after that", "k", nil)
	e.awaitExpired(nodes, map[string]store.Entry{"k": stored})
}

func testFireDuplicate(e *env) {
	a := e.join()
	f := a.start()
	s := e.publishing(500*time.Millisecond, "c")
	s.Publish.DedupID, s.Publish.DedupFor = "id", time.Minute
	a.add(s)
	first := a.publish(*s.Publish)
	wantEqual(e, "fired after another of its id", f.await(s.ID).Publish, store.PublishResult{ID: first.ID, Duplicate: true})
	if n := len(a.history(store.HistoryRequest{Channel: "c", Limit: 10})); n != 1 {
		e.Errorf("%d messages, want 1", n)
	}
}

func testFireNow(e *env) {
	a := e.join()
	f := a.start()
	// Those that are nearly due must not be taken for due.
	rows := []time.Duration{
		0, -time.Second, -24 * 365 * time.Hour, 2 * time.Millisecond, 20 * time.Millisecond, 60 * time.Millisecond,
	}
	for _, in := range rows {
		s := e.publishing(in, "c")
		a.add(s)
		e.wantNotEarly(f.await(s.ID).Publish.ID, s.Due)
	}
	if n := len(a.history(store.HistoryRequest{Channel: "c", Limit: 10})); n != len(rows) {
		e.Errorf("%d messages were published, want %d", n, len(rows))
	}
}

func testFireOverdue(e *env) {
	a := e.join()
	var ids []ulid.ULID
	for i := range 5 {
		s := e.publishing(time.Duration(i)*100*time.Millisecond, fmt.Sprint("c", i))
		ids = append(ids, s.ID)
		a.add(s)
	}
	e.h.Advance(time.Second)
	if n := len(a.schedules(store.SchedulesRequest{Limit: 10})); n != 5 {
		e.Errorf("%d of 5 schedules are pending while no node has started", n)
	}
	f := a.start()
	for _, id := range ids {
		f.await(id)
	}
}

func testSchedulerStop(e *env) {
	a, b := e.join(), e.join()
	stopped, running := a.start(), b.start()
	stopped.stop()
	stopped.stop()
	for range 10 {
		s := e.publishing(200*time.Millisecond, "c")
		a.add(s)
		running.await(s.ID)
	}
	if n := len(all(stopped)); n > 0 {
		e.Errorf("a node that has stopped fired %d", n)
	}
}
