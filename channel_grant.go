package hotsock

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/internal/recent"
	"github.com/hotsock-go/hotsock/store"
)

// A channelGrant is what a connection may do on one channel. It is safe for
// concurrent use.
type channelGrant struct {
	subscribe        bool
	alias            string // "" for none
	getInfo          bool
	historyStart     time.Time // zero: the start of the subscription
	omitFromSubCount bool
	anyGet           bool // of any storage key
	anyObserve       bool

	// rules are those that match the channel. First come the subscribe token's,
	// added of them, then the connect token's; of each the most specific first.
	// So of several that set a number, the first counts.
	rules []*channelRule
	added int

	mu      sync.Mutex
	events  recent.Cache[string, *eventGrant]
	entries recent.Cache[string, *entryGrant]
}

// mayGet reports whether there can be a storage key that may be read, and
// mayObserve the same of observing.
func (g *channelGrant) mayGet() bool     { return g.anyGet }
func (g *channelGrant) mayObserve() bool { return g.anyObserve }

// event returns the permissions on an event. A repeated call is cheap.
func (g *channelGrant) event(name string) *eventGrant {
	return remember(g, &g.events, name, g.decideEvent)
}

// entry returns the permissions on a storage key. A repeated call is cheap.
func (g *channelGrant) entry(key string) *entryGrant {
	return remember(g, &g.entries, key, g.decideEntry)
}

func remember[V any](g *channelGrant, cache *recent.Cache[string, V], name string, decide func(string) V) V {
	g.mu.Lock()
	defer g.mu.Unlock()
	v, ok := cache.Get(name)
	if !ok {
		v = decide(name)
		// The name may be part of a large frame, which must not be kept with it.
		cache.Add(strings.Clone(name), v, decisionSize+len(name))
	}
	return v
}

// An eventGrant is what a connection may do with one event of one channel. It is
// immutable.
type eventGrant struct {
	publish        bool // while subscribed
	broadcast      bool // also while not subscribed
	echo           bool
	keep           time.Duration // 0 for not, or store.Forever
	scheduleBefore time.Time     // zero: never
	emit           bool
	react          Permission // Unset: only reactions
	reactions      []string
}

func (g *channelGrant) decideEvent(name string) *eventGrant {
	e := new(eventGrant)
	var publish, broadcast, echo, emit Permission
	var keep *time.Duration
	for i, r := range g.rules {
		for m := range r.messages.Match(name) {
			publish = publish.and(m.Publish)
			if i >= g.added {
				broadcast = broadcast.and(m.Broadcast)
			}
			echo = echo.and(m.Echo)
			emit = emit.and(m.EmitPubSubEvent)
			if keep == nil {
				keep = m.Store
			}
			if e.scheduleBefore.IsZero() {
				e.scheduleBefore = m.ScheduleBefore
			}
			e.react = e.react.and(m.React)
			e.reactions = append(e.reactions, m.Reactions...)
		}
	}
	e.broadcast = broadcast == Allow && publish != Deny
	e.publish = publish == Allow || e.broadcast
	e.echo = echo == Allow
	e.emit = emit == Allow
	if keep != nil {
		e.keep = *keep
	}
	return e
}

// mayReact reports whether a reaction to messages of this event is permitted.
func (e *eventGrant) mayReact(reaction string) bool {
	switch e.react {
	case Allow:
		return true
	case Deny:
		return false
	default:
		return slices.Contains(e.reactions, reaction)
	}
}

// An entryGrant is what a connection may do with one storage entry. It is
// immutable.
type entryGrant struct {
	get, set, observe bool
	keep              time.Duration // positive, or store.Forever
	scheduleBefore    time.Time     // zero: never
	emit              bool
}

func (g *channelGrant) decideEntry(key string) *entryGrant {
	e := &entryGrant{keep: store.Forever}
	var get, set, observe, emit Permission
	var keep *time.Duration
	for _, r := range g.rules {
		for s := range r.storage.Match(key) {
			get = get.and(s.Get)
			set = set.and(s.Set)
			observe = observe.and(s.Observe)
			emit = emit.and(s.EmitPubSubEvent)
			if keep == nil {
				keep = s.Store
			}
			if e.scheduleBefore.IsZero() {
				e.scheduleBefore = s.ScheduleBefore
			}
		}
	}
	e.get, e.set, e.observe, e.emit = get == Allow, set == Allow, observe == Allow, emit == Allow
	if keep != nil {
		e.keep = *keep
	}
	return e
}
