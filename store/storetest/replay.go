package storetest

import (
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// replayPage reads one page.
func (n *node) replayPage(r store.ReplayRequest) store.ReplayResult {
	n.e.Helper()
	if r.MaxBytes == 0 {
		r.MaxBytes = ample
	}
	page, err := n.Replay(n.e.Context(), r)
	if err != nil {
		n.e.Fatalf("node %d: Replay: %v", n.r.number, err)
	}
	size := 0
	for _, m := range page.Messages {
		size += m.Size()
	}
	switch got := len(page.Messages); {
	case !page.Complete && (got > 0 || page.More):
		n.e.Fatalf("node %d: a replay that is not complete has %d messages, more: %v", n.r.number, got, page.More)
	case got > r.Limit, size > r.MaxBytes && got > 1, got == 0 && page.More:
		n.e.Fatalf("node %d: Replay returned %d messages of %d bytes for %+v, more: %v", n.r.number, got, size, r, page.More)
	}
	return page
}

// replay reads pages until there are as many messages as wanted, or no more.
func (n *node) replay(r store.ReplayRequest) store.ReplayResult {
	n.e.Helper()
	var messages []*store.Message
	for limit := r.Limit; ; {
		r.Limit = limit - len(messages)
		page := n.replayPage(r)
		if !page.Complete {
			return page
		}
		messages = append(messages, page.Messages...)
		if page.Messages = messages; !page.More || len(messages) == limit {
			return page
		}
		r.After = messages[len(messages)-1].ID
	}
}

// wantReplay replays the channel "c" after an id and wants these messages.
func (n *node) wantReplay(why string, after ulid.ULID, want []ulid.ULID) {
	n.e.Helper()
	got := n.replay(store.ReplayRequest{Channel: "c", After: after, Until: maxID, Limit: 1000})
	if !got.Complete {
		n.e.Errorf("%s: not complete", why)
		return
	}
	wantEqual(n.e, why, idsOf(got.Messages), want)
}

func (n *node) wantNoReplay(why string, after ulid.ULID) {
	n.e.Helper()
	got := n.replay(store.ReplayRequest{Channel: "c", After: after, Until: maxID, Limit: 1000})
	if got.Complete {
		n.e.Errorf("%s: said to be complete with %d messages", why, len(got.Messages))
	}
}

func testReplayRanges(e *env) {
	a, b := e.join(), e.join()
	var ids []ulid.ULID
	for i := range 10 {
		if i == 5 {
			e.h.Advance(10 * time.Millisecond) // Makes room for ids in between.
		}
		ids = append(ids, a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte("1")}).ID)
	}
	foreign := a.publish(store.PublishRequest{Channel: "other", Event: "e"}).ID
	rows := []struct {
		why          string
		after, until ulid.ULID
		limit        int
		complete     bool
		want         []ulid.ULID
		more         bool
	}{
		{"everything since", ids[3], maxID, 100, true, ids[4:], false},
		{"until is inclusive", ids[3], ids[6], 100, true, ids[4:7], false},
		{"exactly the limit", ids[3], ids[6], 3, true, ids[4:7], false},
		{"one more than the limit", ids[3], ids[7], 3, true, ids[4:7], true},
		{"after the newest there is nothing", ids[9], maxID, 100, true, nil, false},
		{"until is where it starts", ids[3], ids[3], 100, true, nil, false},
		{"until is before it starts", ids[3], ids[1], 100, true, nil, false},
		{"zero is not an item", ulid.ULID{}, maxID, 100, false, nil, false},
		{"an item of another channel", foreign, maxID, 100, false, nil, false},
		{"the greatest id", maxID, maxID, 100, false, nil, false},
		{"an id of now that was never given out", ulid.Make(), maxID, 100, false, nil, false},
		{"an id between two items", predecessor(ids[5]), maxID, 100, false, nil, false},
		{"an id of the same millisecond as an item's", stranger(ids[3]), maxID, 100, false, nil, false},
		{"an id before the first item", predecessor(ids[0]), maxID, 100, false, nil, false},
	}
	for _, row := range rows {
		for _, n := range []*node{a, b} {
			got := n.replay(store.ReplayRequest{Channel: "c", After: row.after, Until: row.until, Limit: row.limit})
			if got.Complete != row.complete || got.More != row.more {
				e.Errorf("%s: complete is %v, more %v", row.why, got.Complete, got.More)
			}
			wantEqual(e, row.why, idsOf(got.Messages), row.want)
		}
	}
	for _, id := range ids[:1] {
		got := a.replay(store.ReplayRequest{Channel: "unknown", After: id, Until: maxID, Limit: 1})
		if got.Complete {
			e.Error("a channel that does not exist has a complete replay")
		}
	}
}

// stranger returns an id of the same time that nobody was given.
func stranger(id ulid.ULID) ulid.ULID {
	id[6] ^= 0x80
	return id
}

func predecessor(id ulid.ULID) ulid.ULID {
	for i := len(id) - 1; i >= 0; i-- {
		id[i]--
		if id[i] != 255 {
			break
		}
	}
	return id
}

func successor(id ulid.ULID) ulid.ULID {
	for i := len(id) - 1; i >= 0; i-- {
		id[i]++
		if id[i] != 0 {
			break
		}
	}
	return id
}

// testReplayMixed wants replayed messages to be what was delivered.
func testReplayMixed(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	start := a.publish(store.PublishRequest{Channel: "c", Event: "start"}).ID
	keeps := []time.Duration{0, time.Second, time.Minute, time.Hour, store.Forever}
	var last ulid.ULID
	for i := range 20 {
		last = b.publish(store.PublishRequest{
			Channel: "c", Event: "e", Data: []byte(`{"a":"ü"}`), Meta: &store.Meta{UID: "u", UMD: []byte("{}")},
			Retention: keeps[i%len(keeps)], Exclude: "someone",
		}).ID
		if i%3 == 0 {
			_, err := b.Set(e.Context(), store.SetRequest{
				Channel: "c", Key: "k", Value: []byte("1"), Digest: last.String(), Retention: store.Forever,
			})
			if err != nil {
				e.Fatal(err)
			}
		}
	}
	want := messages(a.r.awaitItem("c", last))
	got := b.replay(store.ReplayRequest{Channel: "c", After: start, Until: last, Limit: 20})
	if !got.Complete {
		e.Error("not complete")
	}
	wantEqual(e, "messages replayed", got.Messages, want[1:])
}

func testReplayLimit(e *env) {
	o := store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: 10, NodeTimeout: time.Minute}
	a := e.joinWith(o)
	var ids []ulid.ULID
	for i := range 200 {
		p := store.PublishRequest{Channel: "c", Event: "e"}
		if i == 50 {
			p.Retention = time.Hour
		}
		ids = append(ids, a.publish(p).ID)
	}
	a.wantReplay("within the limit", ids[189], ids[190:])
	a.wantReplay("after the newest", ids[199], nil)
	// A store may hold somewhat more than the limit, but not all.
	a.wantNoReplay("after a message of long ago", ids[20])
	a.wantNoReplay("after a kept message, with others discarded since", ids[50])
}

// testReplayBytes replays messages of very different sizes, of which one alone
// is longer than a page, from both places where they may be.
func testReplayBytes(e *env) {
	const maxBytes = 4000
	a := e.join()
	ids := []ulid.ULID{a.publish(store.PublishRequest{Channel: "c", Event: "start"}).ID}
	keeps := []time.Duration{0, time.Hour, time.Second}
	for i := range 40 {
		size := []int{1, 10, 300, 1000, 3000}[i%5]
		if i == 17 {
			size = 3 * maxBytes
		}
		ids = append(ids, a.publish(store.PublishRequest{
			Channel: "c", Event: "e", Data: jsonText(size), Retention: keeps[i%3],
		}).ID)
	}
	r := store.ReplayRequest{Channel: "c", After: ids[0], Until: ids[39], Limit: 100, MaxBytes: maxBytes}
	var seen []ulid.ULID
	pages := 0
	for more := true; more; pages++ {
		page := a.replayPage(r)
		if !page.Complete {
			e.Fatalf("page %d is not complete", pages)
		}
		seen = append(seen, idsOf(page.Messages)...)
		if more = page.More; more {
			r.After = seen[len(seen)-1]
		}
	}
	wantEqual(e, "replayed", seen, ids[1:40])
	// A store need not fill a page to the last byte, but must come near.
	if pages > 30 {
		e.Errorf("it took %d pages", pages)
	}
}

// testReplayLosesTheRest: what is discarded between two pages is noticed by the
// second.
func testReplayLosesTheRest(e *env) {
	a := e.joinWith(store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: 10, NodeTimeout: time.Minute})
	var ids []ulid.ULID
	publish := func(n int) {
		for range n {
			ids = append(ids, a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID)
		}
	}
	publish(10)
	page := a.replayPage(store.ReplayRequest{Channel: "c", After: ids[0], Until: ids[9], Limit: 3})
	wantEqual(e, "the first page", idsOf(page.Messages), ids[1:4])
	if !page.Complete || !page.More {
		e.Errorf("the first page: complete is %v, more %v", page.Complete, page.More)
	}
	publish(200)
	if page = a.replayPage(store.ReplayRequest{Channel: "c", After: ids[3], Until: ids[9], Limit: 3}); page.Complete {
		e.Error("the second page is said to be complete, though what follows was discarded")
	}
}

func testReplayWindow(e *env) {
	o := store.JoinOptions{ReplayWindow: time.Second, ReplayLimit: 100, NodeTimeout: time.Minute}
	a := e.joinWith(o)
	a.watch("c") // Keeps the channel alive.
	var old []ulid.ULID
	for range 3 {
		old = append(old, a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID)
	}
	a.wantReplay("within the window", old[0], old[1:])
	// Stores may be late in discarding, by a second and more.
	e.h.Advance(3 * time.Second)
	fresh := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	after := a.replay(store.ReplayRequest{Channel: "c", After: old[0], Until: maxID, Limit: 100})
	if after.Complete && len(after.Messages) != 3 {
		e.Errorf("a replay with %d messages of 3 is said to be complete", len(after.Messages))
	}
	a.wantReplay("after the newest", fresh, nil)
}

// testReplayWindows: that an old message is discarded says nothing of younger
// ones.
func testReplayWindows(e *env) {
	a := e.joinWith(store.JoinOptions{ReplayWindow: 3 * time.Second, ReplayLimit: 100, NodeTimeout: time.Minute})
	publish := func() ulid.ULID { return a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID }
	publish()
	e.h.Advance(2 * time.Second)
	first, second := publish(), publish()
	e.h.Advance(1500 * time.Millisecond)
	a.wantReplay("in the window of the second", first, []ulid.ULID{second})
	third := publish()
	a.wantReplay("in the window of the third", first, []ulid.ULID{second, third})
}

// testReplayShortKeep: a message that was kept for less than the window can be
// replayed as long as one that was not kept at all.
func testReplayShortKeep(e *env) {
	a := e.join()
	start := a.publish(store.PublishRequest{Channel: "c", Event: "start"}).ID
	short := a.publish(store.PublishRequest{Channel: "c", Event: "short", Retention: brief}).ID
	end := a.publish(store.PublishRequest{Channel: "c", Event: "end"}).ID
	e.outliveBrief()
	a.wantReplay("after the message before it", start, []ulid.ULID{short, end})
	a.wantReplay("after the message itself", short, []ulid.ULID{end})
}

func testReplayKept(e *env) {
	o := store.JoinOptions{ReplayWindow: 500 * time.Millisecond, ReplayLimit: 100, NodeTimeout: time.Minute}
	a := e.joinWith(o)
	publish := func(retention time.Duration) ulid.ULID {
		return a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: retention}).ID
	}
	first, expiring, forever := publish(time.Hour), publish(2*time.Second), publish(store.Forever)
	e.h.Advance(time.Second)
	a.wantReplay("after the window", first, []ulid.ULID{expiring, forever})
	a.wantReplay("after the last", forever, nil)
	e.h.Advance(1200 * time.Millisecond)
	a.wantReplay("less what has expired", first, []ulid.ULID{forever})
	last := publish(0)
	a.wantReplay("and the unkept that is left", first, []ulid.ULID{forever, last})
}
