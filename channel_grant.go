package hotsock

import (
	"slices"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// A channelGrant is what a connection may do on one channel. It is safe for
// concurrent use.
type channelGrant struct {
	subscribe        bool
	getInfo          bool
	omitFromSubCount bool
	alias            string    // "" for none
	historyStart     time.Time // zero: the start of the subscription

	// rules are those that match the channel. First come the subscribe token's,
	// added of them, then the connect token's; of each the most specific first.
	// So of several that set a number, the first counts.
	rules []*channelRule
	added int

	// decided is the connection's, nil for the grant of one request.
	decided *decisions
}

// event returns the permissions on an event. A repeated call is cheap.
func (g *channelGrant) event(name string) *eventGrant {
	if g.decided == nil {
		return g.decideEvent(name)
	}
	return g.decided.event(g, name)
}

// entry returns the permissions on a storage key. A repeated call is cheap.
func (g *channelGrant) entry(key string) *entryGrant {
	if g.decided == nil {
		return g.decideEntry(key)
	}
	return g.decided.entry(g, key)
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
	reactions      [][]string // of all keys, each shared with its claims
}

// usualMatches is how many keys match at most, mostly.
const usualMatches = 4

// eventVotes are what all keys together say that match an event.
type eventVotes struct {
	said                                  []said[MessageClaims]
	publish, broadcast, echo, emit, react vote
	store                                 pick[time.Duration]
	scheduleBefore                        pick[time.Time]
}

func (g *channelGrant) weighEvent(name string) eventVotes {
	v := eventVotes{said: make([]said[MessageClaims], 0, usualMatches)}
	broadcasts := 0 // where those of the connect token begin, which alone can permit it
	for i, r := range g.rules {
		for key, m := range r.messages.Match(name) {
			v.said = append(v.said, said[MessageClaims]{i, key, m})
		}
		if i < g.added {
			broadcasts = len(v.said)
		}
	}
	type key = said[MessageClaims]
	v.publish = weigh(v.said, 0, func(k key) Permission { return k.claims.Publish })
	v.broadcast = weigh(v.said, broadcasts, func(k key) Permission { return k.claims.Broadcast })
	v.echo = weigh(v.said, 0, func(k key) Permission { return k.claims.Echo })
	v.emit = weigh(v.said, 0, func(k key) Permission { return k.claims.EmitPubSubEvent })
	v.react = weigh(v.said, 0, func(k key) Permission { return k.claims.React })
	v.store = first(v.said, func(k key) (time.Duration, bool) { return keeping(k.claims.Store) })
	v.scheduleBefore = first(v.said, func(k key) (time.Time, bool) {
		return k.claims.ScheduleBefore, !k.claims.ScheduleBefore.IsZero()
	})
	return v
}

// keeping returns for how long, if that is said.
func keeping(d *time.Duration) (time.Duration, bool) {
	if d == nil {
		return 0, false
	}
	return *d, true
}

func (g *channelGrant) decideEvent(name string) *eventGrant {
	v := g.weighEvent(name)
	return v.grant()
}

func (v *eventVotes) grant() *eventGrant {
	broadcast := v.broadcast.Permission == Allow && v.publish.Permission != Deny
	e := &eventGrant{
		publish:        v.publish.Permission == Allow || broadcast,
		broadcast:      broadcast,
		echo:           v.echo.Permission == Allow,
		keep:           v.store.value,
		scheduleBefore: v.scheduleBefore.value,
		emit:           v.emit.Permission == Allow,
		react:          v.react.Permission,
	}
	for _, k := range v.said {
		if len(k.claims.Reactions) > 0 {
			e.reactions = append(e.reactions, k.claims.Reactions)
		}
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
		return slices.ContainsFunc(e.reactions, func(list []string) bool { return slices.Contains(list, reaction) })
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

// entryVotes are what all keys together say that match a storage key.
type entryVotes struct {
	said                    []said[StorageClaims]
	get, set, observe, emit vote
	store                   pick[time.Duration]
	scheduleBefore          pick[time.Time]
}

func (g *channelGrant) weighEntry(name string) entryVotes {
	v := entryVotes{said: make([]said[StorageClaims], 0, usualMatches)}
	for i, r := range g.rules {
		for key, s := range r.storage.Match(name) {
			v.said = append(v.said, said[StorageClaims]{i, key, s})
		}
	}
	type key = said[StorageClaims]
	v.get = weigh(v.said, 0, func(k key) Permission { return k.claims.Get })
	v.set = weigh(v.said, 0, func(k key) Permission { return k.claims.Set })
	v.observe = weigh(v.said, 0, func(k key) Permission { return k.claims.Observe })
	v.emit = weigh(v.said, 0, func(k key) Permission { return k.claims.EmitPubSubEvent })
	v.store = first(v.said, func(k key) (time.Duration, bool) { return keeping(k.claims.Store) })
	v.scheduleBefore = first(v.said, func(k key) (time.Time, bool) {
		return k.claims.ScheduleBefore, !k.claims.ScheduleBefore.IsZero()
	})
	return v
}

func (g *channelGrant) decideEntry(key string) *entryGrant {
	v := g.weighEntry(key)
	return v.grant()
}

func (v *entryVotes) grant() *entryGrant {
	e := &entryGrant{
		get:            v.get.Permission == Allow,
		set:            v.set.Permission == Allow,
		observe:        v.observe.Permission == Allow,
		keep:           store.Forever,
		scheduleBefore: v.scheduleBefore.value,
		emit:           v.emit.Permission == Allow,
	}
	if v.store.by >= 0 {
		e.keep = v.store.value
	}
	return e
}
