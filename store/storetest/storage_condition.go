package storetest

import (
	"strconv"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// setIf writes a value, "" to clear, if the entry k has an ID.
func (n *node) setIf(value string, id ulid.ULID) store.SetResult {
	n.e.Helper()
	r := write("k", value)
	r.IfID = &id
	return n.set(r)
}

func testSetIf(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	refused := func(why string, got store.SetResult, there store.Entry) {
		e.Helper()
		wantEqual(e, why, got, store.SetResult{Conflict: true, Entry: there})
	}
	none := store.Entry{Channel: "c", Key: "k"}
	var zero ulid.ULID
	other := e.join().set(write("other", "1")).Entry.ID
	refused("an ID where there is no entry", b.setIf("1", other), none)
	refused("clearing with an ID where there is no entry", b.setIf("", other), none)
	if got := b.setIf("", zero); got.Changed || got.Conflict {
		e.Errorf("clearing what is not there, if it is not: %+v", got)
	}

	first := b.setIf("1", zero)
	wantEqual(e, "no entry", first, store.SetResult{Changed: true, Entry: entry(first.Entry.ID, write("k", "1"))})
	refused("no entry where there is one", a.setIf("2", zero), first.Entry)
	refused("another's ID", a.setIf("2", other), first.Entry)
	refused("an ID that no store has given", a.setIf("2", ulid.ULID{0xff, 15: 1}), first.Entry)
	refused("clearing with another's ID", a.setIf("", other), first.Entry)
	refused("an equal value with another's ID", a.setIf("1", other), first.Entry)

	second := a.setIf("2", first.Entry.ID)
	wantEqual(e, "its ID", second, store.SetResult{
		Changed: true, Entry: entry(second.Entry.ID, write("k", "2")), Previous: &first.Entry,
	})
	refused("its ID of before", b.setIf("3", first.Entry.ID), second.Entry)
	if got := b.setIf("2", second.Entry.ID); got.Changed || got.Conflict || got.Entry.ID != second.Entry.ID {
		e.Errorf("an equal value, with its ID: %+v", got)
	}
	if got := b.setIf("", second.Entry.ID); !got.Changed || got.Conflict {
		e.Errorf("clearing with its ID: %+v", got)
	}
	refused("its ID after it was cleared", a.setIf("3", second.Entry.ID), none)

	r := write("k", "4")
	r.Retention = brief
	last := a.set(r)
	e.outliveBrief()
	refused("its ID after it has expired", b.setIf("5", last.Entry.ID), none)
	if got := b.setIf("5", zero); !got.Changed {
		e.Errorf("no entry, after it has expired: %+v", got)
	}
	b.mark("c", a)
	if n := len(a.r.delivered("c")); n != 7 {
		e.Errorf("%d items, want one of the other key, five changes and the mark", n)
	}
}

// A counter that many increase is the sum.
func testSetIfTogether(e *env) {
	nodes := []*node{e.join(), e.join()}
	const writers, times = 4, 10
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			n := nodes[i%len(nodes)]
			for range times {
				for done := false; !done; {
					var id ulid.ULID
					value := 0
					if old := n.entry("k"); old != nil {
						id = old.ID
						value, _ = strconv.Atoi(string(old.Value))
					}
					done = !n.setIf(strconv.Itoa(value+1), id).Conflict
				}
			}
		})
	}
	all.Wait()
	if got := nodes[0].entry("k"); got == nil || string(got.Value) != strconv.Itoa(writers*times) {
		e.Errorf("the counter is %+v, want %d", got, writers*times)
	}
}
