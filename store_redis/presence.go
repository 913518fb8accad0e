package storeredis

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/hotsock-go/hotsock/store"
)

// subscriptionKeys are the keys of lua/presence.lua.
func (n *node) subscriptionKeys(ck channelKeys, inc string) []any {
	k := &n.s.keys
	return []any{ck.subs(inc), ck.members(), k.owned(ck.part, inc), k.leases(ck.part)}
}

// memberCall makes a call of a script that changes subscriptions of an incarnation
// and returns the members.
func (n *node) memberCall(sc *script, channel string, ck channelKeys, inc string, args ...any) call {
	c := n.channelCall(sc, channel, ck, n.subscriptionKeys(ck, inc), slices.Insert(args, 0, any(inc))...)
	c.replySize = n.listSize(channel)
	return c
}

// Subscribe records a subscription of this node's incarnation.
func (n *node) Subscribe(ctx context.Context, q store.SubscribeRequest) (store.SubscribeResult, error) {
	var res store.SubscribeResult
	ck := n.s.keys.channel(q.Channel)
	r, err := n.asMember(ctx, ck.part, func(inc string) call {
		return n.memberCall(subscribeScript, q.Channel, ck,
			inc, q.Connection, flag(q.Counted), flag(q.Presence), q.UID, q.UMD, strconv.Itoa(q.MemberSize), strconv.Itoa(q.MaxMembersSize), q.UMDDigest)
	})
	if err != nil {
		if errors.Is(err, refusedFull) {
			return res, store.ErrCapacity
		}
		return res, err
	}
	kind := r.record.next()
	if len(r.more) < 3 || r.record.bad {
		return res, errRecord
	}
	position, _ := r.more[0].(string)
	count, _ := r.more[1].(string)
	if res.Position, err = parseID(position); err != nil {
		return res, err
	}
	if res.Info.Count, err = strconv.Atoi(count); err != nil {
		return res, err
	}
	list, err := decodeMembers(r.more[2])
	if err != nil {
		return res, err
	}
	res.Info.Members = membersOf(list)
	res.Change = changeOf(kind, store.Member{UID: q.UID, UMD: q.UMD}, res.Info.Members)
	return res, nil
}

// changeOf is the change of a kind, as a script names it; nil for none.
func changeOf(kind string, m store.Member, list []store.Member) *store.PresenceChange {
	k, _ := strconv.Atoi(kind)
	if k == 0 {
		return nil
	}
	return &store.PresenceChange{Kind: store.PresenceKind(k), Member: m, Members: list}
}

// An end is what leave in lua/presence.lua returns.
type end struct {
	store.SubscriptionEnd
	place int64
	kind  string
	umd   []byte
}

func decodeEnd(channel string, r *record) end {
	var e end
	e.Channel, e.Connection = channel, r.next()
	e.UID, e.UMD = r.next(), r.bytes()
	e.Counted, e.Count = r.flag(), int(r.int())
	e.kind = r.next()
	if place := r.next(); place != "" {
		e.place, _ = strconv.ParseInt(place, 10, 64)
	}
	e.umd = r.bytes()
	return e
}

// changeCall is memberCall for a script that returns the members only if they are
// wanted, which its last argument says.
func (n *node) changeCall(sc *script, channel string, ck channelKeys, inc string, args ...any) call {
	c := n.memberCall(sc, channel, ck, inc, append(args, flag(!n.o.OmitMembers))...)
	if n.o.OmitMembers {
		c.replySize = 0
	}
	return c
}

// Unsubscribe ends a subscription of this node.
func (n *node) Unsubscribe(ctx context.Context, channel, connection string) (store.SubscriptionEnd, error) {
	if n.left.Load() {
		return store.SubscriptionEnd{}, errLeft
	}
	ck := n.s.keys.channel(channel)
	inc := n.leases.current(ck.part)
	r, err := n.s.do(ctx, n.changeCall(unsubscribeScript, channel, ck, inc, connection))
	if err != nil {
		return store.SubscriptionEnd{}, notFound(err)
	}
	e := decodeEnd(channel, &r.record)
	if err := r.record.err(); err != nil || len(r.more) < 1 {
		return store.SubscriptionEnd{}, errRecord
	}
	list, err := decodeMembers(r.more[0])
	if err != nil {
		return store.SubscriptionEnd{}, err
	}
	e.Change = changeOf(e.kind, store.Member{UID: e.UID, UMD: e.umd}, membersOf(list))
	return e.SubscriptionEnd, nil
}

// UpdateSubscription replaces a subscription's metadata.
func (n *node) UpdateSubscription(ctx context.Context, u store.UpdateSubscriptionRequest) (*store.PresenceChange, error) {
	if n.left.Load() {
		return nil, errLeft
	}
	ck := n.s.keys.channel(u.Channel)
	inc := n.leases.current(ck.part)
	r, err := n.s.do(ctx, n.changeCall(updateScript, u.Channel, ck,
		inc, u.Connection, u.UMD, strconv.Itoa(u.MemberSize), strconv.Itoa(u.MaxMembersSize), u.UMDDigest))
	if err != nil {
		if errors.Is(err, refusedFull) {
			return nil, store.ErrCapacity
		}
		return nil, notFound(err)
	}
	kind, uid := r.record.next(), r.record.next()
	if r.record.bad || len(r.more) < 1 {
		return nil, errRecord
	}
	list, err := decodeMembers(r.more[0])
	if err != nil {
		return nil, err
	}
	return changeOf(kind, store.Member{UID: uid, UMD: u.UMD}, membersOf(list)), nil
}

// Channel describes a channel.
func (n *node) Channel(ctx context.Context, channel string) (store.ChannelInfo, error) {
	if n.left.Load() {
		return store.ChannelInfo{}, errLeft
	}
	ck := n.s.keys.channel(channel)
	r, err := n.s.do(ctx, call{
		script: infoScript, part: ck.part, replySize: n.listSize(channel), keys: []any{ck.state(), ck.members()},
	})
	if err != nil {
		return store.ChannelInfo{}, err
	}
	info := store.ChannelInfo{Count: int(r.record.int())}
	if r.record.bad || len(r.more) < 1 {
		return info, errRecord
	}
	list, err := decodeMembers(r.more[0])
	info.Members = membersOf(list)
	return info, err
}
