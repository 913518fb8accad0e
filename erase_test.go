package hotsock

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// say publishes a message, in a user's name unless uid is "".
func (r *rig) say(uid, data string, keep time.Duration) string {
	r.t.Helper()
	m := Message{Channel: "c", Event: "e", Data: data, Store: keep, DeduplicationID: data}
	if uid != "" {
		m.From = &Member{UID: uid}
	}
	res, err := r.h.Publish(r.t.Context(), m)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.ID
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// texts are the data of the history of the channel "c".
func (r *rig) texts() string {
	r.t.Helper()
	page, err := r.h.History(r.t.Context(), HistoryQuery{Channel: "c"})
	r.must(err)
	var all []string
	for _, m := range page.Items {
		all = append(all, strings.Trim(string(m.Data), `"`))
	}
	return strings.Join(all, " ")
}

func (r *rig) write(key, value string) {
	r.t.Helper()
	_, err := r.h.SetStorage(r.t.Context(), Entry{Channel: "c", Key: key, Data: value})
	r.must(err)
}

func (r *rig) keys() string {
	r.t.Helper()
	page, err := r.h.Storage(r.t.Context(), StorageQuery{Channel: "c"})
	r.must(err)
	var all []string
	for _, e := range page.Items {
		all = append(all, e.Key)
	}
	return strings.Join(all, " ")
}

func (r *rig) schedule(m Message) {
	r.t.Helper()
	m.Channel, m.Event, m.At = "c", "e", time.Now().Add(time.Hour)
	_, err := r.h.Publish(r.t.Context(), m)
	r.must(err)
}

func (r *rig) pending() int {
	r.t.Helper()
	page, err := r.h.Schedules(r.t.Context(), ScheduleQuery{Channel: "c"})
	r.must(err)
	return len(page.Items)
}

// wantErased wants an erasure to be done, and that no record of it is left.
func (r *rig) wantErased(e Erasure, err error, erased int) {
	r.t.Helper()
	r.must(err)
	if !e.Done || e.Erased != erased {
		r.t.Errorf("got %+v, want %d erased", e, erased)
	}
	page, err := r.h.Erasures(r.t.Context(), ErasureQuery{})
	r.must(err)
	if len(page.Items) > 0 {
		r.t.Errorf("the erasures are %+v", page.Items)
	}
}

// TestEraseChannel: nothing of a channel is left, nothing comes back, and subscribers are
// told.
func TestEraseChannel(t *testing.T) {
	t.Parallel()
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("jim")
		c.Subscribe("c")
		first := r.say("pam", "kept", Forever)
		r.must(r.h.React(t.Context(), Reaction{Channel: "c", MessageID: first, Reaction: "x", UID: "pam"}))
		r.say("", "not kept", 0)
		r.say("", "kept briefly", time.Second)
		r.write("k1", "v")
		r.write("k2", "v")
		r.schedule(Message{Data: "scheduled"})
		_, err := r.h.SetStorage(t.Context(), Entry{Channel: "c", Key: "later", Data: "v", At: time.Now().Add(time.Hour)})
		r.must(err)
		for range 6 {
			c.Next()
		}

		e, err := r.h.EraseChannel(t.Context(), "c")
		r.wantErased(e, err, 6) // two messages, two entries, two schedules
		erased := c.Expect("hotsock.channelErased")
		if until, id := e.Until, erased.ID; until == "" || id <= until {
			t.Errorf("the notice has the id %s, and what is erased ends at %s", id, until)
		}
		cleared := []string{c.Expect("hotsock.channelStorageUpdated").Key, c.Expect("hotsock.channelStorageUpdated").Key}
		if slices.Sort(cleared); !slices.Equal(cleared, []string{"k1", "k2"}) {
			t.Errorf("cleared are %v", cleared)
		}
		if got := r.texts() + r.keys() + fmt.Sprint(r.pending()); got != "0" {
			t.Errorf("left are %q", got)
		}
		if got := r.say("pam", "kept", Forever); got != first || r.texts() != "" {
			t.Errorf("a retry is %s, want a duplicate of %s, and brings back %q", got, first, r.texts())
		}
		back := r.connect("pam")
		if recovered, missed := catchUp(t, back, "c", first); recovered != false || len(missed) > 0 {
			t.Errorf("who catches up gets %v, recovered: %v", missed, recovered)
		}
		c.ExpectNothing()
		newer := r.say("pam", "newer", Forever)
		if newer <= e.Until || r.texts() != "newer" {
			t.Errorf("%s follows %s, and the history is %q", newer, e.Until, r.texts())
		}
		c.Expect("e")
		c.ExpectNothing()
		c.Close()
		back.Close()
		time.Sleep(2 * time.Hour)
		if got := r.texts() + r.keys(); got != "newer" {
			t.Errorf("two hours later, there is %q", got)
		}
	})
}

// TestEraseUser: what the user has said is gone, what others have said stays.
func TestEraseUser(t *testing.T) {
	t.Parallel()
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("jim")
		var own, others []string
		for i := range 600 { // some steps
			uid := []string{"jim", "pam", ""}[i%3]
			id := r.say(uid, fmt.Sprintf("%s%d", uid, i), Forever)
			if uid == "jim" {
				own = append(own, id)
			} else {
				others = append(others, id)
			}
		}
		for i, id := range []string{own[0], others[0], others[0], others[len(others)-1]} {
			for _, uid := range []string{"pam", "jim"} {
				r.must(r.h.React(t.Context(), Reaction{Channel: "c", MessageID: id, Reaction: fmt.Sprint("x", i), UID: uid}))
			}
		}
		r.say("jim", "not kept", 0)
		r.schedule(Message{Data: "as jim", From: &Member{UID: "jim"}})
		r.schedule(Message{Data: "as pam", From: &Member{UID: "pam"}})
		r.write("k", "v")
		c.Subscribe("c")
		c.Expect("hotsock.channelStorageUpdated")

		e, err := r.h.EraseUser(t.Context(), "c", "jim")
		r.wantErased(e, err, len(own)+3+1)
		gone := make(map[string]bool)
		reactions := 0
		for range len(own) + 3 {
			switch f := c.Next(); f.Event {
			case "hotsock.messageDeleted":
				gone[strings.Split(string(f.Data), `"`)[3]] = true
			case "hotsock.messageReactionRemoved":
				reactions++
			default:
				t.Errorf("got %s", f.Text)
			}
		}
		for _, id := range own {
			if !gone[id] {
				t.Errorf("nobody was told that %s is deleted", id)
			}
		}
		if reactions != 3 {
			t.Errorf("%d reactions are removed, want 3", reactions)
		}
		left := 0
		for q := (HistoryQuery{Channel: "c"}); ; {
			page, err := r.h.History(t.Context(), q)
			r.must(err)
			for _, m := range page.Items {
				if m.By != nil && m.By.UID == "jim" || strings.Contains(fmt.Sprint(m.Reactions), "jim") {
					t.Errorf("left is %+v", m)
				}
			}
			left += len(page.Items)
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if left != len(others) || r.pending() != 1 || r.keys() != "k" {
			t.Errorf("left are %d messages of others, %d schedules and the entries %q, want %d, 1 and k", left, r.pending(), r.keys(), len(others))
		}
		if got := r.say("jim", "jim0", Forever); got != own[0] {
			t.Errorf("a retry is %s, want a duplicate of %s", got, own[0])
		}
		c.ExpectNothing()
		back := r.connect("pam")
		if recovered, missed := catchUp(t, back, "c", own[len(own)-1]); recovered != false || slices.Contains(missed, "e") {
			t.Errorf("who catches up gets %v, recovered: %v", missed, recovered)
		}
		c.ExpectNothing()
	})
}

// TestEraseStorage: a prefix is cleared, and what writes there is canceled.
func TestEraseStorage(t *testing.T) {
	t.Parallel()
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		for i := range 600 {
			r.write(fmt.Sprintf("a%03d", i), "v")
		}
		r.write("b", "v")
		r.say("", "kept", Forever)
		for _, key := range []string{"a1", "b1"} {
			_, err := r.h.SetStorage(t.Context(), Entry{Channel: "c", Key: key, Data: "v", At: time.Now().Add(time.Hour)})
			r.must(err)
		}
		e, err := r.h.EraseStorage(t.Context(), "c", "a")
		r.wantErased(e, err, 601)
		if got := fmt.Sprint(r.keys(), r.texts(), r.pending()); got != "bkept1" {
			t.Errorf("left are %q", got)
		}
		e, err = r.h.EraseStorage(t.Context(), "c", "")
		r.wantErased(e, err, 2)
		e, err = r.h.EraseStorage(t.Context(), "c", "")
		r.wantErased(e, err, 0)
	})
}

// TestEraseBoundary: what is written after an erasure has begun stays.
func TestEraseBoundary(t *testing.T) {
	t.Parallel()
	for _, target := range []ErasureTarget{ErasedChannel, ErasedUser, ErasedStorage} {
		t.Run(string(target), func(t *testing.T) {
			inRig(t, Options{}, func(t *testing.T, r *rig) {
				r.say("jim", "old", Forever)
				r.write("k", "old")
				r.write("old", "old")
				e := &erasure{Channel: "c", Target: target, UID: "jim"}
				r.must(r.h.eraser.begin(t.Context(), e))
				r.say("jim", "new", Forever)
				r.write("k", "new")
				r.write("new", "new")
				r.schedule(Message{Data: "scheduled"})
				for done := false; !done; {
					var err error
					done, err = r.h.eraser.step(t.Context(), e)
					r.must(err)
				}
				want := map[ErasureTarget]string{
					ErasedChannel: "new/k new", ErasedUser: "new/k new old", ErasedStorage: "old new/k new",
				}[target]
				if got := r.texts() + "/" + r.keys(); got != want || r.pending() != 1 {
					t.Errorf("left are %q, want %q, and %d schedules", got, want, r.pending())
				}
			})
		})
	}
}

// TestErasures lists page by page.
func TestErasures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := storememory.New()
		h, err := New(Options{Store: memory, Keys: []Key{tokenHS256.Key()}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = h.Close() }()
		h.eraser.stop()
		r := &rig{t: t, h: h}
		var want []string
		for range 5 {
			e := &erasure{Channel: "c", Target: ErasedStorage, Prefix: "p"}
			r.record(e)
			want = append(want, e.id)
		}
		_, err = h.node.Set(t.Context(), store.SetRequest{
			Channel: erasureChannel, Key: "0", Value: []byte("1"), Digest: wire.Digest([]byte("1")), Retention: Forever,
		})
		r.must(err)
		slices.Sort(want)
		var got []string
		for q := (ErasureQuery{Limit: 2}); ; {
			page, err := h.Erasures(t.Context(), q)
			r.must(err)
			for _, e := range page.Items {
				if e.Prefix != "p" || e.Target != ErasedStorage || e.Done {
					t.Errorf("got %+v", e)
				}
				got = append(got, e.ID)
			}
			if q.After = page.Next; q.After == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
