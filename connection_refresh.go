package hotsock

import (
	"slices"
	"time"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// refresh carries out hotsock.refresh: a fresh connect token of the same user takes the
// place of the one that the connection has.
func (c *connection) refresh(cmd *wire.Command) error {
	text, err := wire.DecodeToken(cmd.Data)
	if err != nil {
		return err
	}
	if c.h.opts.Authenticate != nil {
		return refuseBecause(CodeUnauthorized, "the app's own authentication says who connects: connect again instead")
	}
	added, err := c.tryRefresh(text, cmd.Ref)
	if err != nil {
		return err
	}
	for _, channel := range added {
		c.autoSubscribe(channel)
	}
	return nil
}

// tryRefresh returns the channels that are to be subscribed now. Nothing has changed if
// it returns an error.
func (c *connection) tryRefresh(text, ref string) (added []string, err error) {
	c.ops.Lock()
	defer c.ops.Unlock()
	if c.hasEnded() {
		return nil, nil // Nobody is told.
	}
	fresh, err := c.verifyRefresh(text)
	if err != nil {
		return nil, err
	}
	if err := c.askRefresh(fresh); err != nil {
		return nil, err
	}
	if c.hasEnded() {
		return nil, nil
	}
	ctx := c.storeContext()
	defer ctx.end()
	if err := c.useToken(ctx, fresh.grant, CodeUnauthorized); err != nil {
		return nil, err
	}
	old := c.grant()
	c.connect.Store(fresh)
	c.perms.Refresh(fresh.grant)
	c.endedByHost++                                // A hook that is being asked about a subscribe was told of the old one.
	if c.h.revoker.known.of(c.identity()) != nil { // since it was verified
		c.close(reasonRevoked)
		return nil, nil
	}
	for _, channel := range fresh.grant.AutoSubscribe {
		if !slices.Contains(old.AutoSubscribe, channel) && c.subscription(channel) == nil {
			added = append(added, channel)
		}
	}
	c.dropRetries(fresh.grant)
	c.permitSubscriptions()
	umd := c.renew()
	c.sock.Send(refreshedFrame(c, ref))
	c.showUMD(umd)
	return added, nil
}

func (c *connection) verifyRefresh(text string) (*connectToken, error) {
	ctx := c.storeContext()
	defer ctx.end()
	g, err := c.h.verifier.VerifyConnect(ctx, text)
	if err != nil {
		return nil, c.refuseToken("connect", CodeUnauthorized, err)
	}
	if g.UID != c.uid() {
		return nil, refuseBecause(CodeUnauthorized, "the token is another user's: connect again instead")
	}
	return &connectToken{g, tokenClaims(text)}, nil
}

// dropRetries forgets the subscribes that the old token wanted and the new one does not.
// The client's own are decided with the new one when they are tried.
func (c *connection) dropRetries(g *permission.Grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for channel, r := range c.retries {
		if r.req.auto && !slices.Contains(g.AutoSubscribe, channel) {
			delete(c.retries, channel)
		}
	}
}

// noLongerPermitted is the reason of subscriptions that a refresh ends.
const noLongerPermitted = "No longer permitted"

// permitSubscriptions decides on each subscription again.
func (c *connection) permitSubscriptions() {
	subs := c.subscriptions()
	c.limiter.charge(len(subs))
	for _, s := range subs {
		perms := c.perms.Resolve(s.channel, permission.Added{Subscribe: s.token, App: s.appGrant().compiled()})
		if permitSubscribe(perms, s.channel, s.uid) == nil {
			c.permit(s, perms)
			continue
		}
		c.endSubscription(s)
		c.sock.Send(unsubscribedFrame(s.channel, s.perms().Alias, noLongerPermitted, s.meta(), ""))
	}
}

// renew lets the connection live on, with the metadata of the token, and returns the
// metadata that it had.
func (c *connection) renew() (umd []byte) {
	now := time.Since(c.connected)
	c.mu.Lock()
	defer c.mu.Unlock()
	umd, c.umd = c.umd, c.grant().UMD
	c.renewed, c.heartbeat = now, now
	if c.ending == nil {
		c.timer.Reset(time.Millisecond) // A heartbeat may be due sooner than before.
	}
	return umd
}

// showUMD changes how the user looks on the subscriptions where it looked as the
// connection did.
func (c *connection) showUMD(old []byte) {
	umd := c.meta().UMD
	if wire.Equal(orNull(old), orNull(umd)) {
		return
	}
	c.emitConnection(EventConnectionUpdated, nil)
	for _, s := range c.subscriptions() {
		if !wire.Equal(orNull(s.meta().UMD), orNull(old)) {
			continue // A token of its own, or an update, says so.
		}
		if err := c.updateSubscriptionUMD(s, umd); err != nil {
			c.fail(&wire.Command{Event: wire.EventRefresh, Channel: s.channel}, err)
		}
	}
}
