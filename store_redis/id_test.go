package storeredis

import (
	"cmp"
	"testing"

	"github.com/oklog/ulid/v2"
)

func TestIDs(t *testing.T) {
	for _, row := range []struct{ why, id string }{
		{"the smallest second part", "1732383633000-1000000000000000"},
		{"the greatest that scripts make", "1732383633000-9000000000000000"},
		{"a time of twelve digits, as fake clocks have", "0946684800000-1000000000000001"},
	} {
		u, err := parseID(row.id)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
		}
		if got := formatID(u); got != row.id {
			t.Errorf("%s: %s became %s", row.why, row.id, got)
		}
	}
	for _, row := range []struct{ why, id string }{
		{"no dash", "17323836330001000000000000000"},
		{"letters", "1732383633000-100000000000000x"},
		{"too long", "11732383633000-1000000000000000"},
	} {
		if u, err := parseID(row.id); err == nil {
			t.Errorf("%s: %q became %v", row.why, row.id, u)
		}
	}
}

// FuzzBoundID holds bounds to what they are for: an id of Redis is above a
// bound exactly if its ULID is above the bound's.
func FuzzBoundID(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), uint64(1732383633000), uint64(0))
	f.Add(make([]byte, 16), uint64(0), uint64(1))
	f.Add([]byte("\x01\x93\x5b\x00\x00\x00\x00\x00\x00\x03\x8d\x7e\xa4\xc6\x80\x00"), uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, bound []byte, ms, seq uint64) {
		if len(bound) != 16 {
			return
		}
		u := ulid.ULID(bound)
		id := joinID(ms%(lastMS+1), firstSeq+seq%8_000_000_000_000_000)
		of, err := parseID(id)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := id > boundID(u), of.Compare(u) > 0; got != want {
			t.Errorf("%s above %s: %v; as ULIDs %v above %v: %v", id, boundID(u), got, of, u, want)
		}
		if s := formatID(u); s != "" && cmp.Compare(s, boundID(u)) != 0 {
			t.Errorf("%v is %s, and as a bound %s", u, s, boundID(u))
		}
	})
}
