package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

var reactionTests = []testCase{
	{"AddAndRemove", testReact},
	{"OnlyToKeptMessages", testReactNotFound},
	{"ListedInOrder", testReactionsInOrder},
	{"ExpireWithTheirMessage", testReactionsExpire},
	{"NoticeIsAPublish", testReactionNotice},
	{"OneOfManyAdds", testReactRace},
	{"NoTwoAreTakenForOne", testReactionsApart},
	{"UpToABound", testReactionsBound},
}

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

func (n *node) reactions(ids ...ulid.ULID) map[ulid.ULID][]store.Reaction {
	n.e.Helper()
	got, err := n.ListReactions(n.e.Context(), "c", ids)
	if err != nil {
		n.e.Fatalf("node %d: ListReactions: %v", n.r.number, err)
	}
	return got
}

func testReact(e *env) {
	a, b := e.join(), e.join()
	a.watch("c")
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: time.Hour}).ID
	want := reactionTo(id, "Jim", "👍", false).Reaction
	want.Created = e.h.Now()

	added := b.react(reactionTo(id, "Jim", "👍", false))
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
	kept := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: time.Hour}).ID
	unkept := a.publish(store.PublishRequest{Channel: "c", Event: "e"}).ID
	expired := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: brief}).ID
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
	first := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: time.Hour}).ID
	second := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: store.Forever}).ID
	none := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: store.Forever}).ID
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
	wantEqual(e, "reactions to no messages", b.reactions(), nil)
}

func testReactionsExpire(e *env) {
	a := e.join()
	short := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: brief}).ID
	long := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: time.Hour}).ID
	a.react(reactionTo(short, "Jim", "👍", false))
	res := a.react(reactionTo(long, "Jim", "👍", false))
	e.outliveBrief()
	wantEqual(e, "listed", a.reactions(short, long), map[ulid.ULID][]store.Reaction{long: {res.Reaction}})
}

// testReactionNotice: a notice is kept, replayed and never announced twice, as
// any message.
func testReactionNotice(e *env) {
	a := e.join()
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: store.Forever}).ID
	r := reactionTo(id, "Jim", "👍", false)
	r.Notice.Keep = time.Hour
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
	id := nodes[0].publish(store.PublishRequest{Channel: "c", Event: "e", Keep: time.Hour}).ID
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
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: time.Hour}).ID
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
	a, b := e.join(), e.join()
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Keep: time.Hour}).ID
	bounded := func(uid, reaction string, remove bool) store.ReactRequest {
		r := reactionTo(id, uid, reaction, remove)
		r.MaxReactions = 2
		return r
	}
	a.react(bounded("Jim", "1", false))
	b.react(bounded("Pam", "1", false))
	_, err := a.React(e.Context(), bounded("Jim", "2", false))
	e.wantErr("the third of two", err, store.ErrCapacity)
	if r := b.react(bounded("Jim", "1", false)); r.Changed {
		e.Error("adding what is there changed something")
	}
	if r := b.react(reactionTo(id, "Bot", "2", false)); !r.Changed {
		e.Error("a request without a bound has one")
	}
	a.react(bounded("Bot", "2", true))
	a.react(bounded("Jim", "1", true))
	a.react(bounded("Jim", "2", false))
	if n := len(a.reactions(id)[id]); n != 2 {
		e.Errorf("%d reactions are listed, want 2", n)
	}
}
