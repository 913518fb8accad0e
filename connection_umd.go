package hotsock

import (
	"errors"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// updateUMD changes user metadata as a umd token says
// (docs/protocol.md#9-user-metadata): of the subscription to the channel that
// the client calls name, or with "" of the connection. ops is held.
func (c *connection) updateUMD(name, token string) error {
	if name != "" {
		if err := validateChannel(name); err != nil {
			return err
		}
	}
	ctx := c.storeContext()
	defer ctx.end()
	g, err := c.h.verifier.VerifyFor(ctx, c.id, c.uid(), token, ScopeUMD)
	if err != nil {
		return c.refuseToken("umd", CodeInvalidUMDToken, err)
	}
	if name != "" {
		channel := c.perms.RealName(name, nil)
		s := c.subscription(channel)
		if err := permitUMD(g, &access{channel: channel, subscribed: s != nil}); err != nil {
			return err
		}
		if err := c.useToken(ctx, g, CodeInvalidUMDToken); err != nil {
			return err
		}
		return c.updateSubscriptionUMD(s, g.UMD)
	}
	if err := permitUMD(g, nil); err != nil {
		return err
	}
	if err := c.useToken(ctx, g, CodeInvalidUMDToken); err != nil {
		return err
	}
	c.mu.Lock()
	changed := !wire.Equal(orNull(c.umd), orNull(g.UMD))
	c.umd = g.UMD
	c.mu.Unlock()
	if changed {
		c.emitConnection(EventConnectionUpdated, nil)
	}
	if !g.UMDPropagate {
		return nil
	}
	return c.propagateUMD(g.UMD)
}

// propagateUMD changes the metadata of all subscriptions. One that cannot be
// changed keeps none of the others from it, except if the store is away: then
// the client repeats the command. ops is held.
func (c *connection) propagateUMD(umd []byte) error {
	subs := c.subscriptions()
	c.limiter.charge(len(subs))
	var first error
	for _, s := range subs {
		err := c.updateSubscriptionUMD(s, umd)
		if errors.Is(err, store.ErrUnavailable) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (c *connection) updateSubscriptionUMD(s *subscription, umd []byte) error {
	// Not compared with how the user looks here: another of their connections
	// may have made them look different since.
	ctx := c.storeContext()
	defer ctx.end()
	u := store.UpdateSubscriptionRequest{Channel: s.channel, Connection: c.id, UMD: umd}
	if protocol.IsPresence(s.channel) {
		u.UMDDigest, u.MemberSize, u.MaxMembersSize = s.asMember(store.Meta{UID: s.uid, UMD: umd})
	}
	change, err := c.h.node.UpdateSubscription(ctx, u)
	if errors.Is(err, store.ErrCapacity) {
		return refuse(CodePresenceCapacityReached)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	s.umd = umd
	c.mu.Unlock()
	c.h.events.memberChanged(s.channel, change)
	return nil
}
