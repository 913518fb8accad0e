package storeredis

import (
	"slices"
	"sync"
)

// A channelKeys makes the names of the keys of one channel.
type channelKeys struct {
	part int
	p    string // the beginning of the partition's keys
	d    digestText
	// topics is that of the keyspace.
	topics string
}

func (k *keyspace) channel(name string) channelKeys {
	p, d := digest("channel", name)
	return channelKeys{part: p, p: k.part[p], d: d, topics: k.topics}
}

func (c *channelKeys) name(kind string) string { return c.p + kind + string(c.d[:]) }

func (c channelKeys) state() string   { return c.name("c:") }
func (c channelKeys) log() string     { return c.name("l:") }
func (c channelKeys) changes() string { return c.name("h:") }
func (c channelKeys) order() string   { return c.name("o:") }
func (c channelKeys) bodies() string  { return c.name("b:") }
func (c channelKeys) expiry() string  { return c.name("x:") }
func (c channelKeys) erased() string  { return c.name("er:") }

// stateCounted is COUNTED in lib.lua: the field of the state that nodes read themselves.
const stateCounted = "c"

func (c channelKeys) entries() string     { return c.name("e:") }
func (c channelKeys) entryOrder() string  { return c.name("eo:") }
func (c channelKeys) entryExpiry() string { return c.name("ex:") }

func (c channelKeys) members() string        { return c.name("m:") }
func (c channelKeys) subs(inc string) string { return c.name("s:") + ":" + inc }

func (c channelKeys) topic() string              { return c.p + "t" + c.topics + ":" + string(c.d[:]) }
func (c channelKeys) schedules() string          { return c.name("sc:") }
func (c channelKeys) reactions(id string) string { return c.name("r:") + ":" + id }

// ownSchedules are the channel's of one owner.
func (c channelKeys) ownSchedules(owner string) string {
	_, d := digest("owner", owner)
	return c.name("so:") + ":" + d.String()
}

// reactionOrder and reactionCounts are as in reactions.lua.
func (c channelKeys) reactionOrder(id string) string  { return c.name("ro:") + ":" + id }
func (c channelKeys) reactionCounts(id string) string { return c.name("rc:") + ":" + id }

func (c channelKeys) dedup(id string) string {
	_, d := digest("dedup", id)
	return c.name("d:") + ":" + d.String()
}

// commonKeys are those of every script that changes a channel, as described in
// lua/channel.lua.
func (k *keyspace) commonKeys(ck channelKeys) []any {
	return []any{ck.state(), ck.log(), ck.order(), ck.bodies(), ck.expiry(), k.dueChannels(ck.part), ck.changes()}
}

// maxNames bounds how many channels' names are remembered, at about a
// kilobyte each: at most twice as many are.
const maxNames = 4096

// channelNames are what publishing to a channel takes of its names, each boxed
// once. To make them takes longer than to send them.
type channelNames struct {
	channelKeys
	// keys are those of lua/channel.lua. They are not to be changed.
	keys        []any
	topic, name any
}

// deduplicated returns the keys of a message with a deduplication id.
func (c *channelNames) deduplicated(id string) []any {
	return slices.Concat(c.keys, []any{c.dedup(id)})
}

// kept returns those of one that has none and is kept.
func (c *channelNames) kept() []any { return c.keys[:6:6] }

// notKept returns those of one that is neither.
func (c *channelNames) notKept() []any { return c.keys[:2:2] }

// appended returns those of what is appended to a message.
func (c *channelNames) appended() []any { return c.keys[:4:4] }

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
		names = &channelNames{channelKeys: ck, keys: k.commonKeys(ck), topic: ck.topic(), name: channel}
	}
	if c.now == nil || len(c.now) >= maxNames {
		c.before, c.now = c.now, make(map[string]*channelNames)
	}
	c.now[channel] = names
	return names
}
