package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// testReplayAfterPassing starts at items that are not kept and whose windows are over:
// what is kept has followed them.
func testReplayAfterPassing(e *env) {
	a := e.joinWith(store.JoinOptions{ReplayWindow: 500 * time.Millisecond, ReplayLimit: 100, NodeTimeout: time.Minute})
	for what, begin := range map[string]func(channel string) ulid.ULID{
		"a message": func(channel string) ulid.ULID {
			return a.publish(store.PublishRequest{Channel: channel, Event: "e"}).ID
		},
		"a change of members": func(channel string) ulid.ULID {
			return a.subscribe(store.SubscribeRequest{Channel: channel, Connection: "x", UID: "u", Presence: true, MaxMembersSize: 1000}).Position
		},
		"a change of an entry": func(channel string) ulid.ULID {
			set, err := a.Set(e.Context(), store.SetRequest{Channel: channel, Key: "k", Value: []byte("1"), Digest: "1", Retention: store.Forever})
			if err != nil {
				e.Fatal(err)
			}
			return set.Entry.ID
		},
	} {
		channel := "after " + what
		a.watch(channel)
		publish := func(retention time.Duration) ulid.ULID {
			return a.publish(store.PublishRequest{Channel: channel, Event: "e", Retention: retention}).ID
		}
		replay := func(after ulid.ULID) store.ReplayResult {
			return a.replay(store.ReplayRequest{Channel: channel, After: after, Until: maxID, Limit: 100})
		}
		publish(0)
		e.h.Advance(10 * time.Millisecond) // Makes room for ids in between.
		start := begin(channel)
		e.h.Advance(10 * time.Millisecond)
		want := []ulid.ULID{publish(time.Hour), publish(store.Forever)}
		e.h.Advance(time.Second)
		if got := replay(start); !got.Complete {
			e.Errorf("%s: not complete", what)
		} else {
			wantEqual(e, what, idsOf(got.Messages), want)
		}
		for _, id := range []ulid.ULID{stranger(start), predecessor(start), successor(start), predecessor(want[0])} {
			if replay(id).Complete {
				e.Errorf("after %s that never was, it is said to be complete", what)
			}
		}
		publish(0)
		publish(time.Hour)
		// Stores may be late in discarding, by a second and more.
		e.h.Advance(2 * time.Second)
		if got := replay(start); got.Complete && len(got.Messages) != 4 {
			e.Errorf("%s: complete with %d messages, not all 4", what, len(got.Messages))
		}
	}
}

// testReplayKeptBeyondLimit publishes more than the log has room for, all of it kept for
// less than the window.
func testReplayKeptBeyondLimit(e *env) {
	const limit = 10
	a := e.joinWith(store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: limit, NodeTimeout: time.Minute})
	publish := func(n int, retention time.Duration) (ids []ulid.ULID) {
		for i := range n {
			ids = append(ids, a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte("1"), Retention: retention}).ID)
			if i%20 == 19 {
				set := store.SetRequest{Channel: "c", Key: "k", Value: []byte("1"), Digest: fmt.Sprint(ids[i]), Retention: store.Forever}
				if _, err := a.Set(e.Context(), set); err != nil {
					e.Fatal(err)
				}
			}
		}
		return ids
	}
	start := publish(1, 0)[0]
	kept := publish(5*limit, 30*time.Second)
	a.wantReplay("after one that is not kept", start, kept)
	a.wantReplay("after one that is", kept[3], kept[4:])
	a.wantNoReplay("after one that never was", stranger(start))
	for _, until := range []int{0, 7, 5*limit - 1} {
		got := a.replay(store.ReplayRequest{Channel: "c", After: start, Until: kept[until], Limit: 1000})
		if !got.Complete {
			e.Errorf("up to message %d: not complete", until)
		}
		wantEqual(e, "replayed", idsOf(got.Messages), kept[:until+1])
	}
	// In pages, each of which proves its own part.
	r := store.ReplayRequest{Channel: "c", After: start, Until: maxID, Limit: 7}
	var seen []ulid.ULID
	for more := true; more; {
		page := a.replayPage(r)
		if !page.Complete {
			e.Fatalf("the page after %d messages is not complete", len(seen))
		}
		seen = append(seen, idsOf(page.Messages)...)
		if more = page.More; more {
			r.After = seen[len(seen)-1]
		}
	}
	wantEqual(e, "pages", seen, kept)
	wantEqual(e, "history", idsOf(a.history(store.HistoryRequest{Channel: "c", Limit: 1000})), kept)

	passing := publish(1, 0)[0]
	later := publish(5*limit, 30*time.Second)
	a.wantNoReplay("after items that were discarded and not kept", kept[0])
	a.wantReplay("after the last one of these", passing, later)
}

// testReplayKeptDeleted deletes one of more messages than the log has room for.
func testReplayKeptDeleted(e *env) {
	const limit = 10
	a := e.joinWith(store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: limit, NodeTimeout: time.Minute})
	start := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	var kept []ulid.ULID
	for range 5 * limit {
		kept = append(kept, a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: 30 * time.Second}).ID)
	}
	deleted := kept[5]
	notice := a.edit(deletionOf(deleted)).Notice
	rest := append(slices.Delete(slices.Clone(kept), 5, 6), notice)
	a.wantReplay("without the one that was deleted", start, rest)
	a.wantReplay("after that one", deleted, rest[5:])
}
