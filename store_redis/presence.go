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
	return []any{ck.subs(inc), ck.members(), k.owned(ck.part, inc), k.leases(ck.part), k.lingering(ck.part)}
}

// everyMember is more than any members count for.
const everyMember = 1 << 53

// memberCall makes a call of a script that changes subscriptions of an incarnation,
// and returns the members if they count for no more than listed.
func (n *node) memberCall(sc *script, channel string, ck channelKeys, inc string, listed int, args ...any) call {
	c := n.channelCall(sc, channel, ck, n.subscriptionKeys(ck, inc), slices.Insert(args, 0, any(inc), any(strconv.Itoa(listed)))...)
	if listed > 0 {
		c.replySize = n.listSize(channel)
	}
	return c
}

// Subscribe records a subscription of this node's incarnation.
func (n *node) Subscribe(ctx context.Context, q store.SubscribeRequest) (store.SubscribeResult, error) {
	var res store.SubscribeResult
	ck := n.s.keys.channel(q.Channel)
	listed := everyMember
	if q.KnowsMembers {
		listed = n.o.MaxListedSize
	}
	r, err := n.asMember(ctx, ck.part, func(inc string) call {
		return n.memberCall(subscribeScript, q.Channel, ck,
			inc, listed, q.Connection, flag(q.Counted), flag(q.Presence), q.UID, q.UMD, strconv.Itoa(q.MemberSize), strconv.Itoa(q.MaxMembersSize), q.UMDDigest)
	})
	if err != nil {
		if errors.Is(err, refusedFull) {
			return res, store.ErrCapacity
		}
		return res, err
	}
	kind := r.record.next()
	res.CountBefore, res.Info.Count = int(r.record.int()), int(r.record.int())
	if len(r.more) < 3 || r.record.bad {
		return res, errRecord
	}
	position, _ := r.more[0].(string)
	text, _ := r.more[1].(string)
	size, err := strconv.Atoi(text)
	if err != nil {
		return res, err
	}
	if res.Position, err = parseID(position); err != nil {
		return res, err
	}
	list, err := decodeMembers(r.more[2])
	if err != nil {
		return res, err
	}
	if !q.KnowsMembers {
		res.Info.Members = membersOf(list)
	}
	if size > n.o.MaxListedSize {
		list = nil
	}
	res.Change = changeOf(kind, store.Member{UID: q.UID, UMD: q.UMD}, list)
	return res, nil
}

// changeOf is the change of a kind, as a script names it; nil for none. The list is
// nil if it is not wanted.
func changeOf(kind string, m store.Member, list []placed) *store.PresenceChange {
	k, _ := strconv.Atoi(kind)
	if k == 0 {
		return nil
	}
	return &store.PresenceChange{Kind: store.PresenceKind(k), Member: m, Members: membersOf(list)}
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

// decodeEnds reads the rest of a reply with several, and with the members after all of
// them.
func decodeEnds(channel string, r *reply) ([]end, error) {
	var ends []end
	for r.record.rest != "" {
		inner := record{rest: r.record.next()}
		ends = append(ends, decodeEnd(channel, &inner))
		if inner.bad {
			return nil, errRecord
		}
	}
	if r.record.bad || len(r.more) < 1 {
		return nil, errRecord
	}
	list, err := decodeMembers(r.more[0])
	if err != nil {
		return nil, err
	}
	// The list, if it is wanted, is that after the last change; each earlier one is
	// made by taking back the change after it.
	for i := len(ends) - 1; i >= 0; i-- {
		e := &ends[i]
		m := store.Member{UID: e.UID, UMD: e.umd}
		e.Change = changeOf(e.kind, m, list)
		if e.Change != nil && list != nil {
			list = with(list, placed{e.place, m})
		}
	}
	return ends, nil
}

// Unsubscribe ends a subscription of this node.
func (n *node) Unsubscribe(ctx context.Context, u store.UnsubscribeRequest) (store.SubscriptionEnd, error) {
	if n.left.Load() {
		return store.SubscriptionEnd{}, errLeft
	}
	ck := n.s.keys.channel(u.Channel)
	inc := n.leases.current(ck.part)
	args := append([]any{u.Connection}, n.graceArgs(ck.part, u.Grace)...)
	r, err := n.s.do(ctx, n.memberCall(unsubscribeScript, u.Channel, ck, inc, n.o.MaxListedSize, args...))
	if err != nil {
		return store.SubscriptionEnd{}, notFound(err)
	}
	e := decodeEnd(u.Channel, &r.record)
	if err := r.record.err(); err != nil || len(r.more) < 1 {
		return store.SubscriptionEnd{}, errRecord
	}
	list, err := decodeMembers(r.more[0])
	if err != nil {
		return store.SubscriptionEnd{}, err
	}
	e.Change = changeOf(e.kind, store.Member{UID: e.UID, UMD: e.umd}, list)
	return e.SubscriptionEnd, nil
}

// UpdateSubscription replaces a subscription's metadata.
func (n *node) UpdateSubscription(ctx context.Context, u store.UpdateSubscriptionRequest) (*store.PresenceChange, error) {
	if n.left.Load() {
		return nil, errLeft
	}
	ck := n.s.keys.channel(u.Channel)
	inc := n.leases.current(ck.part)
	r, err := n.s.do(ctx, n.memberCall(updateScript, u.Channel, ck,
		inc, n.o.MaxListedSize, u.Connection, u.UMD, strconv.Itoa(u.MemberSize), strconv.Itoa(u.MaxMembersSize), u.UMDDigest))
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
	return changeOf(kind, store.Member{UID: uid, UMD: u.UMD}, list), nil
}

// Channel describes a channel.
func (n *node) Channel(ctx context.Context, channel string) (store.ChannelInfo, error) {
	if n.left.Load() {
		return store.ChannelInfo{}, errLeft
	}
	ck := n.s.keys.channel(channel)
	c := readCall(ck.part, command{"HMGET", ck.state(), stateCounted}, command{"HGETALL", ck.members()})
	c.replySize = n.listSize(channel)
	r, err := n.s.do(ctx, c)
	if err != nil {
		return store.ChannelInfo{}, err
	}
	counted, err := r.list(0)
	if err != nil || len(counted) != 1 || len(r.more) < 2 {
		return store.ChannelInfo{}, errRecord
	}
	var info store.ChannelInfo
	if counted[0] != "" {
		if info.Count, err = strconv.Atoi(counted[0]); err != nil {
			return info, errRecord
		}
	}
	list, err := decodeMembers(r.more[1])
	info.Members = membersOf(list)
	return info, err
}
