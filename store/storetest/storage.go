package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

var storageTests = []testCase{
	{"SetGetClear", testSet},
	{"EqualValueIsNotAnnounced", testSetEqual},
	{"List", testList},
	{"Linearizable", testLinearizable},
	{"OneWriterOfEqualValuesChanges", testEqualWrites},
	{"SnapshotAndLiveStream", testObserve},
}

// write is a request to set a value that is its own digest; "" clears.
func write(key, value string) store.SetRequest {
	r := store.SetRequest{
		Channel: "c", Key: key, Digest: value, Keep: store.Forever,
		Meta: store.Meta{UID: "Jim", UMD: []byte(`{"a":1}`)}, Origin: []byte("origin of " + value),
	}
	if value != "" {
		r.Value = []byte(value)
	}
	return r
}

// entry is what such a request stores.
func entry(id ulid.ULID, r store.SetRequest) store.Entry {
	return store.Entry{
		ID: id, Channel: r.Channel, Key: r.Key, Value: r.Value, Meta: r.Meta, Emit: r.Emit, Origin: r.Origin,
	}
}

func (n *node) set(r store.SetRequest) store.SetResult {
	n.e.Helper()
	res, err := n.Set(n.e.Context(), r)
	if err != nil {
		n.e.Fatalf("node %d: Set: %v", n.r.number, err)
	}
	return res
}

func (n *node) list(l store.ListRequest) []*store.Entry {
	n.e.Helper()
	l.Channel = "c"
	page, err := n.List(n.e.Context(), l)
	if err != nil {
		n.e.Fatalf("node %d: List: %v", n.r.number, err)
	}
	return page
}

// wantEntry wants Get to return an entry, or nothing if it is nil.
func (n *node) wantEntry(why, key string, want *store.Entry) {
	n.e.Helper()
	got, err := n.Get(n.e.Context(), "c", key)
	if want == nil {
		n.e.wantErr(why, err, store.ErrNotFound)
		return
	}
	if err != nil {
		n.e.Errorf("%s: Get: %v", why, err)
		return
	}
	wantEqual(n.e, why, got, want)
}

func testSet(e *env) {
	a, b := e.join(), e.join()
	b.watch("c")
	a.wantEntry("what was never set", "k", nil)
	cleared := a.set(write("k", ""))
	if cleared.Changed || cleared.Previous != nil || cleared.Entry.Value != nil {
		e.Errorf("clearing what is not there: %+v", cleared)
	}

	first := a.set(write("k", "1"))
	firstEntry := entry(first.Entry.ID, write("k", "1"))
	wantEqual(e, "result of the first write", first, store.SetResult{Changed: true, Entry: firstEntry})
	b.wantEntry("after the first write", "k", &firstEntry)

	second := write("k", "2")
	second.Keep, second.Meta, second.Origin, second.Emit = time.Hour, store.Meta{}, nil, true
	changed := b.set(second)
	secondEntry := entry(changed.Entry.ID, second)
	secondEntry.Expires = e.h.Now().Add(time.Hour)
	wantEqual(e, "result of the second write", changed, store.SetResult{
		Changed: true, Entry: secondEntry, Previous: &firstEntry,
	})
	a.wantEntry("after the second write", "k", &secondEntry)
	a.wantEntry("another key", "K", nil)

	clearing := a.set(write("k", ""))
	clearedEntry := entry(clearing.Entry.ID, write("k", ""))
	wantEqual(e, "result of clearing", clearing, store.SetResult{
		Changed: true, Entry: clearedEntry, Previous: &secondEntry,
	})
	b.wantEntry("after clearing", "k", nil)

	third := a.set(write("k", "1"))
	thirdEntry := entry(third.Entry.ID, write("k", "1"))
	wantEqual(e, "result of writing after clearing", third, store.SetResult{Changed: true, Entry: thirdEntry})

	got := b.r.awaitItem("c", third.Entry.ID)
	want := []store.Entry{firstEntry, secondEntry, clearedEntry, thirdEntry}
	if len(got) != len(want) {
		e.Fatalf("%d items, want %d", len(got), len(want))
	}
	for i, it := range got {
		wantEqual(e, "entry announced", it.Storage, &want[i])
		if it.Exclude != "" {
			e.Errorf("a storage item excludes %q", it.Exclude)
		}
	}
	if v := got[2].Storage.Value; v != nil {
		e.Errorf("the announcement of a clear has the value %q", v)
	}
}

func testSetEqual(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	first := a.set(write("k", "1"))
	again := write("k", "1")
	again.Meta, again.Origin, again.Emit, again.Keep = store.Meta{UID: "Pam"}, []byte("again"), true, time.Hour
	res := b.set(again)
	want := entry(first.Entry.ID, again)
	want.Expires = e.h.Now().Add(time.Hour)
	old := entry(first.Entry.ID, write("k", "1"))
	wantEqual(e, "result of writing an equal value", res, store.SetResult{Entry: want, Previous: &old})
	a.wantEntry("after writing an equal value", "k", &want)
	// And back: what expires becomes what does not.
	res = a.set(write("k", "1"))
	wantEqual(e, "result of writing it for ever", res, store.SetResult{Entry: old, Previous: &want})
	a.wantEntry("after writing it for ever", "k", &old)
	// Same bytes, another digest: it is the digest that counts.
	other := write("k", "1")
	other.Digest = "another"
	if res := a.set(other); !res.Changed || res.Entry.ID.Compare(first.Entry.ID) <= 0 {
		e.Errorf("a value with another digest: %+v", res)
	}
	b.mark("c", a)
	if n := len(a.r.delivered("c")); n != 3 {
		e.Errorf("%d items, want two changes and the mark", n)
	}
}

func testList(e *env) {
	a, b := e.join(), e.join()
	keys := []string{"", "0", "10", "2", "B", "a", "ab", "b", "é", "ü", "👍", "\U0010ffff"}[1:]
	keys = append(keys, strings.Repeat("z", 128))
	slices.Sort(keys)
	for i := range keys {
		a.set(write(keys[i*5%len(keys)], "1"))
	}
	elsewhere := write("elsewhere", "1")
	elsewhere.Channel = "other"
	a.set(elsewhere)
	b.set(write("cleared", "1"))
	b.set(write("cleared", ""))
	rows := []struct {
		why  string
		l    store.ListRequest
		want []string
	}{
		{"all, in byte order", store.ListRequest{Limit: 100}, keys},
		{"exactly as many as there are", store.ListRequest{Limit: len(keys)}, keys},
		{"a page", store.ListRequest{Limit: 3}, keys[:3]},
		{"after is exclusive", store.ListRequest{After: keys[2], Limit: 3}, keys[3:6]},
		{"after need not be a key", store.ListRequest{After: keys[2] + "\x00", Limit: 3}, keys[3:6]},
		{"after the last", store.ListRequest{After: keys[len(keys)-1], Limit: 3}, nil},
		{"keys, in any order, of which one is not there", store.ListRequest{Keys: []string{"b", "x", "a"}, Limit: 100}, []string{"a", "b"}},
		{"keys named twice", store.ListRequest{Keys: []string{"b", "b"}, Limit: 100}, []string{"b"}},
		{"keys after one", store.ListRequest{Keys: []string{"a", "b", "ab"}, After: "a", Limit: 100}, []string{"ab", "b"}},
		{"a page of keys", store.ListRequest{Keys: []string{"b", "ab", "a"}, Limit: 2}, []string{"a", "ab"}},
		{"keys that are not there", store.ListRequest{Keys: []string{"x", "elsewhere", "cleared"}, Limit: 100}, nil},
	}
	for _, row := range rows {
		for _, n := range []*node{a, b} {
			var got []string
			for _, it := range n.list(row.l) {
				got = append(got, it.Key)
				want := entry(it.ID, write(it.Key, "1"))
				wantEqual(e, row.why, *it, want)
			}
			wantEqual(e, row.why, got, row.want)
		}
	}
	if page, err := a.List(e.Context(), store.ListRequest{Channel: "unknown", Limit: 1}); err != nil || len(page) > 0 {
		e.Errorf("an unknown channel: %v, %v", page, err)
	}
}

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
					got, err := nodes[(w+i)%2].Get(e.Context(), "c", "k")
					switch {
					case err == nil && got.ID.Compare(floor) < 0:
						e.Errorf("read %v after %v was written", got.ID, floor)
					case err != nil && !floor.IsZero():
						e.Errorf("Get after a write: %v", err)
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
// Watch, then List page by page, then what was delivered, unless it is older
// than what was listed. It must end with what is there.
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
		page := b.list(store.ListRequest{After: after, Limit: 2})
		for _, it := range page {
			view[it.Key] = it
			after = it.Key
		}
		if len(page) < 2 {
			break
		}
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
	for _, it := range a.list(store.ListRequest{Limit: 100}) {
		want[it.Key] = it
	}
	wantEqual(e, "entries as observed", view, want)
}
