package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// write is a request to set a value that is its own digest; "" clears.
func write(key, value string) store.SetRequest {
	r := store.SetRequest{
		Channel: "c", Key: key, Digest: value, Retention: store.Forever,
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

// keys reads pages until there are as many keys as wanted, or no more.
func (n *node) keys(q store.KeysRequest) []string {
	n.e.Helper()
	q.Channel = "c"
	var keys []string
	for limit := q.Limit; ; {
		q.Limit = limit - len(keys)
		page, err := n.Keys(n.e.Context(), q)
		if err != nil {
			n.e.Fatalf("node %d: Keys: %v", n.r.number, err)
		}
		if got := len(page.Keys); got > q.Limit || got == 0 && page.More {
			n.e.Fatalf("node %d: Keys returned %d keys for %+v, more: %v", n.r.number, got, q, page.More)
		}
		keys = append(keys, page.Keys...)
		if !page.More || len(keys) == limit {
			return keys
		}
		q.After = keys[len(keys)-1]
	}
}

// entries returns all of those entries that are there.
func (n *node) entries(keys ...string) []*store.Entry {
	n.e.Helper()
	var all []*store.Entry
	for len(keys) > 0 {
		page, err := n.Entries(n.e.Context(), store.EntriesRequest{Channel: "c", Keys: keys, MaxBytes: plenty})
		if err != nil {
			n.e.Fatalf("node %d: Entries: %v", n.r.number, err)
		}
		if len(page.Rest) >= len(keys) {
			n.e.Fatalf("node %d: Entries looked at none of %d keys", n.r.number, len(keys))
		}
		all, keys = append(all, page.Entries...), page.Rest
	}
	return all
}

// wantEntry wants a read to return an entry, or nothing if it is nil.
func (n *node) wantEntry(why, key string, want *store.Entry) {
	n.e.Helper()
	wantEqual(n.e, why, n.entry(key), want)
}

// entry returns the entry of a key, or nil if there is none.
func (n *node) entry(key string) *store.Entry {
	n.e.Helper()
	list := n.entries(key)
	if len(list) > 1 {
		n.e.Fatalf("node %d: Entries returned %d entries of one key", n.r.number, len(list))
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
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
	second.Retention, second.Meta, second.Origin, second.Emit = time.Hour, store.Meta{}, nil, true
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
	again.Meta, again.Origin, again.Emit, again.Retention = store.Meta{UID: "Pam"}, []byte("again"), true, time.Hour
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

func testKeys(e *env) {
	a, b := e.join(), e.join()
	keys := []string{"0", "10", "2", "B", "a", "ab", "b", "ba", "bé", "b\U0010ffff", "é", "ü", "👍", "\U0010ffff"}
	keys = append(keys, strings.Repeat("z", 128))
	slices.Sort(keys)
	for i := range keys {
		a.set(write(keys[i*7%len(keys)], "1"))
	}
	elsewhere := write("elsewhere", "1")
	elsewhere.Channel = "other"
	a.set(elsewhere)
	b.set(write("cleared", "1"))
	b.set(write("cleared", ""))
	rows := []struct {
		why  string
		q    store.KeysRequest
		want []string
	}{
		{"all, in byte order", store.KeysRequest{Limit: 100}, keys},
		{"exactly as many as there are", store.KeysRequest{Limit: len(keys)}, keys},
		{"a page", store.KeysRequest{Limit: 3}, keys[:3]},
		{"after is exclusive", store.KeysRequest{After: keys[2], Limit: 3}, keys[3:6]},
		{"after need not be a key", store.KeysRequest{After: keys[2] + "\x00", Limit: 3}, keys[3:6]},
		{"after the last", store.KeysRequest{After: keys[len(keys)-1], Limit: 3}, nil},
		{"with a prefix", store.KeysRequest{Prefix: "b", Limit: 100}, []string{"b", "ba", "bé", "b\U0010ffff"}},
		{"a page of those", store.KeysRequest{Prefix: "b", Limit: 2}, []string{"b", "ba"}},
		{"after one of those", store.KeysRequest{Prefix: "b", After: "ba", Limit: 100}, []string{"bé", "b\U0010ffff"}},
		{"after the prefix", store.KeysRequest{Prefix: "b", After: "b", Limit: 100}, []string{"ba", "bé", "b\U0010ffff"}},
		{"after what is before those", store.KeysRequest{Prefix: "b", After: "a", Limit: 100}, []string{"b", "ba", "bé", "b\U0010ffff"}},
		{"after what is after those", store.KeysRequest{Prefix: "b", After: "c", Limit: 100}, nil},
		{"a prefix of none", store.KeysRequest{Prefix: "c", Limit: 100}, nil},
		{"a prefix that is a character", store.KeysRequest{Prefix: "👍", Limit: 100}, []string{"👍"}},
	}
	for _, row := range rows {
		for _, n := range []*node{a, b} {
			wantEqual(e, row.why, n.keys(row.q), row.want)
		}
	}
	if page, err := a.Keys(e.Context(), store.KeysRequest{Channel: "unknown", Limit: 1}); err != nil || len(page.Keys) > 0 || page.More {
		e.Errorf("an unknown channel: %v, %v", page, err)
	}
}

// testManyKeys pages through more keys than a store may hold in one piece, of
// which some are cleared.
func testManyKeys(e *env) {
	const n, limit = 1300, 500
	a := e.join()
	var want []string
	for i := range n {
		key := fmt.Sprintf("key %d", i*7919%n)
		a.set(write(key, "1"))
		if i%3 == 0 {
			a.set(write(key, ""))
			continue
		}
		want = append(want, key)
	}
	slices.Sort(want)
	var got []string
	for after := ""; ; {
		page := a.keys(store.KeysRequest{Prefix: "key ", After: after, Limit: limit})
		got = append(got, page...)
		if len(page) < limit {
			break
		}
		after = page[limit-1]
	}
	wantEqual(e, "keys, page by page", got, want)
	var listed []string
	for _, it := range a.entries(append(got, "none")...) {
		listed = append(listed, it.Key)
	}
	wantEqual(e, "their entries", listed, want)
}

func testEntries(e *env) {
	a, b := e.join(), e.join()
	long := func(key string) store.SetRequest {
		r := write(key, `"`+strings.Repeat("v", 10_000)+`"`)
		r.Digest, r.Origin = "d", nil
		return r
	}
	for _, key := range []string{"a", "b", "c", "d"} {
		a.set(long(key))
	}
	a.set(long("cleared"))
	a.set(write("cleared", ""))
	for _, row := range []struct {
		why   string
		keys  []string
		bytes int
		want  []string
		rest  []string
	}{
		{"none", nil, plenty, nil, nil},
		{"in the order named, less what is not there", []string{"d", "x", "cleared", "a"}, plenty, []string{"d", "a"}, nil},
		{"one named twice", []string{"a", "a"}, plenty, []string{"a", "a"}, nil},
		{"none of them there", []string{"x", "cleared"}, plenty, nil, nil},
		{"the first is always there", []string{"x", "a", "b"}, 1, []string{"a"}, []string{"b"}},
		{"as many as fit", []string{"a", "b", "c", "d"}, 25_000, []string{"a", "b"}, []string{"c", "d"}},
	} {
		page, err := b.Entries(e.Context(), store.EntriesRequest{Channel: "c", Keys: row.keys, MaxBytes: row.bytes})
		if err != nil {
			e.Fatalf("%s: %v", row.why, err)
		}
		var got []string
		for _, it := range page.Entries {
			got = append(got, it.Key)
			wantEqual(e, row.why, *it, entry(it.ID, long(it.Key)))
		}
		wantEqual(e, row.why, got, row.want)
		wantEqual(e, row.why+": the rest", page.Rest, row.rest)
	}
	page, err := a.Entries(e.Context(), store.EntriesRequest{Channel: "unknown", Keys: []string{"a"}, MaxBytes: plenty})
	if err != nil || len(page.Entries) > 0 || len(page.Rest) > 0 {
		e.Errorf("an unknown channel: %v, %v", page, err)
	}
}
