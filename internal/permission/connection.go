package permission

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hotsock-go/hotsock/internal/recent"
	"github.com/hotsock-go/hotsock/internal/table"
)

// A Connection is what one connection may do: its connect token's grant, and
// those that its subscriptions add. It remembers what was
// decided, within a bound. It is safe for concurrent use.
type Connection struct {
	// connect is replaced only with mu held, so that nothing is remembered of an old one.
	connect atomic.Pointer[Grant]
	decided cache

	mu sync.Mutex
	// subscriptions are by real name, and aliases of some of them.
	subscriptions table.Map[string, *Channel]
	aliases       map[string]string // nil if there are none
	// others are of channels without a subscription, nil until there are some.
	others *recent.Cache[string, *Channel]
	// matched are the same if the connect token has few keys: no two have the same rules.
	matched []*Channel
}

// NewConnection returns what a connection may do that has no subscriptions yet.
func NewConnection(connect *Grant) *Connection {
	c := new(Connection)
	c.connect.Store(connect)
	return c
}

// Refresh replaces the connect token's grant. What subscriptions permit stays as it was
// until Subscribed is told otherwise.
func (c *Connection) Refresh(connect *Grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connect.Store(connect)
	c.others, c.matched = nil, nil
}

// Channel returns the permissions on a channel (real name) as they are now.
func (c *Connection) Channel(name string) *Channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch, ok := c.subscriptions.Get(name); ok {
		return ch
	}
	if connect := c.connect.Load(); connect.channels.Quick() {
		return c.match(connect, name)
	}
	if c.others == nil {
		c.others = new(recent.New[string, *Channel](channelCacheSize))
	}
	ch, ok := c.others.Get(name)
	if !ok {
		ch = c.Resolve(name, Added{})
		// The name may be part of a large frame, which must not be kept with it.
		c.others.Add(strings.Clone(name), ch, ch.size()+len(name))
	}
	return ch
}

// match returns the permissions on a channel without a subscription, where the rules are
// quickly found. All channels with the same rules have one. c.mu is held.
func (c *Connection) match(connect *Grant, name string) *Channel {
	var room [usualMatches]*Rule
	rules := connect.matching(room[:0], name)
	for _, ch := range c.matched {
		if slices.Equal(ch.rules, rules) {
			return ch
		}
	}
	ch := c.Resolve(name, Added{})
	c.matched = append(c.matched, ch)
	return ch
}

// Resolve works out the permissions on a channel (real name) that the connection
// would have with a subscription that adds these grants.
func (c *Connection) Resolve(channel string, added Added) *Channel {
	ch := Resolve(channel, c.connect.Load(), added)
	ch.decided = &c.decided
	return ch
}

// Subscribed says that the connection is now subscribed to a channel, and what it
// may do there, as Resolve has returned it.
func (c *Connection) Subscribed(channel string, ch *Channel) {
	channel = strings.Clone(channel)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(channel)
	c.subscriptions.Set(channel, ch)
	if ch.Alias != "" {
		if c.aliases == nil {
			c.aliases = make(map[string]string)
		}
		c.aliases[ch.Alias] = channel
	}
}

// Unsubscribed ends that.
func (c *Connection) Unsubscribed(channel string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(channel)
}

func (c *Connection) forget(channel string) {
	ch, ok := c.subscriptions.Get(channel)
	if !ok {
		return
	}
	c.subscriptions.Delete(channel)
	// Another subscription may have given the same alias to another channel.
	if c.aliases[ch.Alias] == channel {
		delete(c.aliases, ch.Alias)
	}
	if len(c.aliases) == 0 {
		c.aliases = nil
	}
}

// RealName returns the channel that a client means by a name: the channel of
// that name if a token or subscription names it exactly, else the one it is an
// alias of, else again the channel of that name. subscribe is the token in the
// client's command, or nil.
func (c *Connection) RealName(name string, subscribe *Grant) string {
	connect := c.connect.Load()
	if connect.channels.Has(name) {
		return name
	}
	if subscribe != nil {
		if subscribe.channels.Has(name) {
			return name
		}
		if channel, ok := subscribe.aliases[name]; ok {
			return channel
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subscriptions.Has(name) {
		return name
	}
	if channel, ok := c.aliases[name]; ok {
		return channel
	}
	if channel, ok := connect.aliases[name]; ok {
		return channel
	}
	return name
}

// Bytes of what one connection remembers, so that a client which uses ever new
// names cannot fill the memory.
const (
	decisionCacheSize = 64 << 10 // decisions on events, and as many on storage keys
	channelCacheSize  = 32 << 10 // channels without a subscription
)

// A cache has what was decided for one connection about events and storage keys,
// within a bound, however many channels and names the client uses. It is safe for
// concurrent use.
type cache struct {
	mu      sync.Mutex
	events  *recent.Cache[decision, *Event] // nil until there are some
	entries *recent.Cache[decision, *Entry] // likewise
}

// A decision is about an event or a storage key of a channel.
type decision struct {
	channel *Channel
	name    string
}

func (d *cache) event(c *Channel, name string) *Event {
	return decide(d, &d.events, decision{c, name}, c.decideEvent)
}

func (d *cache) entry(c *Channel, key string) *Entry {
	return decide(d, &d.entries, decision{c, key}, c.decideEntry)
}

// decide returns what is remembered, or else remembers what by says.
func decide[V interface{ size() int }](d *cache, kind **recent.Cache[decision, V], k decision, by func(string) V) V {
	d.mu.Lock()
	defer d.mu.Unlock()
	if *kind == nil {
		*kind = new(recent.New[decision, V](decisionCacheSize))
	}
	v, ok := (*kind).Get(k)
	if !ok {
		v = by(k.name)
		// The name may be part of a large frame, which must not be kept with it.
		k.name = strings.Clone(k.name)
		// The channel's permissions are kept, too, though its subscription may end.
		(*kind).Add(k, v, k.channel.size()+len(k.name)+v.size())
	}
	return v
}

// Bytes that are kept of each, roughly.
const (
	channelSize   = 128 // besides its rules, each of which is a pointer
	ruleSize      = 8
	decisionSize  = 128 // besides its lists of reactions, each of which is a slice
	reactionsSize = 24
)

func (c *Channel) size() int { return channelSize + ruleSize*len(c.rules) }
func (e *Event) size() int   { return decisionSize + reactionsSize*len(e.Reactions) }
func (e *Entry) size() int   { return decisionSize }
