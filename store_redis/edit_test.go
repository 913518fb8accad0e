package storeredis

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
)

func update(id ulid.ULID, data string) store.EditRequest {
	return store.EditRequest{
		Channel: "c", Message: id, Data: []byte(data),
		Notice: store.PublishRequest{Channel: "c", Event: "updated", Data: []byte(`[` + data + `,`)}, NoticeEnd: []byte("]"),
	}
}

func appendTo(id ulid.ULID, text string) store.EditRequest {
	return store.EditRequest{
		Channel: "c", Message: id, Append: true, Data: []byte(text),
		Notice: store.PublishRequest{Channel: "c", Event: "appended", Data: []byte(`["`)}, NoticeEnd: []byte(`"]`),
	}
}

func deletion(id ulid.ULID) store.EditRequest {
	return store.EditRequest{Channel: "c", Message: id, Delete: true, Notice: store.PublishRequest{Channel: "c", Event: "deleted"}}
}

func mustEdit(t *testing.T, n *node, e store.EditRequest) ulid.ULID {
	t.Helper()
	r, err := n.Edit(unhurried(t), e)
	if err != nil {
		t.Fatal(err)
	}
	return r.Notice
}

// TestEditedIsNotMissing edits messages in a random order, in the log and kept, before
// and after they are discarded. Whichever item a node has heard last, it finds no gap
// after it; and nothing that was edited away is taken for lost.
func TestEditedIsNotMissing(t *testing.T) {
	t.Parallel()
	r := testSeed(t)
	srv := redistest.StartServer(t)
	in := newInbox(t)
	n := joinAs(t, openAt(t, srv.Addr), in, testJoin)
	mustWatch(t, n, "c")
	ids := []ulid.ULID{mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "start"})}
	var alive []ulid.ULID
	for i := range 100 {
		if len(alive) < 3 || r.IntN(3) == 0 {
			keep := []time.Duration{time.Second, time.Hour, store.Forever}[r.IntN(3)]
			p := store.PublishRequest{Channel: "c", Event: "e", Data: []byte("0"), Retention: keep}
			if r.IntN(2) == 0 {
				p.Stream = []byte("open")
			}
			id := mustPublish(t, n, p)
			ids, alive = append(ids, id), append(alive, id)
			continue
		}
		at := r.IntN(len(alive))
		e := update(alive[at], strconv.Itoa(i))
		if k := r.IntN(6); k < 3 {
			e = appendTo(alive[at], strconv.Itoa(i))
		} else if k == 3 {
			e = deletion(alive[at])
			alive = append(alive[:at], alive[at+1:]...)
		}
		if got, err := n.Edit(unhurried(t), e); err == nil {
			ids = append(ids, got.Notice)
		} else if err != store.ErrNotFound { // It has expired.
			t.Fatal(err)
		}
	}
	in.awaitIDs(ids, back)

	ck := n.s.keys.channel("c")
	w := &watch{channel: "c", keys: ck}
	for i, id := range ids {
		got, err := n.s.readAfter(unhurried(t), w, formatID(id), readBytes)
		if err != nil {
			t.Fatal(err)
		}
		if broken(formatID(id), got) || len(got.items) != len(ids)-1-i {
			t.Errorf("after item %d of %d: %d items, broken: %v", i, len(ids), len(got.items), broken(formatID(id), got))
		}
	}
	lost := func(id string) string {
		res, err := n.s.do(unhurried(t), call{
			script: findLostScript, part: ck.part, keys: []any{ck.state(), ck.log(), ck.changes(), ck.order(), ck.erased()}, args: []any{n.window, id},
		})
		if err != nil {
			t.Fatal(err)
		}
		return res.record.next()
	}
	for i, id := range ids {
		if got := lost(formatID(id)); got != "" {
			t.Errorf("item %d of %d is said to be lost", i, len(ids))
		}
	}
	never := joinID(ids[len(ids)/2].Time(), firstSeq)
	if lost(never) != never {
		t.Error("an item that Redis does not have is not said to be lost")
	}
}

// TestDeletedLeavesNothing: when the last message is deleted, no key is left but those
// that a replay needs, for a window.
func TestDeletedLeavesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n := d.n
	n.losses = newLossDetector(n)
	ck := n.s.keys.channel("c")
	for _, keep := range []time.Duration{time.Second, time.Hour, store.Forever} {
		id := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: keep})
		react := store.ReactRequest{
			Channel: "c", Reaction: store.Reaction{Message: id, UID: "Jim", Reaction: "x"}, Notice: store.PublishRequest{Channel: "c", Event: "x"},
		}
		if _, err := n.React(unhurried(t), react); err != nil {
			t.Fatal(err)
		}
		mustEdit(t, n, update(id, "1"))
		mustEdit(t, n, deletion(id))
		at := formatID(id)
		for _, key := range []string{
			ck.order(), ck.bodies(), ck.expiry(), ck.reactions(at), ck.reactionOrder(at), ck.reactionCounts(at),
		} {
			if d.exists(key) {
				t.Errorf("kept for %v, and deleted: %s is left", keep, key)
			}
		}
		for _, key := range []string{ck.state(), ck.log(), ck.erased()} {
			d.wantTTL(fmt.Sprintf("kept for %v, and deleted", keep), key, false)
		}
	}
}

// TestAdditions: what is appended to a stream is beside its message, which may be long and is
// not written each time; and no addition is left when it has no message, or the message has
// all.
func TestAdditions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n := d.n
	n.losses, n.heartbeat = newLossDetector(n), &heartbeat{n: n}
	for _, row := range []struct {
		why  string
		end  func(id ulid.ULID)
		left int // fields of the bodies
	}{
		{"more is appended", func(id ulid.ULID) { mustEdit(t, n, appendTo(id, "more")) }, 2},
		{"the stream ends", func(id ulid.ULID) {
			e := appendTo(id, "")
			e.Stream = []byte("complete")
			mustEdit(t, n, e)
		}, 1},
		{"an update", func(id ulid.ULID) { mustEdit(t, n, update(id, "1")) }, 1},
		{"a deletion", func(id ulid.ULID) { mustEdit(t, n, deletion(id)) }, 0},
		{"it has expired", func(id ulid.ULID) {
			ck := n.s.keys.channel("c")
			if err := d.db.ZAdd(t.Context(), ck.expiry(), redis.Z{Score: 1, Member: formatID(id)}).Err(); err != nil {
				t.Fatal(err)
			}
			d.want("clean", "", n.channelCall(cleanScript, "c", ck, n.entryKeys(ck)))
		}, 0},
		{"an erasure", func(ulid.ULID) {
			q := store.EraseRequest{Channel: "c", Limit: 1}
			for more := true; more; {
				r, err := n.Erase(unhurried(t), q)
				if err != nil {
					t.Fatal(err)
				}
				more, q.Until, q.Limit = r.More, r.Until, 10
			}
		}, 0},
	} {
		ck := n.s.keys.channel("c")
		id := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Data: []byte(`""`), Retention: time.Hour, Stream: []byte("open")})
		for range 50 {
			e := appendTo(id, "twenty bytes of text")
			e.Tail = 1
			mustEdit(t, n, e)
		}
		bodies := d.db.HGetAll(t.Context(), ck.bodies()).Val()
		message, addition := bodies[formatID(id)], bodies[formatID(id)+"+"]
		if most := 512; len(message) < 500 || len(addition) < 60 || len(addition) > most {
			t.Errorf("the message has %d bytes, and its addition %d", len(message), len(addition))
		}
		row.end(id)
		if got := d.db.HLen(t.Context(), ck.bodies()).Val(); got != int64(row.left) {
			t.Errorf("%s: the bodies have %d fields, want %d", row.why, got, row.left)
		}
		if row.left > 0 {
			mustEdit(t, n, deletion(id))
		}
	}
}

// TestErasedIsBounded: what is remembered of very many edits is no more than the log
// may have.
func TestErasedIsBounded(t *testing.T) {
	t.Parallel()
	srv := redistest.StartServer(t)
	o := testJoin
	o.ReplayLimit = 10
	n := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
	id := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour})
	for range 50 {
		mustEdit(t, n, update(id, "1"))
	}
	ck := n.s.keys.channel("c")
	for what, size := range map[string]int64{
		"ids of what was edited away": srv.Client().ZCard(t.Context(), ck.erased()).Val(),
		"items in the log":            srv.Client().XLen(t.Context(), ck.log()).Val() + 9,
	} {
		if size != 10 {
			t.Errorf("%d %s, want 10", size, what)
		}
	}
}

// TestEditOnce carries out an edit again of which the answer was lost.
func TestEditOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n := d.n
	n.losses = newLossDetector(n)
	ck := n.s.keys.channel("c")
	id := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour})
	for i, edit := range []store.EditRequest{update(id, "1"), appendTo(id, "2"), deletion(id)} {
		c := n.editCall(&edit, formatID(id))
		if edit.Append {
			c = n.appendCall(&edit, formatID(id))
		}
		c.op = newOp()
		bucket := int64(-1) // which a caller keeps while it tries
		first, err1 := n.s.try(unhurried(t), &c, &bucket)
		second, err2 := n.s.try(unhurried(t), &c, &bucket)
		if err1 != nil || err2 != nil || first.record != second.record {
			t.Errorf("the first time it was %+v, %v, and then %+v, %v", first, err1, second, err2)
		}
		if i == 1 {
			if got := d.db.HGet(t.Context(), ck.bodies(), formatID(id)).Val(); !strings.Contains(got, "2:12") {
				t.Errorf("what is kept after two appends that are one: %q", got)
			}
		}
	}
}

// TestAppendBesideOlderNode: an older node would not replay appends, so there are none
// while it shares the work.
func TestAppendBesideOlderNode(t *testing.T) {
	t.Parallel()
	n := newDesk(t).n
	n.losses, n.heartbeat = newLossDetector(n), &heartbeat{n: n}
	id := mustPublish(t, n, store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour})
	for _, row := range []struct {
		oldest  int
		refused bool
	}{{appendFormat - 1, true}, {appendFormat, false}} {
		n.heartbeat.assigned.Store(&assigned{formats: formats{row.oldest, appendFormat}})
		if _, err := n.Edit(unhurried(t), appendTo(id, "1")); errors.Is(err, store.ErrUnavailable) != row.refused {
			t.Errorf("with a node of format %d: %v", row.oldest, err)
		}
	}
}
