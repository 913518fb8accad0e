package hotsock

import (
	"strings"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/internal/recent"
	"github.com/hotsock-go/hotsock/internal/table"
)

// permissions are what one connection may do: its connect token's grant, and
// those of the subscribe tokens it is subscribed with. They remember what was
// decided, within a bound. They are safe for concurrent use.
type permissions struct {
	connect *grant
	decided decisions

	mu sync.Mutex
	// subscriptions are by real name, and aliases of some of them.
	subscriptions table.Map[string, *channelGrant]
	aliases       map[string]string // nil if there are none
	// others are of channels without a subscription, nil until there are some.
	others *recent.Cache[string, *channelGrant]
}

func newPermissions(connect *grant) *permissions {
	return &permissions{connect: connect}
}

// channel returns the permissions on a channel (real name) as they are now.
func (p *permissions) channel(name string) *channelGrant {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g, ok := p.subscriptions.Get(name); ok {
		return g
	}
	if p.others == nil {
		p.others = new(recent.New[string, *channelGrant](channelGrantCacheSize))
	}
	g, ok := p.others.Get(name)
	if !ok {
		g = resolve(name, p.connect, nil)
		g.decided = &p.decided
		// The name may be part of a large frame, which must not be kept with it.
		p.others.Add(strings.Clone(name), g, g.size()+len(name))
	}
	return g
}

// subscribed says that the connection is now subscribed to a channel, with a
// subscribe token's grant or nil, and returns the permissions from now on.
func (p *permissions) subscribed(channel string, subscribe *grant) *channelGrant {
	channel = strings.Clone(channel)
	g := resolve(channel, p.connect, subscribe)
	g.decided = &p.decided
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(channel)
	p.subscriptions.Set(channel, g)
	if g.alias != "" {
		if p.aliases == nil {
			p.aliases = make(map[string]string)
		}
		p.aliases[g.alias] = channel
	}
	return g
}

// unsubscribed ends that.
func (p *permissions) unsubscribed(channel string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(channel)
}

func (p *permissions) forget(channel string) {
	g, ok := p.subscriptions.Get(channel)
	if !ok {
		return
	}
	p.subscriptions.Delete(channel)
	// Another subscribe token may have given the same alias to another channel.
	if p.aliases[g.alias] == channel {
		delete(p.aliases, g.alias)
	}
	if len(p.aliases) == 0 {
		p.aliases = nil
	}
}

// realName returns the channel that a client means by a name: the channel of
// that name if a token or subscription names it exactly, else the one it is an
// alias of, else again the channel of that name. subscribe is the token in the
// client's command, or nil.
func (p *permissions) realName(name string, subscribe *grant) string {
	if p.connect.channels.Has(name) {
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
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.subscriptions.Has(name) {
		return name
	}
	if channel, ok := p.aliases[name]; ok {
		return channel
	}
	if channel, ok := p.connect.aliases[name]; ok {
		return channel
	}
	return name
}

// resolve works out the permissions on one channel (real name) from the connect
// token's grant and the subscribe token's, which may be nil.
func resolve(channel string, connect, subscribe *grant) *channelGrant {
	g := &channelGrant{}
	if subscribe != nil {
		g.rules = subscribe.matching(g.rules, channel)
		g.added = len(g.rules)
	}
	g.rules = connect.matching(g.rules, channel)

	v := g.weigh()
	g.subscribe = v.maySubscribe()
	g.getInfo = v.getInfo.Permission == Allow
	g.omitFromSubCount = v.omitFromSubCount.Permission == Allow
	g.historyStart = v.historyStart.value
	g.alias = v.alias.value
	return g
}

// channelVotes are what the rules of a channel together say.
type channelVotes struct {
	subscribe, autoSubscribe, getInfo, omitFromSubCount vote
	historyStart                                        pick[time.Time]
	alias                                               pick[string]
}

func (g *channelGrant) weigh() channelVotes {
	return channelVotes{
		subscribe: weigh(g.rules, 0, func(r *channelRule) Permission { return r.claims.Subscribe }),
		// A subscribe token subscribes nothing by itself.
		autoSubscribe:    weigh(g.rules, g.added, func(r *channelRule) Permission { return r.claims.AutoSubscribe }),
		getInfo:          weigh(g.rules, 0, func(r *channelRule) Permission { return r.claims.GetInfo }),
		omitFromSubCount: weigh(g.rules, 0, func(r *channelRule) Permission { return r.claims.OmitFromSubCount }),
		historyStart: first(g.rules, func(r *channelRule) (time.Time, bool) {
			return r.claims.HistoryStart, !r.claims.HistoryStart.IsZero()
		}),
		alias: first(g.rules, func(r *channelRule) (string, bool) { return r.claims.Alias, r.claims.Alias != "" }),
	}
}

// maySubscribe: autoSubscribe implies subscribe, but does not overrule it.
func (v *channelVotes) maySubscribe() bool {
	return v.subscribe.Permission == Allow || v.subscribe.Permission == Unset && v.autoSubscribe.Permission == Allow
}
