package hotsock

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// This file has what the store is told of a connection.

// storeContext bounds an operation of the store. It must be ended.
func (c *connection) storeContext() *lazyTimeout {
	return newLazyTimeout(c.h.ctx, c.h.opts.StoreTimeout)
}

// untilStored repeats f while the store is unavailable, until the handler stops;
// even then it is tried once.
func (c *connection) untilStored(f func(ctx context.Context) error) {
	for b := (backoff{}); ; {
		ctx := newLazyTimeout(context.WithoutCancel(c.h.ctx), c.h.opts.StoreTimeout)
		err := f(ctx)
		ctx.end()
		if err == nil {
			return
		}
		if !errors.Is(err, store.ErrUnavailable) {
			c.logger().Error("hotsock: the store failed unexpectedly", "err", err)
			return
		}
		if !b.sleep(c.h.ctx) {
			return
		}
	}
}

// storeConnection makes the store know the connection, so that its end is reported.
func (c *connection) storeConnection() error {
	if !c.h.events.on() {
		return nil
	}
	info, err := json.Marshal(c.info())
	if err != nil {
		return err
	}
	ctx := c.storeContext()
	defer ctx.end()
	return c.h.node.AddConnection(ctx, store.Connection{ID: c.id, Info: info})
}

// storeSubscribe makes the store know the subscription.
func (c *connection) storeSubscribe(ctx context.Context, s *subscription) (store.SubscribeResult, error) {
	return c.storeSubscribeKnowing(ctx, s, s.topic.knowsMembers())
}

func (c *connection) storeSubscribeKnowing(ctx context.Context, s *subscription, members bool) (store.SubscribeResult, error) {
	req := s.request()
	req.KnowsMembers = members
	r, err := c.h.node.Subscribe(ctx, req)
	if err == nil {
		c.h.events.occupancyChanged(s.channel, r.CountBefore, r.Info.Count)
	}
	switch {
	case errors.Is(err, store.ErrCapacity):
		err = refuse(CodePresenceCapacityReached)
	case err == nil && req.Presence && !members:
		s.topic.learnMembers(s, &r)
	}
	return r, err
}

// request describes the subscription to the store.
func (s *subscription) request() store.SubscribeRequest {
	m := s.meta()
	r := store.SubscribeRequest{
		Channel:    s.channel,
		Connection: s.conn.id,
		UID:        m.UID,
		UMD:        m.UMD,
		Presence:   protocol.IsPresence(s.channel),
		Counted:    s.counted,
	}
	if r.Presence {
		r.UMDDigest, r.MemberSize, r.MaxMembersSize = s.asMember(m)
	}
	return r
}

// asMember returns what the store needs to know of a member: the digest of its
// metadata, its size in the list of members, and the limit of all these sizes.
func (s *subscription) asMember(m store.Meta) (digest string, size, limit int) {
	limit = s.conn.h.opts.MaxMembersSize
	if s.follows {
		limit = s.conn.h.opts.MaxPresenceSize
	}
	return wire.Digest(orNull(m.UMD)), wire.MemberSize(m), wire.MaxMemberSizes(limit)
}

// storeUnsubscribe makes the store forget a subscription and raises what events
// follow from that.
func (c *connection) storeUnsubscribe(ctx context.Context, u store.UnsubscribeRequest) error {
	e, err := c.h.node.Unsubscribe(ctx, u)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	c.h.events.unsubscribed(&e)
	return nil
}

// useToken spends a token that is good for one use, and refuses one that was
// used before. It is to be called last, when nothing else is in the way. If the
// store cannot be asked, the token may or may not be spent.
func (c *connection) useToken(ctx context.Context, g *permission.Grant, used Code) error {
	if g == nil || g.SingleUse == nil {
		return nil
	}
	first, err := c.h.node.UseToken(ctx, g.SingleUse.Token, g.SingleUse.Until)
	if err != nil {
		return err
	}
	if !first {
		return refuse(used)
	}
	return nil
}
