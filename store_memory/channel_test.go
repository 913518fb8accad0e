package storememory

import (
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

func TestNextID(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	at := func(ms int64, entropy ...byte) ulid.ULID {
		var id ulid.ULID
		_ = id.SetTime(uint64(now.UnixMilli() + ms))
		copy(id[6:], entropy)
		return id
	}
	full := []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255}
	for _, row := range []struct {
		why      string
		last     ulid.ULID
		fresh    bool // Of the present millisecond, with new entropy.
		expected ulid.ULID
	}{
		{"the first of all", ulid.ULID{}, true, ulid.ULID{}},
		{"the clock has moved on", at(-1, full...), true, ulid.ULID{}},
		{"the same millisecond", at(0, 7), false, at(0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1)},
		{"a carry", at(0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 255), false, at(0, 7, 0, 0, 0, 0, 0, 0, 0, 1)},
		{"the clock went back", at(5000, 7), false, at(5000, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1)},
		{"entropy overflows into the time", at(0, full...), false, at(1)},
		{"and far ahead of the clock", at(5000, full...), false, at(5001)},
	} {
		got := nextID(row.last, now)
		if got.Compare(row.last) <= 0 {
			t.Errorf("%s: %v is not greater than %v", row.why, got, row.last)
		}
		if row.fresh {
			other := nextID(row.last, now)
			if got.Time() != uint64(now.UnixMilli()) || got == other {
				t.Errorf("%s: got %v and %v, want two of the time %v", row.why, got, other, now)
			}
		} else if got != row.expected {
			t.Errorf("%s: got %v, want %v", row.why, got, row.expected)
		}
	}
	if id := nextID(ulid.ULID{}, time.Unix(-1, 0)); id.Compare(ulid.ULID{}) <= 0 {
		t.Errorf("before 1970: %v", id)
	}
}
