package permission

import (
	"slices"
	"time"

	"github.com/hotsock-go/hotsock/token"
)

// An Event is what a connection may do with one event of one channel. It is
// immutable.
type Event struct {
	Publish        bool // while subscribed
	Broadcast      bool // also while not subscribed
	Echo           bool
	Retention      time.Duration // 0 for not, or token.Forever
	ScheduleBefore time.Time     // zero: never
	Emit           bool
	React          token.Permission // Unset: only Reactions
	Reactions      [][]string       // of all keys, each shared with its claims
	Update, Delete token.Permission // Own: of the user's own messages
	Stop           token.Permission // the same
}

// Event returns the permissions on an event. A repeated call is cheap.
func (c *Channel) Event(name string) *Event {
	if c.decided == nil {
		return c.decideEvent(name)
	}
	return c.decided.event(c, name)
}

// An EventResolution is what all keys say together that match an event. The keys
// are Matches.
type EventResolution struct {
	Matches                               []Match[token.MessageClaims]
	Publish, Broadcast, Echo, Emit, React Effective[token.Permission]
	Update, Delete, Stop                  Effective[token.Permission]
	Store                                 Effective[time.Duration]
	ScheduleBefore                        Effective[time.Time]
}

// usualMatches is how many keys match at most, usually.
const usualMatches = 4

// ResolveEvent works out each claim about an event, and which key decides it.
func (c *Channel) ResolveEvent(name string) EventResolution {
	r := EventResolution{Matches: make([]Match[token.MessageClaims], 0, usualMatches)}
	broadcasts := 0 // where those of the connect token begin, which alone can permit it
	for i, rule := range c.rules {
		for key, m := range rule.messages.Match(name) {
			r.Matches = append(r.Matches, Match[token.MessageClaims]{i, key, m})
		}
		if i < c.added {
			broadcasts = len(r.Matches)
		}
	}
	type match = Match[token.MessageClaims]
	r.Publish = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.Publish })
	r.Broadcast = strongest(r.Matches, broadcasts, func(m match) token.Permission { return m.Claims.Broadcast })
	r.Echo = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.Echo })
	r.Emit = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.EmitPubSubEvent })
	r.React = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.React })
	r.Update = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.Update })
	r.Delete = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.Delete })
	r.Stop = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.Stop })
	r.Store = mostSpecific(r.Matches, func(m match) (time.Duration, bool) { return kept(m.Claims.Store) })
	r.ScheduleBefore = mostSpecific(r.Matches, func(m match) (time.Time, bool) {
		return m.Claims.ScheduleBefore, !m.Claims.ScheduleBefore.IsZero()
	})
	return r
}

// kept returns the Store of claims, if they have one.
func kept(d time.Duration) (time.Duration, bool) {
	if d == token.Never {
		return 0, true
	}
	return d, d != 0
}

func (c *Channel) decideEvent(name string) *Event {
	r := c.ResolveEvent(name)
	return r.Event()
}

// Event returns what that permits.
func (r *EventResolution) Event() *Event {
	broadcast := r.Broadcast.Value == token.Allow && r.Publish.Value != token.Deny
	e := &Event{
		Publish:        r.Publish.Value == token.Allow || broadcast,
		Broadcast:      broadcast,
		Echo:           r.Echo.Value == token.Allow,
		Retention:      r.Store.Value,
		ScheduleBefore: r.ScheduleBefore.Value,
		Emit:           r.Emit.Value == token.Allow,
		React:          r.React.Value,
		Update:         r.Update.Value,
		Delete:         r.Delete.Value,
		Stop:           r.Stop.Value,
	}
	for _, m := range r.Matches {
		if len(m.Claims.Reactions) > 0 {
			e.Reactions = append(e.Reactions, m.Claims.Reactions)
		}
	}
	return e
}

// MayEdit reports whether a user may update or delete a message of this event, which
// somebody else has sent unless it is their own.
func (e *Event) MayEdit(remove, own bool) bool {
	p := e.Update
	if remove {
		p = e.Delete
	}
	return p == token.Allow || p == token.Own && own
}

// MayStop reports whether a user may stop the stream of a message of this event, which
// somebody else has sent unless it is their own.
func (e *Event) MayStop(own bool) bool {
	return e.Stop == token.Allow || e.Stop == token.Own && own
}

// MayStop reports whether stopping a stream may be permitted: the event decides.
func (c *Channel) MayStop() bool {
	return slices.ContainsFunc(c.rules, func(r *Rule) bool { return r.stops })
}

// MayReact reports whether a reaction to messages of this event is permitted.
func (e *Event) MayReact(reaction string) bool {
	switch e.React {
	case token.Allow:
		return true
	case token.Deny:
		return false
	default:
		return slices.ContainsFunc(e.Reactions, func(list []string) bool { return slices.Contains(list, reaction) })
	}
}
