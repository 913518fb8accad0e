package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// reactionTo is a request to add or remove a reaction, with a notice.
func reactionTo(id ulid.ULID, uid, reaction string, remove bool) store.ReactRequest {
	return store.ReactRequest{
		Channel:  "c",
		Reaction: store.Reaction{Message: id, UID: uid, Reaction: reaction, UMD: []byte(`{"of":"` + uid + `"}`), Origin: []byte("origin of " + uid)},
		Remove:   remove,
		Notice:   store.PublishRequest{Channel: "c", Event: "notice", Data: []byte(`"` + reaction + `"`), Meta: &store.Meta{UID: uid}, Exclude: "x"},
	}
}

func (n *node) react(r store.ReactRequest) store.ReactResult {
	n.e.Helper()
	res, err := n.React(n.e.Context(), r)
	if err != nil {
		n.e.Fatalf("node %d: React: %v", n.r.number, err)
	}
	return res
}

// plenty is a bound that no test reaches which is not about it.
const plenty = 1 << 20

func reactionsTo(id ulid.ULID) store.ReactionsRequest {
	return store.ReactionsRequest{Channel: "c", Message: id, Limit: 100, MaxBytes: plenty}
}

func (n *node) reactionPage(q store.ReactionsRequest) store.ReactionsResult {
	n.e.Helper()
	page, err := n.Reactions(n.e.Context(), q)
	if err != nil {
		n.e.Fatalf("node %d: Reactions: %v", n.r.number, err)
	}
	return page
}

// reactions are all of those to each message that has any.
func (n *node) reactions(ids ...ulid.ULID) map[ulid.ULID][]store.Reaction {
	n.e.Helper()
	all := make(map[ulid.ULID][]store.Reaction)
	for _, id := range ids {
		if page := n.reactionPage(reactionsTo(id)); len(page.Reactions) > 0 {
			all[id] = page.Reactions
		}
	}
	return all
}

func testReact(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	want := reactionTo(id, "Jim", "👍", false).Reaction
	want.Created = e.h.Now()

	added := b.react(reactionTo(id, "Jim", "👍", false))
	want.ID = added.Notice
	wantEqual(e, "result of adding", added, store.ReactResult{
		Changed: true, Notice: added.Notice, Reaction: want, Expires: e.h.Now().Add(time.Hour),
	})
	items := a.r.awaitItem("c", added.Notice)
	wantEqual(e, "notice", items[len(items)-1], &store.Item{
		ID: added.Notice, Channel: "c", Exclude: "x",
		Message: &store.Message{ID: added.Notice, Channel: "c", Event: "notice", Data: []byte(`"👍"`), Meta: &store.Meta{UID: "Jim"}},
	})
	wantEqual(e, "listed", a.reactions(id), map[ulid.ULID][]store.Reaction{id: {want}})

	again := reactionTo(id, "Jim", "👍", false)
	again.Reaction.UMD, again.Reaction.Origin = []byte("2"), []byte("another")
	wantEqual(e, "result of adding again", a.react(again), store.ReactResult{})
	wantEqual(e, "result of removing another's", a.react(reactionTo(id, "Pam", "👍", true)), store.ReactResult{})
	wantEqual(e, "result of removing another one", a.react(reactionTo(id, "Jim", "👎", true)), store.ReactResult{})
	wantEqual(e, "listed after what changed nothing", b.reactions(id), map[ulid.ULID][]store.Reaction{id: {want}})

	remove := reactionTo(id, "Jim", "👍", true)
	remove.Reaction.UMD, remove.Reaction.Origin = nil, nil
	removed := a.react(remove)
	wantEqual(e, "result of removing", removed, store.ReactResult{
		Changed: true, Notice: removed.Notice, Reaction: want, Expires: e.h.Now().Add(time.Hour),
	})
	wantEqual(e, "result of removing again", b.react(remove), store.ReactResult{})
	wantEqual(e, "listed after removing", b.reactions(id), nil)

	a.mark("c", a)
	got := messages(a.r.delivered("c"))
	wantEqual(e, "ids delivered", idsOf(got[:len(got)-1]), []ulid.ULID{id, added.Notice, removed.Notice})
}

func testReactNotFound(e *env) {
	a := e.join()
	kept := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	unkept := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	expired := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: brief}).ID
	elsewhere := reactionTo(kept, "Jim", "👍", false)
	elsewhere.Channel, elsewhere.Notice.Channel = "other", "other"
	e.outliveBrief()
	a.watch("c", "other")
	for _, row := range []struct {
		why string
		r   store.ReactRequest
	}{
		{"a message that was not kept", reactionTo(unkept, "Jim", "👍", false)},
		{"a message that has expired", reactionTo(expired, "Jim", "👍", false)},
		{"removing from a message that has expired", reactionTo(expired, "Jim", "👍", true)},
		{"a message that never was", reactionTo(predecessor(kept), "Jim", "👍", false)},
		{"a message of another channel", elsewhere},
	} {
		_, err := a.React(e.Context(), row.r)
		e.wantErr(row.why, err, store.ErrNotFound)
	}
	for _, c := range []string{"c", "other"} {
		a.mark(c, a)
		if got := a.r.delivered(c); len(got) > 1 {
			e.Errorf("%q: refused reactions were announced: %d items", c, len(got)-1)
		}
	}
	wantEqual(e, "listed", a.reactions(kept, unkept, expired), nil)
}

func testReactionsInOrder(e *env) {
	a, b := e.join(), e.join()
	first := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	second := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever}).ID
	none := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever}).ID
	var want []string
	for i := range 12 {
		// Neither the users nor the reactions sort in the order of adding.
		uid, reaction := fmt.Sprintf("user %d:{}", i*7%12), string(rune('👍'-i%3))
		[]*node{a, b}[i%2].react(reactionTo(first, uid, reaction, false))
		want = append(want, uid+" "+reaction)
	}
	a.react(reactionTo(first, "user 0:{}", string('👍'), true))
	a.react(reactionTo(first, "user 0:{}", string('👍'), false))
	want = append(want[1:], want[0]) // Added last.
	a.react(reactionTo(second, "Jim", "x", false))
	a.react(reactionTo(second, "Jim", "y", false))

	listed := b.reactions(first, none, second, predecessor(first), first)
	var got []string
	for _, r := range listed[first] {
		got = append(got, r.UID+" "+r.Reaction)
	}
	wantEqual(e, "reactions to the first", got, want)
	if r := listed[second]; len(r) != 2 || r[0].Reaction != "x" || r[1].Reaction != "y" {
		e.Errorf("reactions of one user to the second: %v", r)
	}
	if len(listed) != 2 {
		e.Errorf("%d messages have reactions, want 2", len(listed))
	}
}

func testReactionsExpire(e *env) {
	a := e.join()
	short := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: brief}).ID
	long := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	a.react(reactionTo(short, "Jim", "👍", false))
	res := a.react(reactionTo(long, "Jim", "👍", false))
	e.outliveBrief()
	wantEqual(e, "listed", a.reactions(short, long), map[ulid.ULID][]store.Reaction{long: {res.Reaction}})
	wantEqual(e, "counted", a.tallies(tallyOf(short, long)), []store.Tally{{}, {Counts: []store.ReactionCount{{Reaction: "👍", Count: 1}}}})
}

// testReactionNotice: a notice is kept, replayed and never announced twice, as
// any message.
func testReactionNotice(e *env) {
	a := e.join()
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever}).ID
	r := reactionTo(id, "Jim", "👍", false)
	r.Notice.Retention = time.Hour
	res := a.react(r)
	if !res.Expires.IsZero() {
		e.Errorf("a reaction to a message that is kept for ever expires at %v", res.Expires)
	}
	history := a.history(store.HistoryRequest{Channel: "c", After: id, Limit: 10})
	wantEqual(e, "kept notices", idsOf(history), []ulid.ULID{res.Notice})
	a.wantReplay("after the message", id, []ulid.ULID{res.Notice})
}

// testReactRace has many connections of one user react at once: one does.
func testReactRace(e *env) {
	nodes := []*node{e.join(), e.join()}
	nodes[0].watch("c")
	id := nodes[0].publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	for _, remove := range []bool{false, true} {
		var wg sync.WaitGroup
		var changed atomic.Int32
		for i := range 16 {
			wg.Go(func() {
				res, err := nodes[i%2].React(e.Context(), reactionTo(id, "Jim", "👍", remove))
				if err != nil {
					e.Error(err)
				}
				if res.Changed {
					changed.Add(1)
				}
			})
		}
		wg.Wait()
		if n := changed.Load(); n != 1 {
			e.Errorf("remove %v: %d of 16 changed something", remove, n)
		}
	}
	nodes[1].mark("c", nodes[0])
	if n := len(nodes[0].r.delivered("c")); n != 4 {
		e.Errorf("%d items delivered, want the message, two notices and the mark", n)
	}
}

// testReactionsApart adds reactions whose users and texts, put together in one
// way or another, are the same.
func testReactionsApart(e *env) {
	a := e.join()
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	var pairs [][2]string
	for _, separator := range []string{":", "|", "/", "\x00", "\n", " ", ",", "{}", "\xc2\xa0", "\"", "\\"} {
		pairs = append(pairs,
			[2]string{"a" + separator + "b", "c"}, [2]string{"a", "b" + separator + "c"},
			[2]string{"ab", separator + "c"}, [2]string{"ab" + separator, "c"})
	}
	for i, p := range pairs {
		if res := a.react(reactionTo(id, p[0], p[1], false)); !res.Changed {
			e.Errorf("%q by %q was taken for another", p[1], p[0])
		}
		if n := len(a.reactions(id)[id]); n != i+1 {
			e.Fatalf("%d reactions are listed, want %d", n, i+1)
		}
	}
	for _, p := range pairs {
		if res := a.react(reactionTo(id, p[0], p[1], true)); !res.Changed || res.Reaction.UID != p[0] || res.Reaction.Reaction != p[1] {
			e.Errorf("removing %q by %q: %+v", p[1], p[0], res)
		}
	}
	wantEqual(e, "listed in the end", a.reactions(id), nil)
}

func testReactionsBound(e *env) {
	for _, row := range []struct {
		why   string
		bound func(*store.ReactRequest)
		full  [2]string // user and reaction that are one too many
		other [2]string // that are not
	}{
		{"of all", func(r *store.ReactRequest) { r.MaxReactions = 3 }, [2]string{"Pam", "1"}, [2]string{}},
		{"of a user", func(r *store.ReactRequest) { r.MaxOfUser = 2 }, [2]string{"Jim", "3"}, [2]string{"Pam", "3"}},
		{"of different ones", func(r *store.ReactRequest) { r.MaxDifferent = 2 }, [2]string{"Pam", "3"}, [2]string{"Pam", "1"}},
	} {
		a, b := e.join(), e.join()
		id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
		bounded := func(uid, reaction string, remove bool) store.ReactRequest {
			r := reactionTo(id, uid, reaction, remove)
			row.bound(&r)
			return r
		}
		a.react(bounded("Jim", "1", false))
		b.react(bounded("Jim", "2", false))
		a.react(bounded("Al", "2", false))
		full := func(why string) {
			e.Helper()
			_, err := a.React(e.Context(), bounded(row.full[0], row.full[1], false))
			e.wantErr("bound "+row.why+": "+why, err, store.ErrCapacity)
		}
		full("one too many")
		if r := b.react(bounded("Jim", "1", false)); r.Changed {
			e.Errorf("bound %s: adding what is there changed something", row.why)
		}
		if r := b.react(bounded(row.full[0], row.full[1], true)); r.Changed {
			e.Errorf("bound %s: what was refused is there", row.why)
		}
		if row.other[0] != "" {
			if r := b.react(bounded(row.other[0], row.other[1], false)); !r.Changed {
				e.Errorf("bound %s: another one changed nothing", row.why)
			}
			b.react(bounded(row.other[0], row.other[1], true))
		}
		if r := b.react(reactionTo(id, "Jim", "bot", false)); !r.Changed {
			e.Errorf("bound %s: a request without a bound has one", row.why)
		}
		a.react(bounded("Jim", "bot", true))
		full("again")
		a.react(bounded("Jim", "1", true))
		if r := a.react(bounded(row.full[0], row.full[1], false)); !r.Changed {
			e.Errorf("bound %s: there is no room though one was removed", row.why)
		}
		if n := len(a.reactions(id)[id]); n != 3 {
			e.Errorf("bound %s: %d reactions are listed, want 3", row.why, n)
		}
	}
}

// testReactionBoundsRace has many users react at once, up to each bound.
func testReactionBoundsRace(e *env) {
	for _, row := range []struct {
		why  string
		make func(i int) (uid, reaction string)
		set  func(*store.ReactRequest)
	}{
		{"of all", func(i int) (string, string) { return fmt.Sprint(i), "+" }, func(r *store.ReactRequest) { r.MaxReactions = 5 }},
		{"of a user", func(i int) (string, string) { return "Jim", fmt.Sprint(i) }, func(r *store.ReactRequest) { r.MaxOfUser = 5 }},
		{"of different ones", func(i int) (string, string) { return fmt.Sprint(i), fmt.Sprint(i) }, func(r *store.ReactRequest) { r.MaxDifferent = 5 }},
	} {
		nodes := []*node{e.join(), e.join()}
		id := nodes[0].publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
		var wg sync.WaitGroup
		var full atomic.Int32
		for i := range 20 {
			wg.Go(func() {
				uid, reaction := row.make(i)
				r := reactionTo(id, uid, reaction, false)
				row.set(&r)
				switch _, err := nodes[i%2].React(e.Context(), r); {
				case errors.Is(err, store.ErrCapacity):
					full.Add(1)
				case err != nil:
					e.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(nodes[0].reactions(id)[id]); n != 5 || full.Load() != 15 {
			e.Errorf("bound %s: %d reactions and %d refused, want 5 and 15", row.why, n, full.Load())
		}
	}
}
