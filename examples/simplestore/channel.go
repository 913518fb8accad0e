package simplestore

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// A channel is one sequence of items, and what they led to.
type channel struct {
	name  string
	store *Store
	// last is what the next id must be greater than.
	last     ulid.ULID
	watchers map[*node]bool
	// countWatchers are told of the next change of the count.
	countWatchers map[*node]bool

	// log has the items that can be replayed or listed, in their order.
	log []*record
	// newest is the id of the newest item, zero if there is none. Where there
	// was none, origin is the position of those who subscribed.
	newest, origin ulid.ULID
	// dropped is the newest item that is not in the log any more, and lost the
	// newest message that a replay would miss.
	dropped, lost ulid.ULID
	duplicates    map[string]duplicate

	subscriptions map[string]*subscription // by connection
	members       []*member                // in the order of joining
	entries       map[string]*entry

	// until is how long clients may come back to where they were.
	until time.Time
}

// nextID makes an id that is greater than every earlier one, whatever the clock
// does.
func (c *channel) nextID(now time.Time) ulid.ULID {
	id := c.last
	if ms := ulid.Timestamp(now); ms > id.Time() {
		id = ulid.MustNew(ms, rand.Reader)
	} else {
		for i := len(id) - 1; i >= 0; i-- {
			if id[i]++; id[i] != 0 {
				break
			}
		}
	}
	c.last = id
	return id
}

// append adds an item with a new id to the log, and delivers it.
func (c *channel) append(now time.Time, item *store.Item, r *record) {
	r.id, r.before, c.newest = item.ID, c.newest, item.ID
	c.log = append(c.log, r)
	c.until = now.Add(c.store.options.ReplayWindow)
	for n := range c.watchers {
		n.receiver.Deliver(item)
	}
}

// announce appends a change of presence or storage.
func (c *channel) announce(now time.Time, item *store.Item) {
	item.Channel = c.name
	c.append(now, item, &record{brief: true, until: now.Add(c.store.options.ReplayWindow)})
}

// position is the newest item's id, or one made up for a channel without items.
func (c *channel) position(now time.Time) ulid.ULID {
	if !c.newest.IsZero() {
		return c.newest
	}
	if c.origin.IsZero() {
		c.origin = c.nextID(now)
	}
	return c.origin
}

// Watch implements [store.Subscriptions].
func (n *node) Watch(ctx context.Context, channel string) error {
	if err := n.lock(ctx); err != nil {
		return err
	}
	defer n.store.mu.Unlock()
	n.store.channel(channel).watchers[n] = true
	return nil
}

// Unwatch implements [store.Subscriptions].
func (n *node) Unwatch(channel string) {
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	delete(n.store.channel(channel).watchers, n)
}

// sweep removes what has expired, which a node reports where that is asked for. It
// forgets a channel that nobody can miss.
func (c *channel) sweep(now time.Time, by *node) {
	c.trim(now)
	for _, e := range c.entries {
		if e.expired(now) {
			c.expire(e, by)
		}
	}
	for _, m := range slices.Clone(c.members) {
		if m.connections == 0 && !now.Before(m.until) {
			by.receiver.MemberRemoved(c.name, *c.withMembers(c.remove(now, m), by))
		}
	}
	maps.DeleteFunc(c.duplicates, func(_ string, d duplicate) bool { return !now.Before(d.until) })
	if len(c.watchers)+len(c.log)+len(c.subscriptions)+len(c.members)+len(c.entries)+len(c.duplicates) == 0 && now.After(c.until) {
		delete(c.store.channels, c.name)
		c.store.floor = slices.MaxFunc([]ulid.ULID{c.store.floor, c.last}, ulid.ULID.Compare)
	}
}
