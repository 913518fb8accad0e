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

// ample is a bound in bytes that no page of a test reaches by itself.
const ample = 1 << 20

// historyPage reads one page.
func (n *node) historyPage(h store.HistoryRequest) store.HistoryResult {
	n.e.Helper()
	if h.MaxBytes == 0 {
		h.MaxBytes = ample
	}
	page, err := n.History(n.e.Context(), h)
	if err != nil {
		n.e.Fatalf("node %d: History: %v", n.r.number, err)
	}
	size := 0
	for _, m := range page.Messages {
		size += m.Size()
	}
	if got := len(page.Messages); got > h.Limit || size > h.MaxBytes && got > 1 || got == 0 && page.More {
		n.e.Fatalf("node %d: History returned %d messages of %d bytes for %+v, more: %v", n.r.number, got, size, h, page.More)
	}
	return page
}

// message returns a kept message, or nil if there is none: what the history has
// between the neighbors of its id.
func (n *node) message(channel string, id ulid.ULID) *store.Message {
	n.e.Helper()
	page := n.historyPage(store.HistoryRequest{
		Channel: channel, After: predecessor(id), Before: successor(id), Limit: 1, MaxBytes: 1,
	})
	if len(page.Messages) == 0 || page.Messages[0].ID != id {
		return nil
	}
	return page.Messages[0]
}

// history reads pages until there are as many messages as wanted, or no more.
func (n *node) history(h store.HistoryRequest) []*store.Message {
	n.e.Helper()
	var messages []*store.Message
	for limit := h.Limit; ; {
		h.Limit = limit - len(messages)
		page := n.historyPage(h)
		messages = append(messages, page.Messages...)
		if !page.More || len(messages) == limit {
			return messages
		}
		if last := messages[len(messages)-1].ID; h.Reverse {
			h.Before = last
		} else {
			h.After = last
		}
	}
}

func testHistoryPages(e *env) {
	a, b := e.join(), e.join()
	var ids []ulid.ULID // Those of the kept messages.
	for i := range 10 {
		ids = append(ids, a.publish(store.PublishRequest{Channel: "c", Event: fmt.Sprint(i), Retention: time.Hour}).ID)
		a.publish(store.PublishRequest{Channel: "c", Event: "not kept"})
		a.publish(store.PublishRequest{Channel: "other", Event: "elsewhere", Retention: time.Hour})
	}
	next := func(id ulid.ULID) ulid.ULID {
		for i := len(id) - 1; i >= 0; i-- {
			id[i]++
			if id[i] != 0 {
				break
			}
		}
		return id
	}
	reversed := func(ids []ulid.ULID) []ulid.ULID {
		ids = slices.Clone(ids)
		slices.Reverse(ids)
		return ids
	}
	rows := []struct {
		why  string
		h    store.HistoryRequest
		want []ulid.ULID
	}{
		{"all", store.HistoryRequest{Limit: 100}, ids},
		{"a limit that is the exact number", store.HistoryRequest{Limit: 10}, ids},
		{"the oldest", store.HistoryRequest{Limit: 3}, ids[:3]},
		{"the newest", store.HistoryRequest{Limit: 3, Reverse: true}, reversed(ids[7:])},
		{"all from the newest", store.HistoryRequest{Limit: 100, Reverse: true}, reversed(ids)},
		{"after is exclusive", store.HistoryRequest{After: ids[2], Limit: 3}, ids[3:6]},
		{"after need not be a message", store.HistoryRequest{After: next(ids[2]), Limit: 3}, ids[3:6]},
		{"after bounds a reversed page, too", store.HistoryRequest{After: ids[2], Limit: 100, Reverse: true}, reversed(ids[3:])},
		{"before is exclusive", store.HistoryRequest{Before: ids[2], Limit: 100}, ids[:2]},
		{"before need not be a message", store.HistoryRequest{Before: next(ids[2]), Limit: 100}, ids[:3]},
		{"before in reverse", store.HistoryRequest{Before: ids[8], Limit: 3, Reverse: true}, reversed(ids[5:8])},
		{"both bounds", store.HistoryRequest{After: ids[2], Before: ids[6], Limit: 100}, ids[3:6]},
		{"both bounds in reverse", store.HistoryRequest{After: ids[2], Before: ids[6], Limit: 2, Reverse: true}, reversed(ids[4:6])},
		{"nothing after the newest", store.HistoryRequest{After: ids[9], Limit: 100}, nil},
		{"nothing before the oldest", store.HistoryRequest{Before: ids[0], Limit: 100}, nil},
		{"nothing between neighbours", store.HistoryRequest{After: ids[4], Before: ids[5], Limit: 100}, nil},
		{"nothing between equal bounds", store.HistoryRequest{After: ids[4], Before: ids[4], Limit: 100}, nil},
		{"nothing between crossed bounds", store.HistoryRequest{After: ids[6], Before: ids[2], Limit: 100}, nil},
		{"nothing between crossed bounds in reverse", store.HistoryRequest{After: ids[6], Before: ids[2], Limit: 100, Reverse: true}, nil},
		{"nothing after the greatest id", store.HistoryRequest{After: maxID, Limit: 100}, nil},
		{"everything before the greatest id", store.HistoryRequest{Before: maxID, Limit: 100}, ids},
	}
	for _, row := range rows {
		row.h.Channel = "c"
		for _, n := range []*node{a, b} {
			wantEqual(e, row.why, idsOf(n.history(row.h)), row.want)
		}
	}
}

func testCount(e *env) {
	a, b := e.join(), e.join()
	count := func(why string, n *node, r store.CountRequest, want int) {
		e.Helper()
		if r.Channel == "" {
			r.Channel = "c"
		}
		got, err := n.Count(e.Context(), r)
		if err != nil || got != want {
			e.Errorf("%s: node %d counted %d (%v), want %d", why, n.r.number, got, err, want)
		}
	}
	count("an unknown channel", a, store.CountRequest{Limit: 10}, 0)
	var ids []ulid.ULID
	for i := range 10 {
		retention := time.Hour
		if i%2 == 0 {
			retention = brief
		}
		ids = append(ids, a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: retention}).ID)
		a.publish(store.PublishRequest{Channel: "c", Event: "not kept"})
		a.publish(store.PublishRequest{Channel: "other", Event: "elsewhere", Retention: time.Hour})
	}
	kept := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever}).ID
	e.outliveBrief()
	for _, n := range []*node{a, b} {
		count("half have expired", n, store.CountRequest{Limit: 100}, 6)
		count("as many as the limit", n, store.CountRequest{Limit: 6}, 6)
		count("more than the limit", n, store.CountRequest{Limit: 5}, 5)
		count("after is exclusive", n, store.CountRequest{After: ids[5], Limit: 100}, 3)
		count("after one that has expired", n, store.CountRequest{After: ids[6], Limit: 100}, 3)
		count("after what is no message", n, store.CountRequest{After: successor(ids[5]), Limit: 100}, 3)
		count("after the newest", n, store.CountRequest{After: kept, Limit: 100}, 0)
		count("after the greatest id", n, store.CountRequest{After: maxID, Limit: 100}, 0)
	}
}

func testHistoryOfNothing(e *env) {
	a := e.join()
	a.publish(store.PublishRequest{Channel: "unkept", Event: "e"})
	for _, c := range []string{"unknown", "unkept"} {
		if page := a.history(store.HistoryRequest{Channel: c, Limit: 10}); len(page) != 0 {
			e.Errorf("%q has %d messages", c, len(page))
		}
	}
}

// testHistoryWhilePublishing pages forwards through a channel in which two
// nodes publish, going on from the last id of each page, however short: in the
// end every message was seen once, in order.
func testHistoryWhilePublishing(e *env) {
	const publishers, each = 4, 50
	nodes := []*node{e.join(), e.join()}
	reader := e.join()
	var wg sync.WaitGroup
	var mu sync.Mutex
	var published []ulid.ULID
	for p := range publishers {
		wg.Go(func() {
			for range each {
				res, err := nodes[p%2].Publish(e.Context(), store.PublishRequest{
					Channel: "c", Event: "e", Retention: time.Hour,
				})
				if err != nil {
					e.Error(err)
					return
				}
				mu.Lock()
				published = append(published, res.ID)
				mu.Unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	var seen []ulid.ULID
	var after ulid.ULID
	for finished := false; ; {
		page := reader.history(store.HistoryRequest{Channel: "c", After: after, Limit: 7})
		if len(page) > 0 {
			seen = append(seen, idsOf(page)...)
			after = page[len(page)-1].ID
			continue
		}
		if finished {
			break
		}
		select {
		case <-done:
			finished = true // One more look, at what came since the empty page.
		case <-time.After(time.Millisecond):
		}
	}
	slices.SortFunc(published, ulid.ULID.Compare)
	wantEqual(e, "ids seen by paging", seen, published)
}

// testHistoryWhileExpiring pages through a channel, half of whose messages
// expire between two pages: a page is full as long as there is enough.
func testHistoryWhileExpiring(e *env) {
	a := e.join()
	var long []ulid.ULID
	for range 20 {
		a.publish(store.PublishRequest{Channel: "c", Event: "short", Retention: brief})
		long = append(long, a.publish(store.PublishRequest{Channel: "c", Event: "long", Retention: time.Hour}).ID)
	}
	first := a.history(store.HistoryRequest{Channel: "c", Limit: 4})
	if len(first) != 4 {
		e.Fatalf("the first page has %d messages", len(first))
	}
	e.outliveBrief()
	// On a busy machine some have expired before.
	rest := slices.DeleteFunc(slices.Clone(long), func(id ulid.ULID) bool { return id.Compare(first[3].ID) <= 0 })
	wantEqual(e, "a page after what has expired",
		idsOf(a.history(store.HistoryRequest{Channel: "c", After: first[3].ID, Limit: 10})), rest[:10])
	wantEqual(e, "a page from the newest",
		idsOf(a.history(store.HistoryRequest{Channel: "c", Reverse: true, Limit: 2})), []ulid.ULID{long[19], long[18]})
}

// testHistoryBytes pages in both directions through messages of very different
// sizes, of which one alone is longer than a page.
func testHistoryBytes(e *env) {
	const maxBytes = 4000
	a := e.join()
	var ids []ulid.ULID
	for i := range 40 {
		size := []int{1, 10, 300, 1000, 3000}[i%5]
		if i == 17 {
			size = 3 * maxBytes
		}
		ids = append(ids, a.publish(store.PublishRequest{
			Channel: "c", Event: "e", Data: jsonText(size), Retention: time.Hour,
		}).ID)
	}
	reversed := slices.Clone(ids)
	slices.Reverse(reversed)
	for _, reverse := range []bool{false, true} {
		h := store.HistoryRequest{Channel: "c", Reverse: reverse, Limit: 100, MaxBytes: maxBytes}
		var seen []ulid.ULID
		pages := 0
		for more := true; more; pages++ {
			page := a.historyPage(h)
			seen = append(seen, idsOf(page.Messages)...)
			if more = page.More; more {
				h.After, h.Before = seen[len(seen)-1], ulid.ULID{}
				if reverse {
					h.After, h.Before = ulid.ULID{}, seen[len(seen)-1]
				}
			}
		}
		if reverse {
			wantEqual(e, "seen from the newest", seen, reversed)
		} else {
			wantEqual(e, "seen", seen, ids)
		}
		// A store need not fill a page to the last byte, but must come near.
		if pages > 30 {
			e.Errorf("it took %d pages", pages)
		}
	}
}

// testHistoryMore reads exactly what there is.
func testHistoryMore(e *env) {
	a := e.join()
	for range 3 {
		a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour})
	}
	for limit, more := range map[int]bool{1: true, 2: true, 3: false, 4: false} {
		for _, reverse := range []bool{false, true} {
			page := a.historyPage(store.HistoryRequest{Channel: "c", Limit: limit, Reverse: reverse})
			if len(page.Messages) != min(limit, 3) || page.More != more {
				e.Errorf("of 3 messages, a page of %d has %d, more: %v", limit, len(page.Messages), page.More)
			}
		}
	}
}

// jsonText returns a JSON text of so many bytes.
func jsonText(size int) []byte { return []byte(strings.Repeat("1", size)) }
