package storememory

import (
	"time"

	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/oklog/ulid/v2"
)

// A dedupID is a deduplication id and the message that had it first.
type dedupID struct {
	deadline
	id      string
	message ulid.ULID
}

func (d *dedupID) before(other *dedupID) bool { return d.at.Before(other.at) }

// dedup has the deduplication ids of one channel.
type dedup struct {
	ids    table.Map[string, *dedupID]
	expiry queue[*dedupID]
}

func (d *dedup) find(id string, now time.Time) (message ulid.ULID, ok bool) {
	known := d.ids.Value(id)
	if known == nil || due(known.at, now) {
		return ulid.ULID{}, false
	}
	return known.message, true
}

func (d *dedup) add(id string, message ulid.ULID, until time.Time) {
	known := d.ids.Value(id)
	if known == nil {
		known = &dedupID{id: id}
		d.ids.Set(id, known)
	}
	known.message = message
	d.expiry.put(known, until)
}

// expire forgets ids whose time is over, so many at the most.
func (d *dedup) expire(now time.Time, limit int) {
	for range limit {
		known, ok := d.expiry.takeDue(now)
		if !ok {
			return
		}
		d.ids.Delete(known.id)
	}
}
