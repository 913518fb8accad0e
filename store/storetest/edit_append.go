package storetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// appendTo is a request to append to a message of the channel "c" that is of a version,
// with a notice that has the message, the version and what is appended.
func appendTo(id ulid.ULID, version int64, text string, tail int) store.EditRequest {
	return store.EditRequest{
		Channel: "c", Message: id, Append: true, Data: []byte(text), Tail: tail, IfVersion: version,
		Notice: store.PublishRequest{
			Channel: "c", Event: "appended", Data: fmt.Appendf(nil, `{"ID":"%s","Version":%d,"Text":"`, id, version+1),
		},
		NoticeEnd: []byte(`"}`),
	}
}

func testAppend(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	for _, row := range []struct {
		why, data, want string
		tail            int
		stream          []byte
	}{
		{"a string", `"Hello"`, `"Hello, w\u00f6rld!"`, 1, nil},
		{"an object", `{"text":"Hello","by":["Jim",1]}`, `{"text":"Hello, w\u00f6rld!","by":["Jim",1]}`, len(`","by":["Jim",1]}`), nil},
		{"nothing before", `""`, `", w\u00f6rld!"`, 1, nil},
		{"a stream", `{"text":"Hello","by":["Jim",1]}`, `{"text":"Hello, w\u00f6rld!","by":["Jim",1]}`, len(`","by":["Jim",1]}`), []byte("open")},
	} {
		p := store.PublishRequest{
			Channel: "c", Event: "e", Data: []byte(row.data), Meta: &store.Meta{UID: "Jim", UMD: []byte("1")}, Retention: time.Hour, Origin: []byte("o"),
			Stream: row.stream,
		}
		id := a.publish(p).ID
		reaction := a.react(reactionTo(id, "Pam", "👍", false)).Reaction
		old := b.message("c", id)
		want := *old
		for i, text := range []string{", ", `w\u00f6rld`, "", "!"} {
			version := int64(i + 2)
			res := b.edit(appendTo(id, version-1, text, row.tail))
			wantEqual(e, row.why, res, store.EditResult{Notice: res.Notice, Version: version})
			items := a.r.awaitItem("c", res.Notice)
			wantEqual(e, row.why+": notice", items[len(items)-1], &store.Item{
				ID: res.Notice, Channel: "c",
				Message: &store.Message{
					ID: res.Notice, Channel: "c", Event: "appended", Data: fmt.Appendf(nil, `{"ID":"%s","Version":%d,"Text":"%s"}`, id, version, text),
				},
			})
			want.Updates, want.Updated = version-1, res.Notice
		}
		want.Data = []byte(row.want)
		wantEqual(e, row.why+": read", a.message("c", id), &want)
		wantEqual(e, row.why+": in the history", a.history(store.HistoryRequest{Channel: "c", After: predecessor(id), Limit: 1}), []*store.Message{&want})
		if string(old.Data) != row.data {
			e.Errorf("%s: who had read the message has now %s", row.why, old.Data)
		}
		wantEqual(e, row.why+": reactions", b.reactions(id), map[ulid.ULID][]store.Reaction{id: {reaction}})
	}
}

func testAppendRefused(e *env) {
	a := e.join()
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`"a"`), Retention: time.Hour}).ID
	unkept := a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`"a"`)}).ID
	expired := a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`"a"`), Retention: brief}).ID
	stream := a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`"a"`), Retention: brief, Stream: []byte("open")}).ID
	a.edit(appendTo(stream, 1, "b", 1))
	empty := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	e.outliveBrief()
	a.watch("c")
	for _, row := range []struct {
		why  string
		r    store.EditRequest
		want error
	}{
		{"a version to come", appendTo(id, 2, "b", 1), store.ErrConflict},
		{"a tail that is longer than the data", appendTo(id, 1, "b", 4), store.ErrConflict},
		{"a message without data", appendTo(empty, 1, "b", 1), store.ErrConflict},
		{"a message that was not kept", appendTo(unkept, 1, "b", 1), store.ErrNotFound},
		{"a message that has expired", appendTo(expired, 1, "b", 1), store.ErrNotFound},
		{"a stream that has expired", appendTo(stream, 2, "b", 1), store.ErrNotFound},
		{"a message that never was", appendTo(predecessor(id), 1, "b", 1), store.ErrNotFound},
	} {
		_, err := a.Edit(e.Context(), row.r)
		e.wantErr(row.why, err, row.want)
	}
	a.mark("c", a)
	if got := a.r.delivered("c"); len(got) > 1 {
		e.Errorf("refused appends were announced: %d items", len(got)-1)
	}
	if m := a.message("c", id); string(m.Data) != `"a"` || m.Version() != 1 {
		e.Errorf("after refused appends: %+v", m)
	}
}

// testAppendPlaces appends at different places of a stream, in many pieces of any length.
func testAppendPlaces(e *env) {
	r := rand.New(rand.NewPCG(5, 6))
	a, b := e.join(), e.join()
	want := `"a long beginning, and an end"`
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte(want), Retention: time.Hour, Stream: []byte("open")}).ID
	tail := 1
	for i := range 100 {
		if r.IntN(8) == 0 {
			tail = r.IntN(20)
		}
		text := strings.Repeat(fmt.Sprint(i%10), r.IntN(60))
		at := len(want) - tail
		want = want[:at] + text + want[at:]
		a.edit(appendTo(id, int64(i+1), text, tail))
		if m := b.message("c", id); string(m.Data) != want || m.Version() != int64(i+2) {
			e.Fatalf("after append %d, %d bytes before the end: version %d is %s, want %s", i, tail, m.Version(), m.Data, want)
		}
	}
	for _, version := range []int64{1, 100, 102} {
		_, err := a.Edit(e.Context(), appendTo(id, version, "no", tail))
		e.wantErr(fmt.Sprint("appending to version ", version), err, store.ErrConflict)
	}
	wantEqual(e, "data", string(b.message("c", id).Data), want)
}

// testStreamState: a publish or any edit sets the state, and an edit without one leaves it.
func testStreamState(e *env) {
	a := e.join()
	a.watch("c")
	p := store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`"a"`), Retention: time.Hour, Stream: []byte("open")}
	id := a.publish(p).ID
	if got := a.r.awaitItem("c", id)[0].Message; string(got.Stream) != "open" {
		e.Errorf("the message was delivered with stream %q", got.Stream)
	}
	version := int64(1)
	for _, row := range []struct {
		why, set, want string
		edit           store.EditRequest
	}{
		{"as it was published", "", "open", store.EditRequest{}},
		{"an append without one", "", "open", appendTo(id, 0, "b", 1)},
		{"an append with one", "half", "half", appendTo(id, 0, "c", 1)},
		{"an update without one", "", "half", updateOf(id, `"x"`)},
		{"an update with one", "replaced", "replaced", updateOf(id, `"y"`)},
		{"an append to that", "", "replaced", appendTo(id, 0, "z", 1)},
		{"an append of nothing", "complete", "complete", appendTo(id, 0, "", 0)},
	} {
		if row.edit.Channel != "" {
			if row.set != "" {
				row.edit.Stream = []byte(row.set)
			}
			a.edit(row.edit)
			version++
		}
		if m := a.message("c", id); string(m.Stream) != row.want || m.Version() != version {
			e.Errorf("%s: the message has stream %q, want %q; version %d", row.why, m.Stream, row.want, m.Version())
		}
	}
	wantEqual(e, "data", string(a.message("c", id).Data), `"yz"`)
	for _, m := range messages(a.r.delivered("c"))[1:] {
		if m.Stream != nil {
			e.Errorf("a notice has stream %q", m.Stream)
		}
	}
}

func testEditCounts(e *env) {
	a, b := e.join(), e.join()
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`"a"`), Retention: time.Hour}).ID
	for i := range 3 {
		if got := b.edit(appendTo(id, 0, "b", 1)).Subscriptions; got != i {
			e.Errorf("%d subscriptions, want %d", got, i)
		}
		a.subscribe(store.SubscribeRequest{Channel: "c", Connection: fmt.Sprint("counted", i), Counted: true})
		a.subscribe(store.SubscribeRequest{Channel: "c", Connection: fmt.Sprint("uncounted", i)})
	}
	if got := b.edit(updateOf(id, "1")).Subscriptions; got != 3 {
		e.Errorf("after an update: %d subscriptions, want 3", got)
	}
}

// testAppendReplay appends, updates and deletes in a random order. Whichever item a
// client has seen last, a replay makes its view that of one who has seen everything; and
// nothing is in it that no message has any more.
func testAppendReplay(e *env) {
	r := rand.New(rand.NewPCG(3, 4))
	// Nothing must expire meanwhile, on a slow machine either.
	o := store.JoinOptions{ReplayWindow: 10 * time.Minute, ReplayLimit: 1000, NodeTimeout: time.Minute}
	a, b := e.joinWith(o), e.joinWith(o)
	a.watch("c")
	a.publish(store.PublishRequest{Channel: "c", Event: "start", Data: []byte("0")})
	pieces := make(map[ulid.ULID][]string) // that a message has
	var alive []ulid.ULID
	var gone []string
	const edits = 150
	for i := range edits {
		n := []*node{a, b}[i%2]
		piece := fmt.Sprintf("piece %d.", i)
		if i < 3 || r.IntN(10) == 0 {
			retention := []time.Duration{o.ReplayWindow / 2, time.Hour, store.Forever}[r.IntN(3)]
			p := store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`"` + piece + `"`), Retention: retention}
			if r.IntN(3) > 0 {
				p.Stream = []byte("open")
			}
			id := n.publish(p).ID
			alive, pieces[id] = append(alive, id), []string{piece}
			continue
		}
		at := r.IntN(len(alive))
		id := alive[at]
		switch k := r.IntN(20); {
		case k == 0 && len(alive) > 2:
			n.edit(deletionOf(id))
			gone = append(gone, pieces[id]...)
			alive = slices.Delete(alive, at, at+1)
		case k < 4:
			n.edit(updateOf(id, `"`+piece+`"`))
			// What a message was published with may be replayed before its update.
			gone = append(gone, pieces[id][1:]...)
			pieces[id] = []string{pieces[id][0], piece}
		default:
			piece += strings.Repeat("+", r.IntN(100))
			add := appendTo(id, n.message("c", id).Version(), piece, 1)
			if r.IntN(20) == 0 {
				add.Stream = []byte("closed")
			}
			n.edit(add)
			pieces[id] = append(pieces[id], piece)
		}
	}
	items := messages(a.r.awaitCount("c", edits+1))
	all := make(view)
	all.apply(e, items...)
	seen := make(view)
	for i, last := range items {
		seen.apply(e, last)
		got := b.replay(store.ReplayRequest{Channel: "c", After: last.ID, Until: maxID, Limit: 1000, MaxBytes: 1 + r.IntN(2000)})
		if !got.Complete {
			e.Errorf("after item %d, %s: not complete", i, last.Event)
			continue
		}
		for _, m := range got.Messages {
			for _, piece := range gone {
				if strings.Contains(string(m.Data), piece) {
					e.Errorf("after item %d: %s has %q, which no message has", i, m.Data, piece)
				}
			}
		}
		then := maps.Clone(seen)
		then.apply(e, got.Messages...)
		wantEqual(e, fmt.Sprintf("view of who has seen item %d", i), then, all)
	}
}

// testAppendReplayBound appends more often than the log has room for: who has seen none
// of the oldest is told that something is missing, and the newest are there.
func testAppendReplayBound(e *env) {
	const limit = 10
	a := e.joinWith(store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: limit, NodeTimeout: time.Minute})
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`""`), Retention: time.Hour}).ID
	var notices []ulid.ULID
	for i := range 20 * limit {
		notices = append(notices, a.edit(appendTo(id, int64(i+1), "x", 1)).Notice)
	}
	newest := notices[len(notices)-limit/2:]
	a.wantReplay("after one of the newest", newest[0], newest[1:])
	a.wantReplay("after the newest", newest[len(newest)-1], nil)
	a.wantNoReplay("after the message", id)
	a.wantNoReplay("after a notice of long ago", notices[0])
}

// testAppendGone: of a message that has expired, was updated or deleted, nothing that was
// appended to it is replayed, and a replay is complete all the same.
func testAppendGone(e *env) {
	for _, row := range []struct {
		why string
		end func(n *node, id ulid.ULID)
	}{
		{"updated", func(n *node, id ulid.ULID) { n.edit(updateOf(id, `"x"`)) }},
		{"deleted", func(n *node, id ulid.ULID) { n.edit(deletionOf(id)) }},
		{"deleted after an update and an append", func(n *node, id ulid.ULID) {
			n.edit(updateOf(id, `"x"`))
			n.edit(appendTo(id, 0, "secret", 1))
			n.edit(deletionOf(id))
		}},
		{"expired", func(n *node, _ ulid.ULID) { n.e.outliveBrief() }},
	} {
		a := e.join()
		start := a.publish(store.PublishRequest{Channel: "c", Event: "start"}).ID
		retention, appends := time.Hour, 20
		if row.why == "expired" {
			retention, appends = brief, 3
		}
		id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`"x"`), Retention: retention, Stream: []byte("open")}).ID
		for i := range appends {
			a.edit(appendTo(id, int64(i+1), "secret", 1))
		}
		row.end(a, id)
		a.publish(store.PublishRequest{Channel: "c", Event: "end"})
		got := a.replay(store.ReplayRequest{Channel: "c", After: start, Until: maxID, Limit: 1000})
		if !got.Complete {
			e.Errorf("%s: a replay is not complete", row.why)
		}
		for _, m := range append(got.Messages, a.history(store.HistoryRequest{Channel: "c", Limit: 100})...) {
			// What has expired may be replayed as it was, for a window, but no notice of it.
			if strings.Contains(string(m.Data), "secret") && (row.why != "expired" || m.ID != id) {
				e.Errorf("%s: %s is left", row.why, m.Data)
			}
		}
	}
}
