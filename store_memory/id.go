package storememory

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"
)

// nextID returns the ULID of a new item: of the time, or the least one greater
// than last if the clock has not moved on since, or went back.
func nextID(last ulid.ULID, now time.Time) ulid.ULID {
	ms := uint64(max(0, now.UnixMilli()))
	if ms > last.Time() {
		var id ulid.ULID
		// The generator is ChaCha8 without a lock, seeded by the system.
		binary.BigEndian.PutUint64(id[8:], rand.Uint64())
		binary.BigEndian.PutUint16(id[6:], uint16(rand.Uint64()))
		if id.SetTime(ms) == nil {
			return id
		}
	}
	id := last
	for i := len(id) - 1; i >= 0; i-- {
		id[i]++ // Overflowing entropy moves on to the next millisecond.
		if id[i] != 0 {
			break
		}
	}
	return id
}

// timeOf returns when an id was assigned.
func timeOf(id ulid.ULID) time.Time {
	return time.UnixMilli(int64(id.Time())).UTC()
}
