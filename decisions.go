package hotsock

import (
	"strings"
	"sync"

	"github.com/hotsock-go/hotsock/internal/recent"
)

// decisions are what one connection's permissions say of events and storage
// keys. They are remembered within a bound in bytes, however many channels and
// names the client uses. They are safe for concurrent use.
type decisions struct {
	mu      sync.Mutex
	events  *recent.Cache[decision, *eventGrant] // nil until there are some
	entries *recent.Cache[decision, *entryGrant] // likewise
}

// A decision is about an event or a storage key of a channel.
type decision struct {
	grant *channelGrant
	name  string
}

func (d *decisions) event(g *channelGrant, name string) *eventGrant {
	return decide(d, &d.events, decision{g, name}, g.decideEvent)
}

func (d *decisions) entry(g *channelGrant, key string) *entryGrant {
	return decide(d, &d.entries, decision{g, key}, g.decideEntry)
}

// decide returns what is remembered, or else remembers what by says.
func decide[V interface{ size() int }](d *decisions, cache **recent.Cache[decision, V], k decision, by func(string) V) V {
	d.mu.Lock()
	defer d.mu.Unlock()
	if *cache == nil {
		*cache = new(recent.New[decision, V](decisionCacheSize))
	}
	v, ok := (*cache).Get(k)
	if !ok {
		v = by(k.name)
		// The name may be part of a large frame, which must not be kept with it.
		k.name = strings.Clone(k.name)
		// The channel's grant is kept, too, though its subscription may end.
		(*cache).Add(k, v, k.grant.size()+len(k.name)+v.size())
	}
	return v
}

// Bytes that are kept of each, roughly.
const (
	channelGrantSize = 128 // besides its rules, each of which is a pointer
	ruleSize         = 8
	decisionSize     = 128 // besides its lists of reactions, each of which is a slice
	reactionsSize    = 24
)

func (g *channelGrant) size() int { return channelGrantSize + ruleSize*len(g.rules) }
func (e *eventGrant) size() int   { return decisionSize + reactionsSize*len(e.reactions) }
func (e *entryGrant) size() int   { return decisionSize }
