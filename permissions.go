package hotsock

import "time"

// permissions are what one connection may do: its connect token's grant, and
// those of the subscribe tokens it is subscribed with. They remember what was
// decided, within a bound. They are safe for concurrent use.
type permissions struct {
	connect *grant
}

func newPermissions(connect *grant) *permissions { return &permissions{connect: connect} }

// channel returns the permissions on a channel (real name) as they are now.
func (p *permissions) channel(name string) *channelGrant { return resolve(name, p.connect, nil) }

// subscribed says that the connection is now subscribed to a channel, with a
// subscribe token's grant or nil, and returns the permissions from now on.
func (p *permissions) subscribed(channel string, subscribe *grant) *channelGrant {
	return resolve(channel, p.connect, subscribe)
}

// unsubscribed ends that.
func (p *permissions) unsubscribed(channel string) {}

// realName returns the channel that a client means by a name: the channel of
// that name if a token or subscription names it exactly, else the one it is an
// alias of, else again the channel of that name. subscribe is the token in the
// client's command, or nil.
func (p *permissions) realName(name string, subscribe *grant) string { return name }

// resolve works out the permissions on one channel (real name) from the connect
// token's grant and the subscribe token's, which may be nil.
func resolve(channel string, connect, subscribe *grant) *channelGrant { return &channelGrant{} }

// A channelGrant is what a connection may do on one channel. It is safe for
// concurrent use.
type channelGrant struct {
	subscribe        bool
	alias            string // "" for none
	getInfo          bool
	historyStart     time.Time // zero: the start of the subscription
	omitFromSubCount bool
}

// event returns the permissions on an event. A repeated call is cheap.
func (c *channelGrant) event(name string) *eventGrant { return &eventGrant{} }

// entry returns the permissions on a storage key. A repeated call is cheap.
func (c *channelGrant) entry(key string) *entryGrant { return &entryGrant{} }

// An eventGrant is what a connection may do with one event of one channel.
type eventGrant struct {
	publish        bool // while subscribed
	broadcast      bool // also while not subscribed
	echo           bool
	keep           time.Duration // 0 for not, or store.Forever
	scheduleBefore time.Time     // zero: never
	emit           bool
}

// mayReact reports whether a reaction to messages of this event is permitted.
func (e *eventGrant) mayReact(reaction string) bool { return false }

// An entryGrant is what a connection may do with one storage entry.
type entryGrant struct {
	get, set, observe bool
	keep              time.Duration // positive, or store.Forever
	scheduleBefore    time.Time     // zero: never
	emit              bool
}
