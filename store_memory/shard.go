package storememory

import (
	"hash/maphash"
	"iter"
	"sync"

	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/oklog/ulid/v2"
)

// shardCount is how many parts the set of channels has, so that publishers on
// different channels rarely meet.
const shardCount = 64

// A shard holds some of the channels.
//
// Locks are taken in this order: scheduler.mu, shard.mu, channel.mu,
// shard.dueMu. node.mu, tokens.mu and Store.mu are held alone.
type shard struct {
	mu       sync.RWMutex
	channels table.Map[string, *channel]
	// floor is the greatest id of the channels that were removed: a channel
	// that comes back continues above it, whatever the clock says.
	floor ulid.ULID

	dueMu sync.Mutex
	// due has the channels in which something will expire, by when.
	due queue[*channel]
}

func (s *Store) shard(name string) *shard {
	return &s.shards[maphash.String(s.seed, name)%shardCount]
}

// lock returns a channel, locked. It makes one if there is none.
func (s *Store) lock(name string) *channel {
	sh := s.shard(name)
	for {
		sh.mu.RLock()
		c := sh.channels.Value(name)
		sh.mu.RUnlock()
		if c == nil {
			c = sh.create(s, name)
		}
		c.mu.Lock()
		if !c.removed {
			return c
		}
		c.mu.Unlock()
	}
}

// lockIfAny returns a channel, locked, or nil if there is none.
func (s *Store) lockIfAny(name string) *channel {
	sh := s.shard(name)
	sh.mu.RLock()
	c := sh.channels.Value(name)
	sh.mu.RUnlock()
	if c == nil {
		return nil
	}
	c.mu.Lock()
	if c.removed {
		c.mu.Unlock()
		return nil
	}
	return c
}

// channels yields every channel that exists throughout, locked; the body must
// unlock it.
func (s *Store) channels() iter.Seq[*channel] {
	return func(yield func(*channel) bool) {
		for i := range s.shards {
			sh := &s.shards[i]
			sh.mu.RLock()
			all := make([]*channel, 0, sh.channels.Len())
			for _, c := range sh.channels.All() {
				all = append(all, c)
			}
			sh.mu.RUnlock()
			for _, c := range all {
				c.mu.Lock()
				if c.removed {
					c.mu.Unlock()
				} else if !yield(c) {
					return
				}
			}
		}
	}
}

func (sh *shard) create(s *Store, name string) *channel {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if c := sh.channels.Value(name); c != nil {
		return c
	}
	c := &channel{name: name, store: s, shard: sh, last: sh.floor}
	c.watchers = c.one[:0]
	sh.channels.Set(name, c)
	return c
}

// sweep removes what has expired in the shard's channels, and channels that
// have nothing left.
func (sh *shard) sweep(by *node) {
	now := clock()
	for {
		sh.dueMu.Lock()
		c, ok := sh.due.takeDue(now)
		sh.dueMu.Unlock()
		if !ok {
			return
		}
		c.mu.Lock()
		if c.removed { // It was made to wait once more in the meantime.
			c.mu.Unlock()
			continue
		}
		c.expire(now, by)
		idle := c.idle()
		if !idle {
			c.wake = never
			c.setWake()
		}
		c.mu.Unlock()
		if idle {
			sh.remove(c)
		}
	}
}

// remove removes a channel if it still has nothing.
func (sh *shard) remove(c *channel) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.removed {
		return // And another one may have its name by now.
	}
	if !c.idle() {
		c.wake = never
		c.setWake()
		return
	}
	c.removed = true
	sh.channels.Delete(c.name)
	if c.last.Compare(sh.floor) > 0 {
		sh.floor = c.last
	}
}
