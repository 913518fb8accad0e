package permission

import (
	"time"

	"github.com/hotsock-go/hotsock/token"
)

// An Entry is what a connection may do with one storage entry of one channel. It
// is immutable.
type Entry struct {
	Get, Set, Observe bool
	Retention         time.Duration // positive, or token.Forever
	ScheduleBefore    time.Time     // zero: never
	Emit              bool
}

// Entry returns the permissions on a storage key. A repeated call is cheap.
func (c *Channel) Entry(key string) *Entry {
	if c.decided == nil {
		return c.decideEntry(key)
	}
	return c.decided.entry(c, key)
}

// An EntryResolution is what all keys say together that match a storage key. The
// keys are Matches.
type EntryResolution struct {
	Matches                 []Match[token.StorageClaims]
	Get, Set, Observe, Emit Effective[token.Permission]
	Store                   Effective[time.Duration]
	ScheduleBefore          Effective[time.Time]
}

// ResolveEntry works out each claim about a storage key, and which key of the
// permissions decides it. Unlike [Channel.Entry] it remembers nothing, so it is
// for many keys of which each is asked about once.
func (c *Channel) ResolveEntry(key string) EntryResolution {
	r := EntryResolution{Matches: make([]Match[token.StorageClaims], 0, usualMatches)}
	for i, rule := range c.rules {
		for k, s := range rule.storage.Match(key) {
			r.Matches = append(r.Matches, Match[token.StorageClaims]{i, k, s})
		}
	}
	type match = Match[token.StorageClaims]
	r.Get = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.Get })
	r.Set = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.Set })
	r.Observe = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.Observe })
	r.Emit = strongest(r.Matches, 0, func(m match) token.Permission { return m.Claims.EmitPubSubEvent })
	r.Store = mostSpecific(r.Matches, func(m match) (time.Duration, bool) { return kept(m.Claims.Store) })
	r.ScheduleBefore = mostSpecific(r.Matches, func(m match) (time.Time, bool) {
		return m.Claims.ScheduleBefore, !m.Claims.ScheduleBefore.IsZero()
	})
	return r
}

func (c *Channel) decideEntry(key string) *Entry {
	r := c.ResolveEntry(key)
	return r.Entry()
}

// Entry returns what that permits.
func (r *EntryResolution) Entry() *Entry {
	e := &Entry{
		Get:            r.Get.Value == token.Allow,
		Set:            r.Set.Value == token.Allow,
		Observe:        r.Observe.Value == token.Allow,
		Retention:      token.Forever,
		ScheduleBefore: r.ScheduleBefore.Value,
		Emit:           r.Emit.Value == token.Allow,
	}
	if r.Store.By >= 0 {
		e.Retention = r.Store.Value
	}
	return e
}
