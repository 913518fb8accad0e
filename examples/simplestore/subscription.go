package simplestore

import (
	"context"
	"slices"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// A subscription is one connection's.
type subscription struct {
	node   *node
	uid    string
	umd    []byte
	digest string
	// counted and member are Counted and Presence of its request.
	counted, member bool
}

// A member is a user with at least one subscription, or one who lingers.
type member struct {
	store.Member

	digest      string
	size        int
	connections int
	until       time.Time // when it is removed if there is no connection
}

// Subscribe implements [store.Subscriptions].
func (n *node) Subscribe(ctx context.Context, q store.SubscribeRequest) (store.SubscribeResult, error) {
	if err := n.lock(ctx); err != nil {
		return store.SubscribeResult{}, err
	}
	defer n.store.mu.Unlock()
	now, c := time.Now(), n.store.channel(q.Channel)
	old := c.subscriptions[q.Connection]
	if old == nil {
		old = new(subscription)
	}
	stays := old.member && q.Presence && old.uid == q.UID
	same := stays && old.digest == q.UMDDigest
	if q.Presence && !same {
		more := c.growth(q.UID, q.UMDDigest, q.MemberSize)
		if leaver := c.member(old.uid); old.member && !stays && leaver.connections == 1 {
			more -= leaver.size
		}
		if more > 0 && c.size()+more > q.MaxMembersSize {
			return store.SubscribeResult{}, store.ErrCapacity
		}
	}
	res := store.SubscribeResult{CountBefore: c.info().Count}
	if old.member && !stays {
		res.Change = c.leave(now, old.uid, 0)
	}
	if q.Presence && !same {
		exclude := ""
		if c.member(q.UID) == nil {
			exclude = q.Connection
		}
		if change := c.set(now, store.Member{UID: q.UID, UMD: q.UMD}, q.UMDDigest, q.MemberSize, exclude); change != nil {
			res.Change = change
		}
		if !stays {
			c.member(q.UID).connections++
		}
	}
	c.subscriptions[q.Connection] = &subscription{
		node: n, uid: q.UID, umd: q.UMD, digest: q.UMDDigest, counted: q.Counted, member: q.Presence,
	}
	c.countChanged(res.CountBefore)
	res.Position = c.position(now)
	res.Change = c.withMembers(res.Change, n)
	if res.Info = c.info(); q.KnowsMembers {
		res.Info.Members = nil
	}
	return res, nil
}

// Unsubscribe implements [store.Subscriptions].
func (n *node) Unsubscribe(ctx context.Context, q store.UnsubscribeRequest) (store.SubscriptionEnd, error) {
	if err := n.lock(ctx); err != nil {
		return store.SubscriptionEnd{}, err
	}
	defer n.store.mu.Unlock()
	c := n.store.channel(q.Channel)
	if c.subscriptions[q.Connection] == nil {
		return store.SubscriptionEnd{}, store.ErrNotFound
	}
	end := c.unsubscribe(time.Now(), q.Connection, q.Grace)
	end.Change = c.withMembers(end.Change, n)
	return end, nil
}

func (c *channel) unsubscribe(now time.Time, connection string, grace time.Duration) store.SubscriptionEnd {
	s := c.subscriptions[connection]
	defer c.countChanged(c.info().Count)
	delete(c.subscriptions, connection)
	c.until = now.Add(c.store.options.ReplayWindow)
	end := store.SubscriptionEnd{
		Channel: c.name, Connection: connection, UID: s.uid, UMD: s.umd, Counted: s.counted, Count: c.info().Count,
	}
	if s.member {
		end.Change = c.leave(now, s.uid, grace)
	}
	return end
}

// UpdateSubscription implements [store.Subscriptions].
func (n *node) UpdateSubscription(ctx context.Context, q store.UpdateSubscriptionRequest) (*store.PresenceChange, error) {
	if err := n.lock(ctx); err != nil {
		return nil, err
	}
	defer n.store.mu.Unlock()
	c := n.store.channel(q.Channel)
	s := c.subscriptions[q.Connection]
	if s == nil {
		return nil, store.ErrNotFound
	}
	var change *store.PresenceChange
	if s.member {
		if more := c.growth(s.uid, q.UMDDigest, q.MemberSize); more > 0 && c.size()+more > q.MaxMembersSize {
			return nil, store.ErrCapacity
		}
		change = c.set(time.Now(), store.Member{UID: s.uid, UMD: q.UMD}, q.UMDDigest, q.MemberSize, "")
	}
	s.umd, s.digest = q.UMD, q.UMDDigest
	return c.withMembers(change, n), nil
}

// WatchCount implements [store.Subscriptions].
func (n *node) WatchCount(ctx context.Context, channel string) (int, error) {
	if err := n.lock(ctx); err != nil {
		return 0, err
	}
	defer n.store.mu.Unlock()
	c := n.store.channel(channel)
	c.countWatchers[n] = true
	return c.info().Count, nil
}

// UnwatchCount implements [store.Subscriptions].
func (n *node) UnwatchCount(channel string) {
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	delete(n.store.channel(channel).countWatchers, n)
}

// countChanged tells those who watch the count, if it has changed. Then they have to
// ask again.
func (c *channel) countChanged(before int) {
	if c.info().Count == before {
		return
	}
	for n := range c.countWatchers {
		n.receiver.CountChanged(c.name)
	}
	clear(c.countWatchers)
}

// Channel implements [store.Subscriptions].
func (n *node) Channel(ctx context.Context, channel string) (store.ChannelInfo, error) {
	if err := n.lock(ctx); err != nil {
		return store.ChannelInfo{}, err
	}
	defer n.store.mu.Unlock()
	return n.store.channel(channel).info(), nil
}

func (c *channel) info() store.ChannelInfo {
	var info store.ChannelInfo
	for _, s := range c.subscriptions {
		if s.counted {
			info.Count++
		}
	}
	for _, m := range c.members {
		info.Members = append(info.Members, m.Member)
	}
	return info
}

// member returns a member, or nil.
func (c *channel) member(uid string) *member {
	i := slices.IndexFunc(c.members, func(m *member) bool { return m.UID == uid })
	if i < 0 {
		return nil
	}
	return c.members[i]
}

// size is what all members count for.
func (c *channel) size() (sum int) {
	for _, m := range c.members {
		sum += m.size
	}
	return sum
}

// growth is how much more the members would count for with this one.
func (c *channel) growth(uid, digest string, size int) int {
	m := c.member(uid)
	switch {
	case m == nil:
		return size
	case m.digest == digest:
		return 0
	}
	return size - m.size
}

// set adds a member, or replaces its metadata by other. It announces what has
// changed.
func (c *channel) set(now time.Time, who store.Member, digest string, size int, exclude string) *store.PresenceChange {
	m, kind := c.member(who.UID), store.MemberUpdated
	switch {
	case m == nil:
		m, kind = new(member), store.MemberAdded
		c.members = append(c.members, m)
	case m.digest == digest:
		return nil
	}
	m.Member, m.digest, m.size = who, digest, size
	return c.announceMember(now, kind, who, exclude)
}

// leave ends one connection of a member, and removes the member if it was the last:
// at once or after a grace.
func (c *channel) leave(now time.Time, uid string, grace time.Duration) *store.PresenceChange {
	m := c.member(uid)
	if m.connections--; m.connections > 0 {
		return nil
	}
	if m.until = now.Add(grace); grace > 0 {
		return nil
	}
	return c.remove(now, m)
}

// remove removes a member, and announces that.
func (c *channel) remove(now time.Time, m *member) *store.PresenceChange {
	c.members = slices.DeleteFunc(c.members, func(other *member) bool { return other == m })
	return c.announceMember(now, store.MemberRemoved, m.Member, "")
}

func (c *channel) announceMember(now time.Time, kind store.PresenceKind, who store.Member, exclude string) *store.PresenceChange {
	change := &store.PresenceChange{Kind: kind, Member: who}
	c.announce(now, &store.Item{ID: c.nextID(now), Exclude: exclude, Presence: change})
	return change
}

// withMembers returns a change as a node is told of it other than by an item: with the
// members, unless they count for more than the node wants.
func (c *channel) withMembers(change *store.PresenceChange, n *node) *store.PresenceChange {
	if change == nil || c.size() > n.maxListed {
		return change
	}
	all := append([]store.Member{}, c.info().Members...) // not nil
	return &store.PresenceChange{Kind: change.Kind, Member: change.Member, Members: all}
}
