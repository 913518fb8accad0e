package storetest

import (
	"fmt"
	"sync"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// testLinearizable writes and reads one key from many goroutines on two nodes.
// Who reads after a write has returned gets that value or a newer one, on any
// node; no reader goes back; writes that follow each other have growing ids,
// and the previous value of each is the one announced before it.
func testLinearizable(e *env) {
	const writers, each = 4, 30
	nodes := []*node{e.join(), e.join()}
	observer := e.join()
	observer.watch("c")
	var wg sync.WaitGroup
	var mu sync.Mutex
	previous := make(map[ulid.ULID]ulid.ULID)
	var written ulid.ULID // The greatest id of a write that returned.
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				mu.Lock()
				floor := written
				mu.Unlock()
				if i%3 == 0 {
					got, err := nodes[(w+i)%2].Entries(e.Context(), store.EntriesRequest{
						Channel: "c", Keys: []string{"k"}, MaxBytes: plenty,
					})
					switch {
					case err != nil:
						e.Error(err)
					case len(got.Entries) == 0 && !floor.IsZero():
						e.Error("an entry that was written is not there")
					case len(got.Entries) > 0 && got.Entries[0].ID.Compare(floor) < 0:
						e.Errorf("read %v after %v was written", got.Entries[0].ID, floor)
					}
				}
				res, err := nodes[w%2].Set(e.Context(), write("k", fmt.Sprintf("%d", w*each+i)))
				if err != nil {
					e.Error(err)
					return
				}
				if res.Entry.ID.Compare(floor) <= 0 {
					e.Errorf("write %v after %v has returned", res.Entry.ID, floor)
				}
				mu.Lock()
				if res.Entry.ID.Compare(written) > 0 {
					written = res.Entry.ID
				}
				if res.Previous != nil {
					previous[res.Entry.ID] = res.Previous.ID
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	items := observer.r.awaitItem("c", written)
	if len(items) != writers*each {
		e.Errorf("%d changes announced, want %d", len(items), writers*each)
	}
	for i := 1; i < len(items); i++ {
		if previous[items[i].ID] != items[i-1].ID {
			e.Errorf("the value before %v was said to be %v, but was %v", items[i].ID, previous[items[i].ID], items[i-1].ID)
		}
	}
	nodes[0].wantEntry("in the end", "k", items[len(items)-1].Storage)
}

// testEqualWrites writes the same value from many goroutines: one changes it.
func testEqualWrites(e *env) {
	nodes := []*node{e.join(), e.join()}
	nodes[0].watch("c")
	var wg sync.WaitGroup
	var mu sync.Mutex
	changed, ids := 0, make(map[ulid.ULID]bool)
	for i := range 16 {
		wg.Go(func() {
			res, err := nodes[i%2].Set(e.Context(), write("k", "1"))
			if err != nil {
				e.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if res.Changed {
				changed++
			}
			ids[res.Entry.ID] = true
		})
	}
	wg.Wait()
	nodes[1].mark("c", nodes[0])
	if n := len(nodes[0].r.delivered("c")); changed != 1 || len(ids) != 1 || n != 2 {
		e.Errorf("%d of 16 equal writes changed the value, with %d ids and %d announcements", changed, len(ids), n-1)
	}
}

// testObserve does as a subscriber to several keys does, while they change:
// Watch, then the entries page by page, then what was delivered, unless it is
// older than what was read. It must end with what is there.
func testObserve(e *env) {
	const writers, each, keys = 4, 40, 9
	a, b := e.join(), e.join()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				value := fmt.Sprint(w*each + i)
				if i%5 == 4 {
					value = "" // Clears.
				}
				if _, err := a.Set(e.Context(), write(fmt.Sprint("key ", (w+i)%keys), value)); err != nil {
					e.Error(err)
					return
				}
			}
		})
	}
	b.watch("c")
	sub := b.subscribe(store.SubscribeRequest{Channel: "c", Connection: "1"})
	view := make(map[string]*store.Entry)
	for after := ""; ; {
		page := b.keys(store.KeysRequest{After: after, Limit: 2})
		for _, it := range b.entries(page...) {
			view[it.Key] = it
		}
		if len(page) < 2 {
			break
		}
		after = page[1]
	}
	wg.Wait()
	a.mark("c", b)
	for _, it := range b.r.delivered("c") {
		if it.Storage == nil || it.ID.Compare(sub.Position) <= 0 {
			continue
		}
		if old := view[it.Storage.Key]; old == nil || old.ID.Compare(it.ID) < 0 {
			view[it.Storage.Key] = it.Storage
		}
	}
	for key, it := range view {
		if it.Value == nil {
			delete(view, key)
		}
	}
	want := make(map[string]*store.Entry)
	for _, it := range a.entries(a.keys(store.KeysRequest{Limit: 100})...) {
		want[it.Key] = it
	}
	wantEqual(e, "entries as observed", view, want)
}
