package wire

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

func TestPagesEndBeforeTheyGetTooLong(t *testing.T) {
	const n = 5
	var messages []*store.Message
	var entries []*store.Entry
	for i := range n {
		data := []byte(`"` + strings.Repeat("a", 100) + `"`)
		messages = append(messages, &store.Message{ID: idA, Channel: "c", Event: "e", Data: data})
		entries = append(entries, &store.Entry{Channel: "c", Key: fmt.Sprint("k", i), Value: data})
	}
	before := []byte("before") // is not part of the page
	pages := []struct {
		name   string
		append func(count, maxBytes int) []byte
	}{
		{"messages", func(count, maxBytes int) []byte {
			return AppendMessagePage(before, MessagePage{Messages: messages[:count], Tallies: make([]store.Tally, count), MaxBytes: maxBytes})
		}},
		{"storage", func(count, maxBytes int) []byte { return AppendStoragePage(before, entries[:count], false, maxBytes) }},
	}
	for _, page := range pages {
		t.Run(page.name, func(t *testing.T) {
			whole := func(count int) string { return string(page.append(count, 1<<20)) }
			cut := func(count int) string { return strings.TrimSuffix(whole(count), "]}") + more }
			tests := []struct {
				why      string
				maxBytes int
				want     string
			}{
				{"everything fits", 1 << 20, whole(n)},
				{"there is room for the last one", len(cut(n)) - len(before), whole(n)},
				{"the last one is a byte too long", len(cut(n)) - len(before) - 1, cut(n - 1)},
				{"there is room for two", len(cut(2)) - len(before), cut(2)},
				{"there is not", len(cut(2)) - len(before) - 1, cut(1)},
				{"one is always there", 0, cut(1)},
			}
			for _, tt := range tests {
				t.Run(tt.why, func(t *testing.T) {
					if diff := cmp.Diff(tt.want, string(page.append(n, tt.maxBytes))); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
				})
			}
			if got := string(page.append(1, 0)); got != whole(1) {
				t.Errorf("a page of one that is too long has no more: %s", got)
			}
		})
	}
}

func TestReactionsCountForTheLengthOfAPage(t *testing.T) {
	p := MessagePage{Messages: listed, Tallies: tallies, MaxBytes: 1 << 20}
	p.MaxBytes = len(AppendMessagePage(nil, p)) // without the room for "more"
	if got := string(AppendMessagePage(nil, p)); !strings.HasSuffix(got, more) {
		t.Errorf("the page is longer than %d bytes: %s", p.MaxBytes, got)
	}
}

func TestTally(t *testing.T) {
	counts := func(of ...string) (list []store.ReactionCount) {
		for i, reaction := range of {
			list = append(list, store.ReactionCount{Reaction: reaction, Count: len(of) - i})
		}
		return list
	}
	tests := []struct {
		why      string
		tally    store.Tally
		want     string
		expanded string
	}{
		{"none", store.Tally{}, `{}`, `{}`},
		{"one", store.Tally{Counts: counts("a"), Reactions: made("a")}, `{"a":{"count":1}}`, `{"a":{"count":1,"items":[{"uid":"u0"}]}}`},
		{
			"in the order of the counts",
			store.Tally{Counts: counts("b", "a", "c"), Reactions: made("b", "a", "b", "c", "a", "b")},
			`{"b":{"count":3},"a":{"count":2},"c":{"count":1}}`,
			`{"b":{"count":3,"items":[{"uid":"u0"},{"uid":"u2"},{"uid":"u5"}]},` +
				`"a":{"count":2,"items":[{"uid":"u1"},{"uid":"u4"}]},"c":{"count":1,"items":[{"uid":"u3"}]}}`,
		},
		{
			"not all who reacted",
			store.Tally{Counts: counts("b", "a", "c"), Reactions: made("a")},
			`{"b":{"count":3},"a":{"count":2},"c":{"count":1}}`,
			`{"b":{"count":3,"items":[]},"a":{"count":2,"items":[{"uid":"u0"}]},"c":{"count":1,"items":[]}}`,
		},
		{
			"names that must be quoted",
			store.Tally{Counts: counts(`"`, `\`), Reactions: made(`"`, `\`)},
			`{"\"":{"count":2},"\\":{"count":1}}`,
			`{"\"":{"count":2,"items":[{"uid":"u0"}]},"\\":{"count":1,"items":[{"uid":"u1"}]}}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, string(appendTally(nil, tt.tally, false))); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.expanded, string(appendTally(nil, tt.tally, true))); diff != "" {
				t.Errorf("expanded (-want +got):\n%s", diff)
			}
		})
	}
}

// made returns reactions by users u0, u1 and so on.
func made(names ...string) []store.Reaction {
	var list []store.Reaction
	for i, name := range names {
		list = append(list, store.Reaction{Message: ulid.ULID{1}, Reaction: name, UID: fmt.Sprint("u", i)})
	}
	return list
}

func TestManyDifferentReactions(t *testing.T) {
	// In the square of their number they would take longer than a test may.
	var tally store.Tally
	for i := range 200_000 {
		tally.Counts = append(tally.Counts, store.ReactionCount{Reaction: fmt.Sprint(i), Count: 1})
	}
	for _, c := range tally.Counts {
		tally.Reactions = append(tally.Reactions, store.Reaction{Reaction: c.Reaction, UID: "u"})
	}
	slices.Reverse(tally.Reactions)
	got := appendTally(nil, tally, true)
	if n := strings.Count(string(got), `"count":1,"items":[{"uid":"u"}]`); n != len(tally.Counts) {
		t.Errorf("%d reactions, want %d", n, len(tally.Counts))
	}
}
