package storememory

import (
	"bytes"
	"slices"
	"time"

	"github.com/hotsock-go/hotsock/internal/table"
	"github.com/hotsock-go/hotsock/store"
)

// presence is who is subscribed to a channel, and who is a member of it.
type presence struct {
	// subscriptions by connection.
	subscriptions table.Map[string, *subscription]
	// counted is how many of them are.
	counted int

	// members in order of joining. It is handed out: an element is never
	// changed, though more may be appended behind what others see.
	members []store.Member
	// size is the encoded length of the members without what is between them.
	size int
	// connections of each member, by its UID.
	connections table.Map[string, int]
}

// A subscription is one connection's.
type subscription struct {
	node     *node
	uid      string
	umd      []byte
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
	if n := p.connections.Value(s.uid) + by; n > 0 {
		p.connections.Set(s.uid, n)
	} else {
		p.connections.Delete(s.uid)
	}
}

func (p *presence) info() store.ChannelInfo {
	return store.ChannelInfo{Count: p.counted, Members: p.list()}
}

// list returns the members, such that appending to it harms nobody.
func (p *presence) list() []store.Member {
	return slices.Clip(p.members)
}

func (p *presence) index(uid string) int {
	if p.connections.Value(uid) == 0 {
		return -1 // Saves the search for most of those who join.
	}
	return slices.IndexFunc(p.members, func(m store.Member) bool { return m.UID == uid })
}

// fits says whether the members are within a limit once leaver, who may be
// nobody, is not one any more and joiner is one with its present metadata.
func (p *presence) fits(leaver string, joiner store.Member, limit int) bool {
	size, n := p.size, len(p.members)
	if i := p.index(leaver); i >= 0 {
		size -= memberSize(p.members[i])
		n--
	}
	if i := p.index(joiner.UID); i >= 0 {
		if bytes.Equal(p.members[i].UMD, joiner.UMD) {
			return true // Nothing changes.
		}
		size -= memberSize(p.members[i])
		n--
	}
	size += memberSize(joiner)
	return 2+n+size <= limit // Two brackets, and a comma before the joiner.
}

// memberSize is the encoded length of a member.
func memberSize(m store.Member) int {
	return store.MembersSize([]store.Member{m}) - len("[]")
}

// setMember makes m a member, or changes one. It returns nil if m is one
// already. The subscription must not be recorded yet.
func (p *presence) setMember(m store.Member) *store.PresenceChange {
	kind := store.MemberAdded
	if i := p.index(m.UID); i < 0 {
		p.members = append(p.members, m)
	} else {
		if bytes.Equal(p.members[i].UMD, m.UMD) {
			return nil
		}
		kind = store.MemberUpdated
		p.size -= memberSize(p.members[i])
		p.members = slices.Clone(p.members)
		p.members[i] = m
	}
	p.size += memberSize(m)
	return &store.PresenceChange{Kind: kind, Member: m, Members: p.list()}
}

// removeMember removes the member if it has no connection any more, and
// returns nil if it has. The subscription must have been ended.
func (p *presence) removeMember(uid string) *store.PresenceChange {
	if p.connections.Value(uid) > 0 {
		return nil
	}
	i := slices.IndexFunc(p.members, func(m store.Member) bool { return m.UID == uid })
	m := p.members[i]
	p.size -= memberSize(m)
	p.members = slices.Concat(p.members[:i], p.members[i+1:])
	return &store.PresenceChange{Kind: store.MemberRemoved, Member: m, Members: p.list()}
}

// announcePresence delivers a change, if there is one.
func (c *channel) announcePresence(now time.Time, change *store.PresenceChange, exclude string) {
	if change != nil {
		c.announce(&store.Item{ID: c.assign(now), Channel: c.name, Exclude: exclude, Presence: change})
	}
}
