package storememory

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// A channel is all that the store has of one. Its items are delivered to the
// nodes that watch it while mu is held: that is what makes their order the
// same everywhere.
type channel struct {
	// What every publish needs is together, since it is seldom in the CPU's cache.

	mu sync.Mutex
	// removed is set once the shard does not have the channel any more.
	removed bool
	// recent and holdings are nil until there are some.
	recent   *recent
	holdings *holdings
	store    *Store
	// last is what the next id must be greater than.
	last ulid.ULID
	// newest is the id of the newest item; zero if there was none that the
	// channel remembers.
	newest   ulid.ULID
	watchers []*node
	one      [1]*node // room for watchers
	// wake is when the shard will sweep the channel next, or never.
	wake time.Time
	// awaited is until when those who left may come back and go on from where
	// they were; zero if nobody left lately.
	awaited  time.Time
	presence presence

	name  string
	shard *shard
	// origin is the position of those who subscribed before the first item;
	// zero if nobody did.
	origin ulid.ULID
	// countWatchers are told of the next change of the count.
	countWatchers []*node
	// deadline is the shard's own record of wake. Guarded by shard.dueMu.
	deadline
}

func (c *channel) before(other *channel) bool { return c.at.Before(other.at) }

// unlock ends a change of the channel.
func (c *channel) unlock() {
	c.setWake()
	c.mu.Unlock()
}

// assign gives the next item its id.
func (c *channel) assign(now time.Time) ulid.ULID {
	c.last = nextID(c.last, now)
	c.newest = c.last
	return c.last
}

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

// position is the newest item's id. Where there was no item, it is an id made for
// that, below all that follow.
func (c *channel) position(now time.Time) ulid.ULID {
	if !c.newest.IsZero() {
		return c.newest
	}
	if c.origin.IsZero() {
		c.last = nextID(c.last, now)
		c.origin = c.last
	}
	return c.origin
}

// announce delivers a presence or storage item, which had its id assigned.
func (c *channel) announce(item *store.Item) {
	c.record().mark(item.ID, c.store.options.Load().ReplayLimit)
	c.deliver(item)
}

func (c *channel) deliver(item *store.Item) {
	for _, w := range c.watchers {
		w.receiver.Deliver(item)
	}
}

func (c *channel) unwatch(n *node) {
	c.watchers = slices.DeleteFunc(c.watchers, func(w *node) bool { return w == n })
	c.unwatchCount(n)
}

// idle says that nothing would be lost if the channel did not exist.
func (c *channel) idle() bool {
	return len(c.watchers) == 0 && len(c.countWatchers) == 0 && c.presence.subscriptions.Len() == 0 && c.nextRemoval().IsZero() && c.awaited.IsZero() &&
		c.log().empty() && c.has().empty()
}

// nextRemoval is when the next member who lingers is removed, or never.
func (c *channel) nextRemoval() time.Time {
	if c.presence.members == nil {
		return never
	}
	return c.presence.members.lingering.next()
}

// setWake has the shard sweep the channel when next something expires in it, and
// soon if it has nothing.
func (c *channel) setWake() {
	next := earliest(
		c.log().next(c.store.options.Load().ReplayWindow),
		c.has().next(),
		c.nextRemoval(),
		c.awaited,
	)
	if next.IsZero() && c.idle() {
		next = longAgo
	}
	if next.IsZero() || (!c.wake.IsZero() && !next.Before(c.wake)) {
		return
	}
	c.wake = next
	c.shard.dueMu.Lock()
	c.shard.due.put(c, next)
	c.shard.dueMu.Unlock()
}

// expire removes what has expired. It leaves some for the next time if that is
// much, since nobody can publish meanwhile.
func (c *channel) expire(now time.Time, by *node) {
	const limit = 1000
	if due(c.awaited, now) {
		c.awaited = time.Time{}
	}
	c.expireMembers(now, limit, by)
	c.log().expire(now, c.store.options.Load().ReplayWindow)
	if c.holdings != nil {
		c.holdings.kept.expire(now, limit)
		c.holdings.dedup.expire(now, limit)
		c.expireEntries(now, limit, by)
	}
}

// earliest returns the first of some deadlines.
func earliest(times ...time.Time) time.Time {
	first := never
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
