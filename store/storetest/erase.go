package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

func (n *node) erase(q store.EraseRequest) store.EraseResult {
	n.e.Helper()
	q.Channel, q.Limit = "c", 10
	res, err := n.Erase(n.e.Context(), q)
	if err != nil {
		n.e.Fatalf("node %d: Erase: %v", n.r.number, err)
	}
	return res
}

// free frees all that is erased, and returns how much that was.
func (n *node) free(res store.EraseResult) int {
	n.e.Helper()
	freed := res.Freed
	for until := res.Until; res.More; freed += res.Freed {
		if res = n.erase(store.EraseRequest{Until: until}); res.Until != until || res.Freed > 10 {
			n.e.Fatalf("node %d: a step of an erasure up to %v: %+v", n.r.number, until, res)
		}
	}
	return freed
}

func notice() *store.PublishRequest {
	return &store.PublishRequest{Channel: "c", Event: "erased", Data: []byte("1")}
}

// testErase: nobody finds a part of it, whether it is freed or not.
func testErase(e *env) {
	a, b := e.join(), e.join()
	b.watch("c")
	var ids []ulid.ULID
	var last ulid.ULID
	for i := range 50 {
		p := store.PublishRequest{Channel: "c", Event: fmt.Sprint(i)}
		switch i % 3 {
		case 0:
			p.Retention = store.Forever
		case 1:
			p.Retention = time.Hour
		}
		last = a.publish(p).ID
		if p.Retention != 0 {
			ids = append(ids, last)
			a.react(reactionTo(last, "Jim", "x", false))
		}
	}
	a.edit(deletionOf(ids[len(ids)-1]))
	ids = ids[:len(ids)-1]
	last = a.set(write("k", "1")).Entry.ID
	other := a.publish(store.PublishRequest{Channel: "other", Event: "e", Retention: time.Hour}).ID

	begun := b.erase(store.EraseRequest{Notice: notice()})
	if begun.Until != last {
		e.Errorf("what is erased ends at %v, want the newest item, %v", begun.Until, last)
	}
	check := func(why string) {
		e.Helper()
		if got := a.history(store.HistoryRequest{Channel: "c", Limit: 1000}); len(got) > 0 {
			e.Errorf("%s: %d messages in the history", why, len(got))
		}
		if got := b.history(store.HistoryRequest{Channel: "c", Limit: 1000, Reverse: true}); len(got) > 0 {
			e.Errorf("%s: %d messages in the reversed history", why, len(got))
		}
		if a.message("c", ids[3]) != nil {
			e.Errorf("%s: a message is found between its neighbors", why)
		}
		if got, err := a.Count(e.Context(), store.CountRequest{Channel: "c", Limit: 1000}); err != nil || got != 0 {
			e.Errorf("%s: %d messages are counted (%v)", why, got, err)
		}
		if got := b.reactions(ids...); len(got) > 0 {
			e.Errorf("%s: %d messages have reactions", why, len(got))
		}
		wantEqual(e, why+": tallies", b.tallies(tallyOf(ids[1], ids[2])), make([]store.Tally, 2))
		for _, remove := range []bool{false, true} {
			_, err := b.React(e.Context(), reactionTo(ids[2], "Jim", "x", remove))
			e.wantErr(why+": a reaction", err, store.ErrNotFound)
		}
		_, err := b.Edit(e.Context(), deletionOf(ids[2]))
		e.wantErr(why+": an edit", err, store.ErrNotFound)
		for _, id := range []ulid.ULID{ids[0], ids[1], ids[len(ids)-1], predecessor(last)} {
			a.wantNoReplay(why+": before the end of what is erased", id)
		}
	}
	check("at once")
	items := b.r.awaitCount("c", 50+len(ids)+1+3)
	told := items[len(items)-1]
	if told.Message == nil || told.Message.Event != "erased" || told.ID.Compare(last) <= 0 {
		e.Errorf("after the erasure came %+v, want the notice", told)
	}
	a.wantReplay("from the end of what is erased", last, []ulid.ULID{told.ID})
	a.wantReplay("from the notice", told.ID, nil)

	newer := a.publish(store.PublishRequest{Channel: "c", Event: "newer", Retention: time.Hour}).ID
	if freed := a.free(begun); freed != len(ids) {
		e.Errorf("%d messages were freed, want %d", freed, len(ids))
	}
	wantEqual(e, "the history afterwards", idsOf(a.history(store.HistoryRequest{Channel: "c", Limit: 10})), []ulid.ULID{newer})
	a.wantReplay("from the end of what is erased, with what is newer", last, []ulid.ULID{told.ID, newer})
	a.react(reactionTo(newer, "Jim", "x", false))
	if b.entry("k") == nil || b.message("other", other) == nil {
		e.Error("something else is gone, too")
	}
	if res := b.erase(store.EraseRequest{Until: begun.Until}); res.Freed != 0 || res.More {
		e.Errorf("a step too many: %+v", res)
	}
	check2 := b.erase(store.EraseRequest{})
	if check2.Until.Compare(newer) < 0 || b.message("c", newer) != nil {
		e.Errorf("the second erasure: %+v", check2)
	}
	b.free(check2)
}

// testEraseAppended: of what was appended to a message that is erased, nothing is left.
func testEraseAppended(e *env) {
	for _, replayOnly := range []bool{false, true} {
		a := e.join()
		id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`"x"`), Retention: time.Hour}).ID
		for i := range 5 {
			a.edit(appendTo(id, int64(i+1), "secret", 1))
		}
		until := a.erase(store.EraseRequest{Channel: "c", ReplayOnly: replayOnly, Limit: 100}).Until
		a.wantNoReplay("from before", id)
		a.wantReplay("from the erasure", until, nil)
		if m := a.message("c", id); (m != nil) != replayOnly {
			e.Errorf("the message after an erasure, of what is replayed only: %v, is %+v", replayOnly, m)
		}
		if !replayOnly {
			_, err := a.Edit(e.Context(), appendTo(id, 0, "more", 1))
			e.wantErr("appending to what is erased", err, store.ErrNotFound)
			continue
		}
		notice := a.edit(appendTo(id, 0, "more", 1)).Notice
		a.wantReplay("from the erasure, after another append", until, []ulid.ULID{notice})
		a.edit(deletionOf(id))
	}
}

// testEraseReplay: what is kept stays, and nobody catches up.
func testEraseReplay(e *env) {
	a, b := e.join(), e.join()
	var ids []ulid.ULID
	for _, keep := range []time.Duration{0, time.Second, store.Forever, time.Hour, 0, store.Forever} {
		ids = append(ids, a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: keep}).ID)
	}
	res := b.erase(store.EraseRequest{ReplayOnly: true})
	if res.Until != ids[5] || res.Freed != 0 {
		e.Errorf("got %+v, want an end at %v", res, ids[5])
	}
	for _, id := range ids[:5] {
		a.wantNoReplay("before the end", id)
	}
	b.erase(store.EraseRequest{ReplayOnly: true, Until: res.Until})
	kept := []ulid.ULID{ids[1], ids[2], ids[3], ids[5]}
	wantEqual(e, "what is kept", idsOf(a.history(store.HistoryRequest{Channel: "c", Limit: 10})), kept)
	newer := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	b.wantReplay("from the end", ids[5], []ulid.ULID{newer})
	e.outliveBrief()
	wantEqual(e, "what has not expired", idsOf(a.history(store.HistoryRequest{Channel: "c", Limit: 10})), kept[1:])
}

// testEraseNothing: who was at the position of a channel without items goes on there.
func testEraseNothing(e *env) {
	a := e.join()
	a.watch("c")
	res := a.erase(store.EraseRequest{Notice: notice()})
	items := a.r.awaitCount("c", 1)
	if res.More || res.Until.IsZero() || res.Until.Compare(items[0].ID) >= 0 {
		e.Errorf("a channel that nobody knows: %+v, and the notice has %v", res, items[0].ID)
	}
	a.watch("d")
	origin := a.subscribe(store.SubscribeRequest{Channel: "d", Connection: "1"}).Position
	got, err := a.Erase(e.Context(), store.EraseRequest{Channel: "d", Limit: 1})
	if err != nil || got.Until != origin {
		e.Errorf("a channel without items is erased up to %v (%v), want its position, %v", got.Until, err, origin)
	}
	id := a.publish(store.PublishRequest{Channel: "d", Event: "e"}).ID
	page := a.replay(store.ReplayRequest{Channel: "d", After: origin, Until: maxID, Limit: 10})
	if !page.Complete || len(page.Messages) != 1 || page.Messages[0].ID != id {
		e.Errorf("a replay from the position: %+v", page)
	}
}

// testEraseRepeats: a retry of a publish does not bring back what is erased.
func testEraseRepeats(e *env) {
	a, b := e.join(), e.join()
	p := store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour, DedupID: "1", DedupFor: time.Hour}
	first := a.publish(p)
	a.free(a.erase(store.EraseRequest{}))
	if again := b.publish(p); !again.Duplicate || again.ID != first.ID {
		e.Errorf("a retry: %+v, want a duplicate of %v", again, first.ID)
	}
	if got := a.history(store.HistoryRequest{Channel: "c", Limit: 10}); len(got) > 0 {
		e.Error("a retry brings a message back")
	}
}

// testEraseWhilePublishing: each message is before the end and gone, or after it and
// there; several nodes may free.
func testEraseWhilePublishing(e *env) {
	a, b := e.join(), e.join()
	var ids []ulid.ULID
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() {
		for i := range 200 {
			res, err := a.Publish(e.Context(), store.PublishRequest{Channel: "c", Event: fmt.Sprint(i), Retention: time.Hour})
			ids, failed = append(ids, res.ID), errors.Join(failed, err)
		}
	})
	for range 3 {
		b.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour})
	}
	res := b.erase(store.EraseRequest{})
	var steps sync.WaitGroup
	for _, n := range []*node{a, b} {
		steps.Go(func() {
			for more := res.More; more; {
				r, err := n.Erase(e.Context(), store.EraseRequest{Channel: "c", Until: res.Until, Limit: 7})
				if err != nil {
					e.Errorf("node %d: %v", n.r.number, err)
				}
				more = r.More
			}
		})
	}
	steps.Wait()
	wg.Wait()
	if failed != nil {
		e.Fatal(failed)
	}
	want := slices.DeleteFunc(ids, func(id ulid.ULID) bool { return id.Compare(res.Until) <= 0 })
	wantEqual(e, "what was published after the end", idsOf(a.history(store.HistoryRequest{Channel: "c", Limit: 1000})), want)
}
