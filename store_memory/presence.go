package storememory

import (
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
	// members are nil until there is a subscription with presence.
	members *members
}

// members are the users who are subscribed to a presence channel.
type members struct {
	// list is in order of joining. It is handed out: an element is never
	// changed, though more may be appended behind what others see.
	list []store.Member
	// size is what all of them count for together.
	size int
	// records of the members, by UID.
	records table.Map[string, memberRecord]
}

// A memberRecord is what the list does not say of a member.
type memberRecord struct {
	connections int
	digest      string // of its metadata
	size        int    // what it counts for
}

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
	m := p.joined()
	r := m.records.Value(s.uid)
	r.connections += by
	m.records.Set(s.uid, r)
}

func (p *presence) info() store.ChannelInfo {
	info := store.ChannelInfo{Count: p.counted}
	if p.members != nil {
		info.Members = p.members.shown()
	}
	return info
}

// joined returns the members of a presence channel.
func (p *presence) joined() *members {
	if p.members == nil {
		p.members = new(members)
	}
	return p.members
}

// shown returns the list, such that appending to it harms nobody.
func (ms *members) shown() []store.Member {
	return slices.Clip(ms.list)
}

func (ms *members) index(uid string) int {
	if !ms.records.Has(uid) {
		return -1 // Saves the search for most of those who join.
	}
	return slices.IndexFunc(ms.list, func(m store.Member) bool { return m.UID == uid })
}

// fits says whether the members are within a limit, or no more than they were,
// once leaver, who may be nobody, is not one any more and joiner is one with
// metadata of this digest and size.
func (ms *members) fits(leaver, joiner, digest string, size, limit int) bool {
	old := ms.records.Value(joiner)
	if old.connections > 0 && old.digest == digest {
		return true // Nothing changes.
	}
	more := size - old.size - ms.records.Value(leaver).size
	return more <= 0 || ms.size+more <= limit
}

// setMember makes m, whose metadata has this digest and size, a member, or changes
// one. It returns nil if m is one already. The subscription must not be recorded yet.
func (ms *members) setMember(m store.Member, digest string, size int) *store.PresenceChange {
	kind := store.MemberAdded
	r := ms.records.Value(m.UID)
	if i := ms.index(m.UID); i < 0 {
		ms.list = append(ms.list, m)
	} else {
		if r.digest == digest {
			return nil
		}
		kind = store.MemberUpdated
		ms.list = slices.Clone(ms.list)
		ms.list[i] = m
	}
	ms.size += size - r.size
	r.digest, r.size = digest, size
	ms.records.Set(m.UID, r)
	return &store.PresenceChange{Kind: kind, Member: m, Members: ms.shown()}
}

// removeMember removes the member if it has no connection any more, and
// returns nil if it has. The subscription must have been ended.
func (ms *members) removeMember(uid string) *store.PresenceChange {
	r := ms.records.Value(uid)
	if r.connections > 0 {
		return nil
	}
	i := ms.index(uid)
	m := ms.list[i]
	ms.size -= r.size
	ms.records.Delete(uid)
	ms.list = slices.Concat(ms.list[:i], ms.list[i+1:])
	return &store.PresenceChange{Kind: store.MemberRemoved, Member: m, Members: ms.shown()}
}

// announcePresence delivers a change, if there is one.
func (c *channel) announcePresence(now time.Time, change *store.PresenceChange, exclude string) {
	if change != nil {
		c.announce(&store.Item{ID: c.assign(now), Channel: c.name, Exclude: exclude, Presence: change})
	}
}
