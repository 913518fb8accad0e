package storememory

import (
	"context"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// Subscribe implements [store.Subscriptions].
func (n *node) Subscribe(ctx context.Context, s store.SubscribeRequest) (store.SubscribeResult, error) {
	if err := n.usable(ctx); err != nil {
		return store.SubscribeResult{}, err
	}
	c := n.store.lock(s.Channel)
	defer c.unlock()
	if n.gone.Load() {
		return store.SubscribeResult{}, errGone // Its end may have passed this channel already.
	}
	now := clock()
	p := &c.presence
	old := p.get(s.Connection)
	// leaver is the member that this connection stops being, if it was the
	// member's last.
	leaver := ""
	same := old.presence && s.Presence && old.uid == s.UID && old.digest == s.UMDDigest
	moves := old.presence && (!s.Presence || old.uid != s.UID)
	if moves && p.joined().byUID.Value(old.uid).connections == 1 {
		leaver = old.uid
	}
	if s.Presence && !same && !p.joined().fits(leaver, s.UID, s.UMDDigest, s.MemberSize, s.MaxMembersSize) {
		return store.SubscribeResult{}, store.ErrCapacity
	}
	result := store.SubscribeResult{CountBefore: p.counted}
	if moves {
		p.end(s.Connection)
		result.Change = p.joined().removeMember(old.uid)
		c.announcePresence(now, result.Change, "")
	}
	if s.Presence && !same {
		if change := p.joined().setMember(store.Member{UID: s.UID, UMD: s.UMD}, s.UMDDigest, s.MemberSize); change != nil {
			result.Change = change
			exclude := ""
			if change.Kind == store.MemberAdded {
				exclude = s.Connection
			}
			c.announcePresence(now, change, exclude)
		}
	}
	p.put(s.Connection, subscription{
		node: n, uid: s.UID, umd: s.UMD, digest: s.UMDDigest, presence: s.Presence, counted: s.Counted,
	})
	c.countChanged(result.CountBefore)
	result.Position = c.position(now)
	result.Change = c.withMembers(result.Change, n)
	result.Info.Count = p.counted
	if !s.KnowsMembers {
		result.Info.Members = p.list()
	}
	return result, nil
}

// Unsubscribe implements [store.Subscriptions].
func (n *node) Unsubscribe(ctx context.Context, u store.UnsubscribeRequest) (store.SubscriptionEnd, error) {
	if err := n.usable(ctx); err != nil {
		return store.SubscriptionEnd{}, err
	}
	c := n.store.lockIfAny(u.Channel)
	if c == nil {
		return store.SubscriptionEnd{}, store.ErrNotFound
	}
	defer c.unlock()
	if !c.presence.subscriptions.Has(u.Connection) {
		return store.SubscriptionEnd{}, store.ErrNotFound
	}
	end := c.endSubscription(u.Connection, u.Grace)
	end.Change = c.withMembers(end.Change, n)
	return end, nil
}

func (c *channel) endSubscription(connection string, grace time.Duration) store.SubscriptionEnd {
	p := &c.presence
	defer c.countChanged(p.counted)
	old := p.end(connection)
	now := clock()
	c.awaited = now.Add(c.store.options.Load().ReplayWindow)
	end := store.SubscriptionEnd{
		Channel:    c.name,
		Connection: connection,
		UID:        old.uid,
		UMD:        old.umd,
		Counted:    old.counted,
		Count:      p.counted,
	}
	if !old.presence {
		return end
	}
	if grace > 0 {
		p.joined().linger(old.uid, now.Add(grace))
		return end
	}
	end.Change = p.joined().removeMember(old.uid)
	c.announcePresence(now, end.Change, "")
	return end
}

// endSubscriptionsOf ends those of a node that is gone, and reports each to
// another one, if that is not nil.
func (c *channel) endSubscriptionsOf(gone, reportTo *node) {
	for connection, s := range c.presence.subscriptions.All() {
		if s.node != gone {
			continue
		}
		end := c.endSubscription(connection, c.store.options.Load().Grace)
		if reportTo != nil {
			end.Change = c.withMembers(end.Change, reportTo)
			reportTo.receiver.SubscriptionEnded(end)
		}
	}
}

// UpdateSubscription implements [store.Subscriptions].
func (n *node) UpdateSubscription(ctx context.Context, u store.UpdateSubscriptionRequest) (*store.PresenceChange, error) {
	if err := n.usable(ctx); err != nil {
		return nil, err
	}
	c := n.store.lockIfAny(u.Channel)
	if c == nil {
		return nil, store.ErrNotFound
	}
	defer c.unlock()
	p := &c.presence
	s, ok := p.subscriptions.Get(u.Connection)
	if !ok {
		return nil, store.ErrNotFound
	}
	var change *store.PresenceChange
	if s.presence {
		if !p.joined().fits("", s.uid, u.UMDDigest, u.MemberSize, u.MaxMembersSize) {
			return nil, store.ErrCapacity
		}
		change = p.joined().setMember(store.Member{UID: s.uid, UMD: u.UMD}, u.UMDDigest, u.MemberSize)
		c.announcePresence(clock(), change, "")
	}
	s.umd, s.digest = u.UMD, u.UMDDigest
	return c.withMembers(change, n), nil
}

// Channel implements [store.Subscriptions].
func (n *node) Channel(ctx context.Context, channel string) (store.ChannelInfo, error) {
	if err := n.usable(ctx); err != nil {
		return store.ChannelInfo{}, err
	}
	c := n.store.lockIfAny(channel)
	if c == nil {
		return store.ChannelInfo{}, nil
	}
	defer c.mu.Unlock()
	return store.ChannelInfo{Count: c.presence.counted, Members: c.presence.list()}, nil
}
