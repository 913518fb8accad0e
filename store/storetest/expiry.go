package storetest

import (
	"fmt"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

func testEntryExpires(e *env) {
	a := e.join()
	a.watch("c")
	short := write("1 short", "1")
	short.Retention = brief
	renewed := write("3 renewed", "1")
	renewed.Retention = brief
	shortened := write("2 shortened", "1")
	shortened.Retention = time.Hour
	a.set(short)
	a.set(renewed)
	a.set(shortened)
	a.set(write("4 long", "1"))
	renewed.Retention, shortened.Retention = time.Hour, brief
	a.set(renewed)
	a.set(shortened)
	e.outliveBrief()

	a.wantEntry("an expired entry", "1 short", nil)
	a.wantEntry("one whose time was made shorter", "2 shortened", nil)
	var keys []string
	for _, it := range a.entries("1 short", "2 shortened", "3 renewed", "4 long") {
		keys = append(keys, it.Key)
	}
	wantEqual(e, "keys of what has not expired", keys, []string{"3 renewed", "4 long"})
	res := a.set(write("1 short", "1"))
	if !res.Changed || res.Previous != nil {
		e.Errorf("writing the value that has expired: %+v", res)
	}
	res = a.set(write("2 shortened", ""))
	if res.Changed || res.Previous != nil {
		e.Errorf("clearing what has expired: %+v", res)
	}
	a.mark("c", a)
	if n := len(a.r.delivered("c")); n != 6 {
		e.Errorf("%d items, want five writes and the mark: observers are not told of an expiry", n)
	}
}

func testEntryExpired(e *env) {
	nodes := []*node{e.join(), e.join()}
	want := make(map[string]store.Entry)
	for i := range 6 {
		r := write(fmt.Sprint("key ", i), fmt.Sprint(i))
		r.Retention, r.Emit = brief, true
		res := nodes[i%2].set(r)
		want[r.Key] = res.Entry
	}
	silent := write("silent", "1")
	silent.Retention = brief
	nodes[0].set(silent)
	// One is found expired by a write before anything else may find it.
	e.outliveBrief()
	nodes[1].set(write("key 0", "new"))
	e.awaitExpired(nodes, want)
}

// awaitExpired waits until the nodes were told of just these expiries, each
// once.
func (e *env) awaitExpired(nodes []*node, want map[string]store.Entry) {
	e.Helper()
	all := func() map[string][]store.Entry {
		got := make(map[string][]store.Entry)
		for _, n := range nodes {
			n.r.mu.Lock()
			for _, x := range n.r.expired {
				got[x.Key] = append(got[x.Key], x)
			}
			n.r.mu.Unlock()
		}
		return got
	}
	e.awaitWithTime("the expiry of every entry", func() bool { return len(all()) >= len(want) })
	e.h.Advance(2 * time.Second) // For one too many.
	for key, got := range all() {
		if len(got) != 1 {
			e.Errorf("the expiry of %q was reported %d times", key, len(got))
		}
		wantEqual(e, "entry that expired", got[0], want[key])
	}
}

func testEntryNotExpired(e *env) {
	nodes := []*node{e.join(), e.join()}
	a := nodes[0]
	emitting := func(key string, retention time.Duration) store.SetRequest {
		r := write(key, "1")
		r.Retention, r.Emit = retention, true
		return r
	}
	quiet := func(r store.SetRequest) store.SetRequest {
		r.Emit = false
		return r
	}
	a.set(emitting("cleared", brief))
	a.set(write("cleared", ""))
	a.set(emitting("renewed", brief))
	a.set(emitting("renewed", time.Hour))
	a.set(emitting("for ever now", brief))
	a.set(emitting("for ever now", store.Forever))
	a.set(emitting("overwritten", brief))
	a.set(write("overwritten", "2"))
	a.set(emitting("quiet now", brief))
	a.set(quiet(emitting("quiet now", brief)))
	a.set(quiet(emitting("emitting now", brief)))
	res := a.set(emitting("emitting now", brief))
	a.set(emitting("cleared and set", time.Hour))
	a.set(write("cleared and set", ""))
	again := a.set(emitting("cleared and set", brief))
	e.outliveBrief()
	e.awaitExpired(nodes, map[string]store.Entry{"emitting now": res.Entry, "cleared and set": again.Entry})
}
