package storeredis

import (
	"strconv"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/store"
)

// TestReadBounds: a page of entries or tallies ends at its bytes, but has one.
func TestReadBounds(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n, k := d.n, &d.n.s.keys
	ck := k.channel("c")
	size := 0
	for _, key := range []string{"k0", "k1", "k2", "k3"} {
		d.want("set", "", n.channelCall(setScript, "c", ck, n.entryKeys(ck), setArgs(&store.SetRequest{
			Channel: "c", Key: key, Value: []byte("1"), Digest: "1", Retention: store.Forever,
		})...))
		size = len(d.db.HGet(t.Context(), ck.entries(), key).Val())
	}
	for _, row := range []struct {
		why         string
		bytes       int
		keys        string
		done, found int
	}{
		{"no bytes, but the first one", 0, "k0 k1", 1, 1},
		{"just two", 2 * size, "k0 k1 k2", 2, 2},
		{"not quite two", 2*size - 1, "k0 k1 k2", 1, 1},
		{"all", 4 * size, "k0 k1 k2 k3", 4, 4},
		{"missing ones count nothing", 2 * size, "no k0 no k1 no k2", 5, 2},
		{"none", 0, "no no", 2, 0},
	} {
		args := []any{strconv.Itoa(row.bytes)}
		for key := range strings.FieldsSeq(row.keys) {
			args = append(args, key)
		}
		r := d.want(row.why, "", call{script: entriesScript, part: ck.part, keys: []any{ck.entries()}, args: args})
		found, err := r.list(0)
		if done := int(r.record.int()); err != nil || done != row.done || len(found) != row.found {
			t.Errorf("%s: %d keys and %d entries (%v), want %d and %d", row.why, done, len(found), err, row.done, row.found)
		}
	}

	messages := []any{ck.state()}
	for range 3 {
		r := d.want("publish", "", n.publishCall(&store.PublishRequest{Channel: "c", Event: "e", Retention: store.Forever}))
		id := r.record.next()
		keys := reactionKeys(&ck, id)
		for _, user := range []string{"a", "b"} {
			notice := store.PublishRequest{Channel: "c", Event: "e"}
			d.want("react", "", n.channelCall(reactScript, "c", ck, keys, "0", encodeMessage(&notice), id, "x", user, "1:11:1", "0", "0", "0"))
		}
		messages = append(messages, keys...)
	}
	tallies := func(first int, user string, bytes int) *reply {
		return d.want("tallies", "", call{
			script: talliesScript, part: ck.part, keys: messages, args: []any{strconv.Itoa(first), user, strconv.Itoa(bytes)},
		})
	}
	one := 0
	list, err := tallies(2, "", 1<<20).list(0)
	if err != nil || len(list) != 1+2*2 {
		t.Fatalf("a tally has %q (%v), want the tally and two reactions", list, err)
	}
	for _, text := range list {
		one += len(text)
	}
	for _, row := range []struct {
		why   string
		bytes int
		want  int
	}{{"no bytes, but the first one", 0, 1}, {"just two", 2 * one, 2}, {"not quite two", 2*one - 1, 1}, {"all", 3 * one, 3}} {
		if got := len(tallies(2, "", row.bytes).more); got != row.want {
			t.Errorf("%s: %d tallies, want %d", row.why, got, row.want)
		}
	}
	// Those that no counts are known of are counted, and cost as much as there are.
	if err := d.db.Del(t.Context(), messages[3].(string), messages[6].(string)).Err(); err != nil {
		t.Fatal(err)
	}
	if got := len(tallies(2, "", 0).more); got != 1 {
		t.Errorf("no bytes, and the first one has no counts: %d tallies, want 1", got)
	}
	for _, row := range []struct {
		why   string
		first int
		user  string
		want  int
	}{{"no reactions", 0, "a", 0}, {"the first one", 1, "", 1}, {"the first one, and the user's", 1, "b", 2}, {"the user's is the first one", 1, "a", 1}, {"all", 5, "a", 2}} {
		if list, err := tallies(row.first, row.user, 1<<20).list(2); err != nil || len(list) != 1+2*row.want {
			t.Errorf("%s: %d texts (%v), want a tally and %d reactions", row.why, len(list), err, row.want)
		}
	}
}
