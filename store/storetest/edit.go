package storetest

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// updateOf is a request to update a message of the channel "c", with a notice that
// has the message, its data and its version.
func updateOf(id ulid.ULID, data string) store.EditRequest {
	return store.EditRequest{
		Channel: "c", Message: id, Data: []byte(data),
		Notice: store.PublishRequest{
			Channel: "c", Event: "updated", Data: []byte(`{"ID":"` + id.String() + `","Data":` + data + `,"Version":`),
			Meta: &store.Meta{UID: "editor"}, Exclude: "x",
		},
		NoticeEnd: []byte("}"),
	}
}

func deletionOf(id ulid.ULID) store.EditRequest {
	return store.EditRequest{
		Channel: "c", Message: id, Delete: true,
		Notice: store.PublishRequest{
			Channel: "c", Event: "deleted", Data: []byte(`{"ID":"` + id.String() + `"}`), Meta: &store.Meta{UID: "editor"}, Exclude: "x",
		},
	}
}

func (n *node) edit(r store.EditRequest) store.EditResult {
	n.e.Helper()
	res, err := n.Edit(n.e.Context(), r)
	if err != nil {
		n.e.Fatalf("node %d: Edit: %v", n.r.number, err)
	}
	return res
}

func testUpdate(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	p := store.PublishRequest{
		Channel: "c", Event: "e", Data: []byte(`"old"`), Meta: &store.Meta{UID: "Jim", UMD: []byte("1")}, Retention: time.Hour, Exclude: "x", Origin: []byte("o"),
	}
	before := a.publish(p).ID
	id := a.publish(p).ID
	after := a.publish(p).ID
	reaction := a.react(reactionTo(id, "Pam", "👍", false)).Reaction
	old := b.message("c", id)

	want := *old
	for i, data := range []string{`"new"`, `{"longer":["than","what","was","there: ü\u0000\n"]}`, "1"} {
		version := int64(i + 2)
		res := b.edit(updateOf(id, data))
		wantEqual(e, "result", res, store.EditResult{Notice: res.Notice, Version: version})
		items := a.r.awaitItem("c", res.Notice)
		wantEqual(e, "notice", items[len(items)-1], &store.Item{
			ID: res.Notice, Channel: "c", Exclude: "x",
			Message: &store.Message{
				ID: res.Notice, Channel: "c", Event: "updated", Meta: &store.Meta{UID: "editor"},
				Data: fmt.Appendf(nil, `{"ID":"%s","Data":%s,"Version":%d}`, id, data, version),
			},
		})
		want.Data, want.Updates, want.Updated = []byte(data), int64(i+1), res.Notice
		if got := a.message("c", id); got == nil || got.Version() != version {
			e.Errorf("after update %d: %+v", i+1, got)
		} else {
			wantEqual(e, "read", got, &want)
		}
		history := a.history(store.HistoryRequest{Channel: "c", Limit: 10})
		wantEqual(e, "history", idsOf(history), []ulid.ULID{before, id, after})
		wantEqual(e, "in the history", history[1], &want)
	}
	update := updateOf(id, "")
	update.Data = nil
	want.Data = nil
	want.Updated, want.Updates = a.edit(update).Notice, 4
	wantEqual(e, "without data", b.message("c", id), &want)
	if string(old.Data) != `"old"` {
		e.Errorf("who had read the message has now %s", old.Data)
	}
	wantEqual(e, "reactions", b.reactions(before, id, after), map[ulid.ULID][]store.Reaction{id: {reaction}})
	wantEqual(e, "reacting", a.react(reactionTo(id, "Al", "👍", false)).Changed, true)
}

func testDelete(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	for _, retention := range []time.Duration{50 * time.Second, time.Hour, store.Forever} {
		p := store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`"secret"`), Retention: retention, DedupFor: time.Hour}
		p.DedupID = "before" + retention.String()
		before := a.publish(p).ID
		p.DedupID = "deleted" + retention.String()
		id := a.publish(p).ID
		b.edit(updateOf(id, `"another secret"`))
		a.react(reactionTo(id, "Jim", "👍", false))

		res := b.edit(deletionOf(id))
		wantEqual(e, "result", res, store.EditResult{Notice: res.Notice})
		items := a.r.awaitItem("c", res.Notice)
		wantEqual(e, "notice", items[len(items)-1], &store.Item{
			ID: res.Notice, Channel: "c", Exclude: "x",
			Message: &store.Message{
				ID: res.Notice, Channel: "c", Event: "deleted", Data: []byte(`{"ID":"` + id.String() + `"}`), Meta: &store.Meta{UID: "editor"},
			},
		})
		for _, n := range []*node{a, b} {
			if m := n.message("c", id); m != nil {
				e.Errorf("kept for %v: it is still read: %+v", retention, m)
			}
			wantEqual(e, "history", idsOf(n.history(store.HistoryRequest{Channel: "c", After: predecessor(before), Limit: 10})), []ulid.ULID{before})
			wantEqual(e, "reactions", n.reactions(id), nil)
			wantEqual(e, "tally", n.tallies(tallyOf(id)), []store.Tally{{}})
			count, err := n.Count(e.Context(), store.CountRequest{Channel: "c", After: predecessor(before), Limit: 10})
			if err != nil || count != 1 {
				e.Errorf("kept for %v: %d messages are counted: %v", retention, count, err)
			}
			_, err = n.React(e.Context(), reactionTo(id, "Jim", "👍", false))
			e.wantErr("reacting", err, store.ErrNotFound)
			for _, again := range []store.EditRequest{deletionOf(id), updateOf(id, "1")} {
				_, err = n.Edit(e.Context(), again)
				e.wantErr("editing again", err, store.ErrNotFound)
			}
			if again := n.publish(p); !again.Duplicate || again.ID != id {
				e.Errorf("kept for %v: the publish that was repeated made message %v", retention, again.ID)
			}
		}
		a.mark("c", a)
		wantEqual(e, "items since", len(a.r.delivered("c")), len(items)+1)
	}
}

func testEditNotFound(e *env) {
	a := e.join()
	kept := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	unkept := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	expired := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: brief}).ID
	notice := a.edit(updateOf(expired, "1")).Notice // which does not keep it any longer
	elsewhere := updateOf(kept, "1")
	elsewhere.Channel, elsewhere.Notice.Channel = "other", "other"
	e.outliveBrief()
	a.watch("c", "other")
	for _, row := range []struct {
		why string
		r   store.EditRequest
	}{
		{"a message that was not kept", updateOf(unkept, "1")},
		{"deleting a message that was not kept", deletionOf(unkept)},
		{"a message that has expired", updateOf(expired, "1")},
		{"deleting a message that has expired", deletionOf(expired)},
		{"a notice", updateOf(notice, "1")},
		{"a message that never was", updateOf(predecessor(kept), "1")},
		{"a message of another channel", elsewhere},
		{"the greatest id", deletionOf(maxID)},
		{"no id", deletionOf(ulid.ULID{})},
	} {
		_, err := a.Edit(e.Context(), row.r)
		e.wantErr(row.why, err, store.ErrNotFound)
	}
	for _, c := range []string{"c", "other"} {
		a.mark(c, a)
		if got := a.r.delivered(c); len(got) > 1 {
			e.Errorf("%q: refused edits were announced: %d items", c, len(got)-1)
		}
	}
	wantEqual(e, "history", idsOf(a.history(store.HistoryRequest{Channel: "c", Limit: 10})), []ulid.ULID{kept})
}

func testEditConflict(e *env) {
	a, b := e.join(), e.join()
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte("1"), Retention: time.Hour}).ID
	edit := func(r store.EditRequest, version int64) error {
		r.IfVersion = version
		_, err := b.Edit(e.Context(), r)
		return err
	}
	e.wantErr("an update of a version to come", edit(updateOf(id, "0"), 2), store.ErrConflict)
	if err := edit(updateOf(id, "2"), 1); err != nil {
		e.Fatal(err)
	}
	e.wantErr("an update of a version that has passed", edit(updateOf(id, "0"), 1), store.ErrConflict)
	e.wantErr("a deletion of a version that has passed", edit(deletionOf(id), 1), store.ErrConflict)
	a.wantReplay("after refused edits", a.message("c", id).Updated, nil)
	if m := a.message("c", id); string(m.Data) != "2" || m.Version() != 2 {
		e.Errorf("after refused edits: %+v", m)
	}
	if err := edit(deletionOf(id), 2); err != nil {
		e.Fatal(err)
	}
}

// testEditRace has many nodes update a message at once: all who do not care for the
// version succeed, and one of those who do.
func testEditRace(e *env) {
	const editors = 16
	nodes := []*node{e.join(), e.join()}
	nodes[0].watch("c")
	id := nodes[0].publish(store.PublishRequest{Channel: "c", Event: "e", Data: []byte("0"), Retention: time.Hour}).ID
	for _, version := range []int64{0, editors + 1} {
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := make(map[int64]string) // by version
		for i := range editors {
			wg.Go(func() {
				r := updateOf(id, fmt.Sprint(i))
				r.IfVersion = version
				res, err := nodes[i%2].Edit(e.Context(), r)
				if version != 0 && err != nil {
					e.wantErr("one who lost", err, store.ErrConflict)
					return
				}
				if err != nil {
					e.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				done[res.Version] = fmt.Sprint(i)
			})
		}
		wg.Wait()
		newest := int64(editors + 1)
		if version == 0 && len(done) != editors {
			e.Errorf("%d versions of %d updates", len(done), editors)
		} else if version != 0 {
			if newest++; len(done) != 1 {
				e.Errorf("%d updated the same version", len(done))
			}
		}
		if m := nodes[1].message("c", id); m.Version() != newest || string(m.Data) != done[newest] {
			e.Errorf("the message is %s of version %d, want %s of version %d", m.Data, m.Version(), done[newest], newest)
		}
	}
	for i, m := range messages(nodes[0].r.awaitCount("c", 1+editors+1))[1:] {
		if n := readNotice(e, m); n.Version != int64(i+2) {
			e.Errorf("notice %d is of version %d", i+1, n.Version)
		}
	}
}

// A noticed edit is what the notices of updateOf, appendTo and deletionOf say.
type noticed struct {
	ID      ulid.ULID
	Data    json.RawMessage
	Version int64
	Text    string // of an append
}

func readNotice(e *env, m *store.Message) (n noticed) {
	e.Helper()
	if err := json.Unmarshal(m.Data, &n); err != nil {
		e.Fatalf("notice %s: %v", m.Data, err)
	}
	return n
}
