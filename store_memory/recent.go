package storememory

import (
	"slices"
	"time"

	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// recent is a channel's replay log: the messages of the replay window that are
// not kept for longer than it, the newest ones up to the replay limit.
type recent struct {
	messages ring[*store.Message]
	// first is when the oldest of messages was published. It is asked for with
	// every publish, and then that message itself is long out of the CPU's cache.
	first time.Time
	// marks are the ids of the presence and storage items of the same window,
	// as many at the most: a replay may start after one.
	marks ring[ulid.ULID]
	// discarded is the newest message that was in the log and is not, nor was it kept
	// any longer than that.
	discarded ulid.ULID
	// unmarked is the newest one that was in marks and is not.
	unmarked ulid.ULID
	// erased are the ids of messages that were edited away, from the log or from
	// those that are kept, in their order: a replay may start after one. There are
	// none without messages, because an edit adds one.
	erased []ulid.ULID
	// appends are those of whose notices messages has no more than the id and who made
	// them; nil if there are none.
	appends map[ulid.ULID]*appended
}

// nothingRecent is only read.
var nothingRecent recent

// log returns the replay log to be read, and to be made shorter.
func (c *channel) log() *recent {
	if c.recent == nil {
		return &nothingRecent
	}
	return c.recent
}

// record returns the replay log to be added to.
func (c *channel) record() *recent {
	if c.recent == nil {
		c.recent = new(recent)
	}
	return c.recent
}

func (r *recent) add(m *store.Message, now time.Time, limit int) {
	r.messages.push(m)
	if r.messages.len == 1 {
		r.first = timeOf(m.ID)
	}
	for r.messages.len > limit {
		r.discard(now)
	}
}

// discard removes the oldest message.
func (r *recent) discard(now time.Time) {
	m := r.messages.pop()
	delete(r.appends, m.ID)
	if m.Expires.IsZero() || due(m.Expires, now) {
		r.discarded = m.ID
	}
	r.renew()
}

// renew notes the oldest message.
func (r *recent) renew() {
	if r.messages.len > 0 {
		r.first = timeOf(r.messages.at(0).ID)
	} else {
		r.erased, r.appends = nil, nil
	}
}

// noteAppend makes the newest message that of an append, without its data.
func (r *recent) noteAppend(id ulid.ULID, a *appended) {
	i := r.messages.len - 1
	if i < 0 || r.messages.at(i).ID != id {
		return // It was discarded at once.
	}
	notice := *r.messages.at(i) // Nodes may have the other one.
	notice.Data = nil
	r.messages.set(i, &notice)
	if r.appends == nil {
		r.appends = make(map[ulid.ULID]*appended)
	}
	r.appends[id] = a
}

// erase takes a message out of the log, if it is there, and notes that it was an
// item. The oldest of more than the limit are forgotten.
func (r *recent) erase(id ulid.ULID, limit int) {
	if i := r.after(id) - 1; i >= 0 && r.messages.at(i).ID == id {
		r.messages.remove(i)
		r.renew()
	}
	if i, found := slices.BinarySearchFunc(r.erased, id, ulid.ULID.Compare); !found {
		r.erased = slices.Insert(r.erased, i, id)
	}
	if len(r.erased) > limit {
		r.erased = slices.Delete(r.erased, 0, len(r.erased)-limit)
	}
}

func (r *recent) mark(id ulid.ULID, limit int) {
	r.marks.push(id)
	for r.marks.len > limit {
		r.unmarked = r.marks.pop()
	}
}

// expire discards what is older than the window.
func (r *recent) expire(now time.Time, window time.Duration) {
	for r.messages.len > 0 && due(r.first.Add(window), now) {
		r.discard(now)
	}
	for r.marks.len > 0 && due(timeOf(r.marks.at(0)).Add(window), now) {
		r.unmarked = r.marks.pop()
	}
}

// next returns when something will expire.
func (r *recent) next(window time.Duration) time.Time {
	oldest := never
	if r.messages.len > 0 {
		oldest = r.first.Add(window)
	}
	if r.marks.len > 0 {
		oldest = earliest(oldest, timeOf(r.marks.at(0)).Add(window))
	}
	return oldest
}

func (r *recent) empty() bool { return r.messages.len == 0 && r.marks.len == 0 }

// has says whether id is one of a recent item, or of the newest discarded one.
func (r *recent) has(id ulid.ULID) bool {
	if id == r.discarded || id == r.unmarked {
		return true
	}
	if i := r.after(id); i > 0 && r.messages.at(i-1).ID == id {
		return true
	}
	if _, found := slices.BinarySearchFunc(r.erased, id, ulid.ULID.Compare); found {
		return true
	}
	i := r.marks.search(func(m ulid.ULID) bool { return m.Compare(id) >= 0 })
	return i < r.marks.len && r.marks.at(i) == id
}

// after returns the index of the first message after id.
func (r *recent) after(id ulid.ULID) int {
	return r.messages.search(func(m *store.Message) bool { return m.ID.Compare(id) > 0 })
}
