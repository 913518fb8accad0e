package storememory

import (
	"time"

	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/store"
)

// presence is who is subscribed to a channel, and who is a member of it.
type presence struct {
	// members are nil until there is a subscription with presence.
	members *members
	// subscriptions by connection.
	subscriptions table.Map[string, *subscription]
	// counted is how many of them are.
	counted int
}

// members are the users who are subscribed to a presence channel.
type members struct {
	// byUID is in the order of joining.
	byUID table.Ordered[string, member]
	// size is what all of them count for together.
	size int
	// lingering are those who have no connection any more, by when they are removed.
	lingering queue[*lingerer]
}

type member struct {
	umd         []byte
	connections int
	digest      string // of umd
	size        int    // what the member counts for
	// lingers is nil while there is a connection.
	lingers *lingerer
}

// A lingerer is a member who stays until a deadline, or comes back before.
type lingerer struct {
	deadline
	uid string
}

func (l *lingerer) before(other *lingerer) bool { return l.at.Before(other.at) }

// A subscription is one connection's.
type subscription struct {
	node     *node
	uid      string
	umd      []byte
	digest   string // of umd
	presence bool
	counted  bool
}

// get returns a connection's subscription; the zero value if it has none.
func (p *presence) get(connection string) subscription {
	if s := p.subscriptions.Value(connection); s != nil {
		return *s
	}
	return subscription{}
}

// put records a subscription, in place of the one that there may be.
func (p *presence) put(connection string, s subscription) {
	p.count(p.get(connection), -1)
	p.subscriptions.Set(connection, &s)
	p.count(s, 1)
}

// end forgets a subscription.
func (p *presence) end(connection string) (old subscription) {
	old = p.get(connection)
	p.subscriptions.Delete(connection)
	p.count(old, -1)
	return old
}

func (p *presence) count(s subscription, by int) {
	if s.counted {
		p.counted += by
	}
	if !s.presence {
		return
	}
	m := p.joined().byUID.Value(s.uid)
	m.connections += by
	if m.lingers != nil {
		p.members.lingering.remove(m.lingers)
		m.lingers = nil
	}
	p.members.byUID.Set(s.uid, m)
}

// list returns the members in the order of joining; nil if there are none.
func (p *presence) list() []store.Member {
	if p.members == nil || p.members.byUID.Len() == 0 {
		return nil
	}
	list := make([]store.Member, 0, p.members.byUID.Len())
	for uid, m := range p.members.byUID.All() {
		list = append(list, store.Member{UID: uid, UMD: m.umd})
	}
	return list
}

// joined returns the members of a presence channel.
func (p *presence) joined() *members {
	if p.members == nil {
		p.members = new(members)
	}
	return p.members
}

// fits says whether the members are within a limit, or no more than they were,
// once leaver, who may be nobody, is not one any more and joiner is one with
// metadata of this digest and size.
func (ms *members) fits(leaver, joiner, digest string, size, limit int) bool {
	old, ok := ms.byUID.Get(joiner)
	if ok && old.digest == digest {
		return true // Nothing changes.
	}
	more := size - old.size - ms.byUID.Value(leaver).size
	return more <= 0 || ms.size+more <= limit
}

// setMember makes m, whose metadata has this digest and size, a member, or changes
// one. It returns nil if m is one already. The subscription must not be recorded yet.
func (ms *members) setMember(m store.Member, digest string, size int) *store.PresenceChange {
	kind := store.MemberUpdated
	old, ok := ms.byUID.Get(m.UID)
	switch {
	case !ok:
		kind = store.MemberAdded
	case old.digest == digest:
		return nil
	}
	ms.size += size - old.size
	ms.byUID.Set(m.UID, member{umd: m.UMD, connections: old.connections, digest: digest, size: size, lingers: old.lingers})
	return &store.PresenceChange{Kind: kind, Member: m}
}

// removeMember removes the member if it has no connection any more, and
// returns nil if it has. The subscription must have been ended.
func (ms *members) removeMember(uid string) *store.PresenceChange {
	m := ms.byUID.Value(uid)
	if m.connections > 0 {
		return nil
	}
	ms.size -= m.size
	ms.byUID.Delete(uid)
	return &store.PresenceChange{Kind: store.MemberRemoved, Member: store.Member{UID: uid, UMD: m.umd}}
}

// linger has the member removed at a time if it has no connection any more. The
// subscription must have been ended.
func (ms *members) linger(uid string, until time.Time) {
	m := ms.byUID.Value(uid)
	if m.connections > 0 {
		return
	}
	m.lingers = &lingerer{uid: uid}
	ms.lingering.put(m.lingers, until)
	ms.byUID.Set(uid, m)
}

// expireMembers removes members whose grace is over, so many at the most, and reports
// each.
func (c *channel) expireMembers(now time.Time, limit int, by *node) {
	ms := c.presence.members
	if ms == nil {
		return
	}
	for range limit {
		l, ok := ms.lingering.takeDue(now)
		if !ok {
			return
		}
		change := ms.removeMember(l.uid)
		c.announcePresence(now, change, "")
		by.receiver.MemberRemoved(c.name, *c.withMembers(change, by))
	}
}

// announcePresence delivers a change, if there is one.
func (c *channel) announcePresence(now time.Time, change *store.PresenceChange, exclude string) {
	if change != nil {
		c.announce(&store.Item{ID: c.assign(now), Channel: c.name, Exclude: exclude, Presence: change})
	}
}

// withMembers returns a change as a node is told of it other than by an item: with the
// members, unless they count for more than the node wants.
func (c *channel) withMembers(change *store.PresenceChange, n *node) *store.PresenceChange {
	if change == nil || c.presence.members.size > n.maxListed {
		return change
	}
	list := c.presence.list()
	if list == nil {
		list = []store.Member{}
	}
	return &store.PresenceChange{Kind: change.Kind, Member: change.Member, Members: list}
}
