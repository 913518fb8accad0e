package permission

import (
	"strings"
	"sync"

	"github.com/hotsock-go/hotsock/internal/recent"
)

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
