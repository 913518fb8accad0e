package storeredis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

const someID = "1732383633000-1000000000000000"

func TestScheduleSurvives(t *testing.T) {
	for _, row := range []struct {
		why string
		in  store.Schedule
	}{
		{"a message with everything", store.Schedule{
			ID: ulid.Make(), Due: time.Unix(1, 5).UTC(), Connection: "c", UID: "u", Emit: true, Origin: []byte("o"),
			Publish: &store.PublishRequest{
				Channel: "c:1", Event: "e\x00", Data: []byte(`"1:2"`), Meta: &store.Meta{UID: "u", UMD: []byte("{}")},
				Retention: store.Forever, Exclude: "x", DedupID: "d", DedupFor: time.Minute,
				Trace: map[string]string{"a": "1", "b:": ""}, Origin: []byte("o"),
			},
		}},
		{"a message without a trace", store.Schedule{
			ID: ulid.Make(), Due: time.Unix(1, 0).UTC(), Publish: &store.PublishRequest{Channel: "c", Retention: time.Hour, Origin: []byte("o")},
		}},
		{"a message of the server", store.Schedule{
			ID: ulid.Make(), Due: time.Unix(-5, 0).UTC(), Publish: &store.PublishRequest{Channel: "c"},
		}},
		{"an entry", store.Schedule{
			ID: ulid.Make(), Due: time.Unix(1e9, 0).UTC(),
			Set: &store.SetRequest{
				Channel: "c", Key: "k", Value: []byte("1"), Digest: "\xff\n", Meta: store.Meta{UID: "u"},
				Retention: time.Hour, Emit: true, Origin: []byte("o"),
			},
		}},
	} {
		row.in.Group = groupOf(7)
		body := encodeSchedule(&row.in)
		got, blob, err := decodeSchedule(7, row.in.ID.String(), body)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		if d := cmp.Diff(&row.in, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, d)
		}
		var want []byte
		if row.in.Publish != nil {
			want = encodeMessage(row.in.Publish)
		} else {
			want = encodeEntry(row.in.Set)
		}
		// A trace has no order.
		if len(blob) != len(want) || !strings.HasSuffix(body, blob) {
			t.Errorf("%s: ends with %q, want %q", row.why, blob, want)
		}
	}
}

// The end of a message's record has grown, and will again: each version reads what the
// others have written.
func TestMessageRecordGrows(t *testing.T) {
	full := store.PublishRequest{Event: "e", Trace: map[string]string{"k": "v"}, Origin: []byte("o")}
	plain, traced := full, full
	plain.Trace, plain.Origin, traced.Origin = nil, nil, nil
	for _, row := range []struct {
		why, record string
		trace       map[string]string
		origin      []byte
	}{
		{"without either, as most messages are", string(encodeMessage(&plain)), nil, nil},
		{"with a trace, as 0.2 writes it", string(encodeMessage(&traced)), full.Trace, nil},
		{"with both", string(encodeMessage(&full)), full.Trace, full.Origin},
		{"an empty trace is none", string(encodeMessage(&plain)) + pack("", "o"), nil, full.Origin},
		{"updated, and with what a later version adds", string(encodeMessage(&full)) + pack("1", someID, "later"), full.Trace, full.Origin},
	} {
		it, err := decodeItem("c", someID, row.record)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		if d := cmp.Diff(row.trace, it.Message.Trace); d != "" || string(it.Message.Origin) != string(row.origin) {
			t.Errorf("%s: the origin is %q (-want +got):\n%s", row.why, it.Message.Origin, d)
		}
	}
	// What 0.2 reads ends with the trace, which it takes for one also if it is empty.
	r := record{rest: string(encodeMessage(&store.PublishRequest{Event: "e", Origin: []byte("o")}))}
	for range 6 { // M, exclude, event, data, keep, no meta
		_ = r.next()
	}
	if trace := r.next(); trace != "" || r.bad {
		t.Errorf("an older version reads the trace %q", trace)
	}
}

func TestWith(t *testing.T) {
	member := func(place int64) placed { return placed{place, store.Member{UID: fmt.Sprint(place)}} }
	list := []placed{member(1), member(3), member(7)}
	before := slices.Clone(list)
	for _, row := range []struct {
		why   string
		place int64
		want  []placed
	}{
		{"the first", 0, []placed{member(0), member(1), member(3), member(7)}},
		{"one in between", 5, []placed{member(1), member(3), member(5), member(7)}},
		{"the last", 9, []placed{member(1), member(3), member(7), member(9)}},
	} {
		if d := cmp.Diff(row.want, with(list, member(row.place)), cmp.AllowUnexported(placed{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, d)
		}
		if !cmp.Equal(list, before, cmp.AllowUnexported(placed{})) {
			t.Fatalf("%s: the list given was modified", row.why)
		}
	}
}

// FuzzDecode feeds what might be in Redis, or on a topic, to the decoders: they
// must not panic.
func FuzzDecode(f *testing.F) {
	f.Add(string(encodeMessage(&store.PublishRequest{Event: "e", Data: []byte("1"), Meta: &store.Meta{UID: "u"}})))
	f.Add(string(encodeMessage(&store.PublishRequest{Event: "e", Trace: map[string]string{"k": "v"}})))
	f.Add(string(encodeMessage(&store.PublishRequest{Event: "e", Origin: []byte("o")})))
	f.Add(pack("S", "", "0", "1") + string(encodeEntry(&store.SetRequest{Key: "k"})))
	f.Add(pack("P", "x", "1", "5", "u", "{}"))
	f.Add("99999999999999999999:")
	f.Add("-1:x")
	f.Fuzz(func(t *testing.T, s string) {
		it, err := decodeItem("c", someID, s)
		if err == nil && it.Message == nil && it.Storage == nil && it.Presence == nil {
			t.Errorf("%q is nothing", s)
		}
		_, _ = decodeEntry("c", s)
		_, _ = splitBody(s)
		_, _, _ = decodeSchedule(0, ulid.Make().String(), s)
		for r := (record{rest: s}); r.rest != ""; {
			_ = r.heard()
		}
		if list, err := fields(s); err == nil && pack(list...) != canonical(s) {
			t.Errorf("%q became %q", s, pack(list...))
		}
	})
}

// canonical is s with lengths as pack writes them.
func canonical(s string) string {
	var out strings.Builder
	r := record{rest: s}
	for r.rest != "" {
		out.WriteString(pack(r.next()))
	}
	return out.String()
}
