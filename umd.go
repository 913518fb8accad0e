package hotsock

import (
	"errors"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// updateUMD changes user metadata as a umd token says
// (docs/protocol.md#9-user-metadata): of the subscription to the channel that
// the client calls name, or with "" of the connection. ops is held.
func (c *connection) updateUMD(name, token string) error {
	if name != "" && !wire.ValidChannel(name, maxChannel) {
		return refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	ctx, cancel := c.h.storeContext(c.h.ctx)
	defer cancel()
	g, err := c.h.verifier.verifyFor(ctx, c.id, c.uid(), token, ScopeUMD)
	if err != nil {
		return c.refuseToken("umd", CodeInvalidUMDToken, err)
	}
	if name != "" {
		channel := c.perms.realName(name, nil)
		s := c.subscription(channel)
		if err := g.permitUMD(&scope{channel: channel, subscribed: s != nil}); err != nil {
			return err
		}
		if err := c.h.useToken(ctx, g, CodeInvalidUMDToken); err != nil {
			return err
		}
		return c.updateSubscriptionUMD(s, g.claims.UMD)
	}
	if err := g.permitUMD(nil); err != nil {
		return err
	}
	if err := c.h.useToken(ctx, g, CodeInvalidUMDToken); err != nil {
		return err
	}
	c.mu.Lock()
	c.umd = g.claims.UMD
	c.mu.Unlock()
	c.emitConnection("hotsock.connectionUpdated", nil)
	if !g.claims.UMDPropagate {
		return nil
	}
	for _, s := range c.subscriptions() {
		if err := c.updateSubscriptionUMD(s, g.claims.UMD); err != nil {
			return err
		}
	}
	return nil
}

func (c *connection) updateSubscriptionUMD(s *subscription, umd []byte) error {
	// Not compared with how the user looks here: another of their connections
	// may have made them look different since.
	ctx, cancel := c.h.storeContext(c.h.ctx)
	defer cancel()
	change, err := c.h.node.UpdateSubscription(ctx, store.UpdateRequest{
		Channel: s.channel, Connection: c.id, UMD: umd, MaxMembers: c.h.opts.MaxMembersSize,
	})
	if errors.Is(err, store.ErrCapacity) {
		return refuse(CodePresenceCapacityReached)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	s.umd = umd
	c.mu.Unlock()
	c.h.presenceEvent(s.channel, change)
	return nil
}
