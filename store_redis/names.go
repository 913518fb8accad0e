package storeredis

import (
	"slices"
	"sync"
)

// maxNames bounds how many channels' names are remembered, at about a
// kilobyte each: at most twice as many are.
const maxNames = 4096

// channelNames are what publishing to a channel takes of its names, each boxed
// once. To make them takes longer than to send them.
type channelNames struct {
	channelKeys
	// keys are those of lua/channel.lua, and one more for the place of the
	// deduplication's where there is none. They are not to be changed.
	keys        []any
	topic, name any
}

// kept returns the keys of a message that is kept or deduplicated.
func (c *channelNames) kept(dedup string) []any {
	if dedup == "" {
		return c.keys
	}
	all := append(make([]any, 0, len(c.keys)), c.keys...)
	all[len(all)-1] = c.dedup(dedup)
	return all
}

// notKept returns those of one that is neither.
func (c *channelNames) notKept() []any { return c.keys[:2:2] }

// A nameCache remembers the names of the channels published to most lately.
type nameCache struct {
	mu          sync.RWMutex
	now, before map[string]*channelNames
}

func (c *nameCache) of(k *keyspace, channel string) *channelNames {
	c.mu.RLock()
	names := c.now[channel]
	c.mu.RUnlock()
	if names != nil {
		return names
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if names = c.before[channel]; names == nil {
		ck := k.channel(channel)
		names = &channelNames{
			channelKeys: ck, keys: slices.Clip(append(k.commonKeys(ck), ck.state())), topic: ck.topic(), name: channel,
		}
	}
	if c.now == nil || len(c.now) >= maxNames {
		c.before, c.now = c.now, make(map[string]*channelNames)
	}
	c.now[channel] = names
	return names
}
