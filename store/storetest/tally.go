package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

func tallyOf(ids ...ulid.ULID) store.TalliesRequest {
	return store.TalliesRequest{Channel: "c", Messages: ids, MaxBytes: plenty}
}

func (n *node) tallies(q store.TalliesRequest) []store.Tally {
	n.e.Helper()
	got, err := n.Tallies(n.e.Context(), q)
	if err != nil {
		n.e.Fatalf("node %d: Tallies: %v", n.r.number, err)
	}
	return got
}

// testTallies adds and removes at random, and compares with what is listed.
func testTallies(e *env) {
	a, b := e.join(), e.join()
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	none := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	random := rand.New(rand.NewPCG(1, 2))
	var want []store.ReactionCount
	for step := range 100 {
		uid, reaction := fmt.Sprint("u", random.IntN(5)), string(rune('a'+random.IntN(4)))
		remove := random.IntN(2) == 1
		res := []*node{a, b}[step%2].react(reactionTo(id, uid, reaction, remove))
		i := slices.IndexFunc(want, func(c store.ReactionCount) bool { return c.Reaction == reaction })
		switch {
		case !res.Changed:
		case !remove && i < 0:
			want = append(want, store.ReactionCount{Reaction: reaction, Count: 1})
		case !remove:
			want[i].Count++
		default:
			if want[i].Count--; want[i].Count == 0 {
				want = slices.Delete(want, i, i+1)
			}
		}
		listed := make(map[string]int)
		for _, r := range b.reactions(id)[id] {
			listed[r.Reaction]++
		}
		got := a.tallies(tallyOf(none, id, predecessor(id)))
		wantEqual(e, fmt.Sprint("tallies after step ", step), got, []store.Tally{{}, {Counts: want}, {}})
		for _, c := range want {
			if listed[c.Reaction] != c.Count {
				e.Fatalf("step %d: %d of %q are listed, want %d", step, listed[c.Reaction], c.Reaction, c.Count)
			}
		}
	}
	unknown := tallyOf(id)
	unknown.Channel = "unknown"
	wantEqual(e, "tallies of an unknown channel", a.tallies(unknown), []store.Tally{{}})
	wantEqual(e, "tallies of nothing", a.tallies(tallyOf()), nil)
}

func testTallyReactions(e *env) {
	a := e.join()
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	var all []store.Reaction
	for i := range 8 {
		uid := fmt.Sprint("u", i%3)
		all = append(all, a.react(reactionTo(id, uid, fmt.Sprint("r", i/2), false)).Reaction)
	}
	for _, row := range []struct {
		why   string
		first int
		uid   string
		want  []int
	}{
		{"none", 0, "", nil},
		{"none, of whoever asks either", 0, "u1", nil},
		{"the first", 2, "", []int{0, 1}},
		{"the first and a user's, each once", 3, "u1", []int{0, 1, 2, 4, 7}},
		{"the first and those of a user who has none", 3, "nobody", []int{0, 1, 2}},
		{"all", 100, "u1", []int{0, 1, 2, 3, 4, 5, 6, 7}},
	} {
		q := tallyOf(id)
		q.First, q.UID = row.first, row.uid
		var want []store.Reaction
		for _, i := range row.want {
			want = append(want, all[i])
		}
		wantEqual(e, row.why, a.tallies(q)[0].Reactions, want)
	}
}

func testTallyBytes(e *env) {
	a := e.join()
	var ids []ulid.ULID
	for range 5 {
		id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
		for i := range 10 {
			r := reactionTo(id, fmt.Sprint("u", i), strings.Repeat("r", 100), false)
			r.Reaction.UMD = []byte(`"` + strings.Repeat("m", 998) + `"`)
			a.react(r)
		}
		ids = append(ids, id)
	}
	for _, row := range []struct{ first, bytes, least, most int }{
		{0, 1, 1, 1}, // the first is always there
		{0, plenty, 5, 5},
		{10, 1, 1, 1},
		{10, 30_000, 1, 3},
		{10, plenty, 5, 5},
	} {
		q := tallyOf(ids...)
		q.First, q.MaxBytes = row.first, row.bytes
		got := a.tallies(q)
		if len(got) < row.least || len(got) > row.most {
			e.Errorf("%d reactions to each and %d bytes: %d tallies, want %d to %d", row.first, row.bytes, len(got), row.least, row.most)
		}
		for _, t := range got {
			if len(t.Reactions) != row.first || len(t.Counts) != 1 || t.Counts[0].Count != 10 {
				e.Errorf("a tally is cut: %d reactions, counts %v", len(t.Reactions), t.Counts)
			}
		}
	}
}

func testReactionPages(e *env) {
	a, b := e.join(), e.join()
	id := a.publish(store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour}).ID
	var all []store.Reaction
	for i := range 7 {
		r := reactionTo(id, fmt.Sprint("u", i*3%7), "+", false)
		r.Reaction.UMD = []byte(`"` + strings.Repeat("m", 998) + `"`)
		all = append(all, a.react(r).Reaction)
	}
	read := func(q store.ReactionsRequest, between func()) (sizes []int, got []store.Reaction) {
		for {
			page := b.reactionPage(q)
			sizes, got = append(sizes, len(page.Reactions)), append(got, page.Reactions...)
			if !page.More || len(page.Reactions) == 0 {
				return sizes, got
			}
			q.After = page.Reactions[len(page.Reactions)-1].ID
			between()
		}
	}
	for _, row := range []struct {
		limit, bytes int
		want         []int
	}{
		{3, plenty, []int{3, 3, 1}},
		{7, plenty, []int{7}},
		{8, plenty, []int{7}},
		{3, 1, []int{1, 1, 1, 1, 1, 1, 1}},
		{10, 3500, []int{3, 3, 1}},
	} {
		q := reactionsTo(id)
		q.Limit, q.MaxBytes = row.limit, row.bytes
		sizes, got := read(q, func() {})
		wantEqual(e, fmt.Sprint("pages of ", row.limit, " and ", row.bytes, " bytes"), sizes, row.want)
		wantEqual(e, "reactions page by page", got, all)
	}
	// The reaction that a page ended with may go meanwhile.
	q := reactionsTo(id)
	q.Limit = 4
	_, got := read(q, func() { a.react(reactionTo(id, all[3].UID, "+", true)) })
	wantEqual(e, "reactions, the last of a page being removed", got, all)
	q.After = all[6].ID
	wantEqual(e, "after the last", a.reactionPage(q), store.ReactionsResult{})
}
