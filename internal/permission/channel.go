package permission

import (
	"time"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/token"
)

// A Channel is what a connection may do on one channel. It is safe for concurrent
// use, and immutable but for what it remembers.
type Channel struct {
	Subscribe        bool
	GetInfo          bool
	OmitFromSubCount bool
	Alias            string    // "" for none
	HistoryStart     time.Time // zero: the start of the subscription

	// rules are those that match the channel: first what the app grants, granted of
	// them, then the subscribe token's, up to added, then the connect token's; of each
	// the most specific first. So of several that set a number, the first counts.
	rules          []*Rule
	granted, added int

	// decided is the connection's, nil for what one request may do.
	decided *cache
}

// Added are the grants of one subscription, which count on its channel besides the
// connect token's. Each is nil for none.
type Added struct {
	Subscribe *Grant // of the subscribe token
	App       *Grant // of what the app grants itself
}

// Resolve works out the permissions on one channel (real name) from the connect
// token's grant and those of a subscription.
func Resolve(channel string, connect *Grant, added Added) *Channel {
	c := &Channel{}
	if added.App != nil {
		c.rules = added.App.matching(c.rules, channel)
	}
	c.granted = len(c.rules)
	if added.Subscribe != nil {
		c.rules = added.Subscribe.matching(c.rules, channel)
	}
	c.added = len(c.rules)
	c.rules = connect.matching(c.rules, channel)

	r := c.ResolveChannel()
	c.Subscribe = r.maySubscribe()
	c.GetInfo = r.GetInfo.Value == token.Allow
	c.OmitFromSubCount = r.OmitFromSubCount.Value == token.Allow
	c.HistoryStart = r.HistoryStart.Value
	c.Alias = r.Alias.Value
	return c
}

// A ChannelResolution is what the rules of a channel say together. The keys are
// the channel's [Channel.Rules].
type ChannelResolution struct {
	Subscribe, AutoSubscribe, GetInfo, OmitFromSubCount Effective[token.Permission]
	HistoryStart                                        Effective[time.Time]
	Alias                                               Effective[string]
}

// ResolveChannel works out each claim of the channel itself, and which rule decides it.
func (c *Channel) ResolveChannel() ChannelResolution {
	return ChannelResolution{
		Subscribe: strongest(c.rules, 0, func(r *Rule) token.Permission { return r.Claims.Subscribe }),
		// What is added to a subscription subscribes nothing by itself.
		AutoSubscribe:    strongest(c.rules, c.added, func(r *Rule) token.Permission { return r.Claims.AutoSubscribe }),
		GetInfo:          strongest(c.rules, 0, func(r *Rule) token.Permission { return r.Claims.GetInfo }),
		OmitFromSubCount: strongest(c.rules, 0, func(r *Rule) token.Permission { return r.Claims.OmitFromSubCount }),
		HistoryStart: mostSpecific(c.rules, func(r *Rule) (time.Time, bool) {
			return r.Claims.HistoryStart, !r.Claims.HistoryStart.IsZero()
		}),
		Alias: mostSpecific(c.rules, func(r *Rule) (string, bool) { return r.Claims.Alias, r.Claims.Alias != "" }),
	}
}

// maySubscribe: autoSubscribe implies subscribe, but does not overrule it.
func (r *ChannelResolution) maySubscribe() bool {
	return r.Subscribe.Value == token.Allow || r.Subscribe.Value == token.Unset && r.AutoSubscribe.Value == token.Allow
}

// Rules returns the rules that match the channel, in the order in which they
// count. The slice is shared: it must not be modified.
func (c *Channel) Rules() []*Rule { return c.rules }

// Token says which token a rule is of: ScopeSubscribe or ScopeConnect, or 0 if the app
// grants it without a token.
func (c *Channel) Token(rule int) token.Scope {
	switch {
	case rule < c.granted:
		return 0
	case rule < c.added:
		return token.ScopeSubscribe
	}
	return token.ScopeConnect
}

// History returns since when messages may be read, and false if only those
// after the start of the subscription may.
func (c *Channel) History() (time.Time, bool) {
	return c.HistoryStart, !c.HistoryStart.IsZero()
}

// KeyRanges returns where the storage keys lie of which some claims are wanted.
func (c *Channel) KeyRanges(wanted func(*token.StorageClaims) bool) []pattern.Range {
	var ranges []pattern.Range
	for _, r := range c.rules {
		ranges = r.storage.Ranges(ranges, wanted)
	}
	return ranges
}
