package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// A view is what a client shows of a channel: the data and the version of each
// message that was not deleted.
type view map[ulid.ULID]string

func viewed(data []byte, version int64) string { return fmt.Sprintf("%s/%d", data, version) }

func versionOf(s string) (version int64) {
	_, _ = fmt.Sscan(s[strings.LastIndexByte(s, '/')+1:], &version)
	return version
}

// apply does what a client does that is given messages, of which it may know some.
func (v view) apply(e *env, messages ...*store.Message) {
	for _, m := range messages {
		switch m.Event {
		case "updated":
			n := readNotice(e, m)
			if was, ok := v[n.ID]; ok && versionOf(was) < n.Version {
				v[n.ID] = viewed(n.Data, n.Version)
			}
		case "appended":
			n := readNotice(e, m)
			was, ok := v[n.ID]
			if !ok || versionOf(was) >= n.Version {
				continue
			}
			if versionOf(was) != n.Version-1 {
				e.Errorf("the notice of version %d follows version %d", n.Version, versionOf(was))
			}
			v[n.ID] = viewed([]byte(strings.TrimSuffix(was[:strings.LastIndexByte(was, '/')], `"`)+n.Text+`"`), n.Version)
		case "deleted":
			delete(v, readNotice(e, m).ID)
		default:
			v[m.ID] = viewed(m.Data, m.Version())
		}
	}
}

// testEditReplay edits messages of all retentions in a random order. Whichever item a
// client has seen last, a replay makes its view that of one who has seen everything;
// and nothing of a deleted message is in it.
func testEditReplay(e *env) {
	r := rand.New(rand.NewPCG(1, 2))
	a, b := e.join(), e.join()
	a.watch("c")
	start := a.publish(store.PublishRequest{Channel: "c", Event: "start", Data: []byte("0")}).ID
	var alive, deleted []ulid.ULID
	for i := range 120 {
		n := []*node{a, b}[i%2]
		if i < 4 || r.IntN(5) < 2 {
			retention := []time.Duration{50 * time.Second, time.Hour, store.Forever}[r.IntN(3)]
			data := fmt.Appendf(nil, `"of message %d"`, i)
			alive = append(alive, n.publish(store.PublishRequest{Channel: "c", Event: "e", Data: data, Retention: retention}).ID)
			continue
		}
		at := r.IntN(len(alive))
		if id := alive[at]; len(alive) > 3 && r.IntN(3) == 0 {
			n.edit(deletionOf(id))
			alive = append(alive[:at], alive[at+1:]...)
			deleted = append(deleted, id)
		} else {
			n.edit(updateOf(id, fmt.Sprintf(`"update %d"`, i)))
		}
	}
	items := messages(a.r.awaitCount("c", 121))
	if items[0].ID != start {
		e.Fatal("the first item is another one")
	}
	all := make(view)
	all.apply(e, items...)
	history := make(view)
	history.apply(e, a.history(store.HistoryRequest{Channel: "c", Limit: 1000})...)
	history[start] = viewed([]byte("0"), 1)
	wantEqual(e, "history", history, all)
	gone := make(map[string]bool) // data of deleted messages
	was := make(view)
	for _, m := range items {
		was.apply(e, m)
		for _, id := range deleted {
			if s, ok := was[id]; ok {
				gone[s[:strings.LastIndexByte(s, '/')]] = true
			}
		}
	}

	seen := make(view)
	for i, last := range items {
		seen.apply(e, last)
		got := b.replay(store.ReplayRequest{Channel: "c", After: last.ID, Until: maxID, Limit: 1000})
		if !got.Complete {
			e.Errorf("after item %d, %s: not complete", i, last.Event)
			continue
		}
		for _, m := range got.Messages {
			for data := range gone {
				if strings.Contains(string(m.Data), data) {
					e.Errorf("after item %d: %s has data of a deleted message", i, m.Data)
				}
			}
		}
		then := maps.Clone(seen)
		then.apply(e, got.Messages...)
		wantEqual(e, fmt.Sprintf("view of who has seen item %d", i), then, all)
	}
}

// testEditReplayBound updates a message more often than the log has room for: that
// takes the room of one item, and so discards nothing.
func testEditReplayBound(e *env) {
	const limit = 10
	a := e.joinWith(store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: limit, NodeTimeout: time.Minute})
	// Neither is in the log of a store that keeps them elsewhere: what was taken out there
	// was the oldest.
	start := a.publish(store.PublishRequest{Channel: "c", Event: "start", Retention: time.Hour}).ID
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	var notices []ulid.ULID
	for i := range 20 * limit {
		notices = append(notices, a.edit(updateOf(id, fmt.Sprint(i))).Notice)
	}
	newest := notices[len(notices)-1:]
	a.wantReplay("after an item before the updates", start, []ulid.ULID{id, newest[0]})
	a.wantReplay("after the message", id, newest)
	a.wantReplay("after one of the newest notices", notices[len(notices)-limit], newest)
	a.wantReplay("after the newest", newest[0], nil)
	// A store may remember somewhat more than the limit, but not all.
	a.wantNoReplay("after a notice of long ago", notices[0])
}

// testEditReplayDiscarded deletes a message that the log has discarded, or is about
// to: a replay never claims to be complete for that.
func testEditReplayDiscarded(e *env) {
	a := e.joinWith(store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: 10, NodeTimeout: time.Minute})
	publish := func(retention time.Duration) ulid.ULID {
		return a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: retention}).ID
	}
	first := publish(0)
	early := publish(30 * time.Second) // in the log, and kept
	for range 200 {
		publish(0)
	}
	late := publish(30 * time.Second)
	rest := publish(0)
	a.edit(updateOf(early, "1"))
	a.edit(deletionOf(early))
	notice := a.edit(deletionOf(late)).Notice
	a.wantNoReplay("after what was before many that were discarded", first)
	a.wantReplay("after one that was deleted", late, append([]ulid.ULID{rest}, noticesAfter(a, rest, notice)...))
	a.wantReplay("after the newest", notice, nil)
}

// noticesAfter are the ids of what follows an item, up to another.
func noticesAfter(n *node, after, until ulid.ULID) []ulid.ULID {
	return idsOf(n.replay(store.ReplayRequest{Channel: "c", After: after, Until: until, Limit: 100}).Messages)
}

// testEditAfterWindow: what was edited is replayed for a window, and after that the
// replay is not said to be complete.
func testEditAfterWindow(e *env) {
	a := e.joinWith(store.JoinOptions{ReplayWindow: time.Second, ReplayLimit: 100, NodeTimeout: time.Minute})
	a.watch("c") // Keeps the channel alive.
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	a.edit(updateOf(id, "1"))
	a.edit(deletionOf(id))
	// Stores may be late in discarding, by a second and more.
	e.h.Advance(3 * time.Second)
	fresh := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	got := a.replay(store.ReplayRequest{Channel: "c", After: id, Until: maxID, Limit: 100})
	if got.Complete && len(got.Messages) != 2 {
		e.Errorf("a replay with %d messages, not the deletion and one more, is said to be complete", len(got.Messages))
	}
	a.wantReplay("after the newest", fresh, nil)
}
