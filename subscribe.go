package hotsock

import (
	"errors"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/token"
)

// A subscribeRequest is a client's wish to be subscribed to a channel.
type subscribeRequest struct {
	name      string            // as the client said it
	channel   string            // real name, as far as it is known without grant
	token     string            // the subscribe token, or ""
	grant     *permission.Grant // of that token, nil without one and before it is verified
	tokenUsed bool              // the token's single use is spent
	charged   bool              // against the rate limit
	auto      bool
	// catchUp asks for the position, and what came after the message, which is
	// zero for none.
	catchUp bool
	after   ulid.ULID
	rewind  wire.Rewind // that follows if what came after it does not
	// memberChanges asks for changes of members instead of lists.
	memberChanges bool
	// info asks for the channel's info, and each change of it.
	info bool
	// asked says that Hooks.BeforeSubscribe permits it, if there is one, granted what
	// the app adds, nil for nothing, and retried is what tells it from others while it is
	// tried again without the client, nil until then.
	asked   bool
	granted *appGrant
	retried *retryMark
}

// added is what counts besides the connect token.
func (req *subscribeRequest) added() permission.Added {
	return permission.Added{Subscribe: req.grant, App: req.granted.compiled()}
}

// meta is who the user would be on the channel.
func (req *subscribeRequest) meta(c *connection) store.Meta {
	m := c.meta()
	if req.grant == nil {
		return m
	}
	if req.grant.UID != "" {
		m.UID = req.grant.UID
	}
	if req.grant.UMD != nil {
		m.UMD = req.grant.UMD
	}
	return m
}

// subscribe carries out hotsock.subscribe.
func (c *connection) subscribe(cmd *wire.Command) error {
	in, err := wire.DecodeSubscribe(cmd.Data)
	if err != nil {
		return err
	}
	if err := validateChannel(cmd.Channel); err != nil {
		return err
	}
	// Counted now, whatever becomes of it.
	req := subscribeRequest{
		name: cmd.Channel, channel: c.perms.RealName(cmd.Channel, nil), token: in.Token,
		catchUp: in.CatchUp || in.Rewind.Wanted(), after: in.After, rewind: in.Rewind,
		memberChanges: in.MemberChanges, info: in.Info, charged: c.limiter.take() == nil,
	}
	err = c.trySubscribe(&req, cmd)
	if isTemporary(err) {
		// hotsock-js does not retry after an error that it does not know, so it
		// is done here, when the store is back or the limit allows.
		c.retrySubscribe(subscribeRetry{req: req, cmd: wire.Command{Event: cmd.Event, Channel: cmd.Channel, Ref: cmd.Ref}})
	}
	return err
}

// isTemporary reports whether a subscribe that failed is retried.
func isTemporary(err error) bool {
	if _, ok := errors.AsType[*hookError](err); ok {
		return asError(err).Code == CodeUnavailable
	}
	e, ok := errors.AsType[*Error](err)
	return ok && e.retry > 0 || errors.Is(err, store.ErrUnavailable) || errors.Is(err, token.ErrKeyLookup)
}

// verifySubscribe verifies the token of a hotsock.subscribe, if it has one.
func (c *connection) verifySubscribe(req *subscribeRequest) error {
	if req.token == "" || req.grant != nil {
		if c.isRevoked(req.grant) {
			return c.refuseToken("subscribe", CodeInvalidSubscribeToken, permission.ErrRevoked)
		}
		return nil
	}
	// Before it is known whether the token is worth anything: while the keys
	// cannot be had, every text would have to be kept.
	if c.retryBytes(req) > maxRetryBytes {
		return refuseBecause(CodeRateLimited, "too many subscribes of this connection wait to be retried")
	}
	ctx := c.storeContext()
	defer ctx.end()
	g, err := c.h.verifier.VerifyFor(ctx, c.id, c.uid(), req.token, ScopeSubscribe)
	if err != nil {
		return c.refuseToken("subscribe", CodeInvalidSubscribeToken, err)
	}
	req.grant, req.channel = g, c.perms.RealName(req.name, g)
	return nil
}

func (c *connection) autoSubscribe(channel string) {
	// The client can be told no other way from where on it has received all.
	req := subscribeRequest{name: channel, channel: channel, auto: true, charged: true, catchUp: true}
	if c.feed != nil {
		req.after = c.feed.progress.after(channel)
	}
	cmd := wire.Command{Event: wire.EventSubscribe, Channel: channel}
	c.ops.Lock()
	defer c.ops.Unlock()
	if c.hasEnded() {
		return
	}
	err := c.trySubscribe(&req, &cmd)
	if err == nil {
		return
	}
	c.fail(&cmd, err)
	if isTemporary(err) {
		c.retrySubscribe(subscribeRetry{req: req, cmd: cmd})
	}
}

// trySubscribe makes the subscription, or catches up with the one that there is.
// ops is held.
func (c *connection) trySubscribe(req *subscribeRequest, cmd *wire.Command) error {
	if err := c.verifySubscribe(req); err != nil {
		return err
	}
	if s := c.subscription(req.channel); s != nil {
		if !req.catchUp || req.token != "" {
			return refuse(CodeAlreadySubscribed)
		}
		if err := req.permitInfo(s.perms()); err != nil {
			return err
		}
		if err := c.chargeSubscribe(req); err != nil {
			return err
		}
		return c.catchUp(s, req, cmd.Ref)
	}
	if c.h.opts.Hooks.BeforeSubscribe != nil && !req.asked {
		if err := c.chargeSubscribe(req); err != nil {
			return err
		}
		before, ended := *req, c.endedByHost
		if err := c.askSubscribe(req); err != nil {
			return err
		}
		if c.hasEnded() || req.retried != nil && !c.isRetried(req.retried) {
			return nil // Nobody is told.
		}
		if c.endedByHost != ended {
			*req = before // The app may have changed its mind after the hook looked.
		}
		return c.trySubscribe(req, cmd) // Anything may have happened meanwhile.
	}
	s, err := c.newSubscription(req)
	if err != nil {
		return err
	}
	if err := c.chargeSubscribe(req); err != nil {
		return err
	}
	r, err := c.storeNew(s, req)
	if err == nil {
		err = c.activate(s, req, &r, cmd.Ref)
	}
	if err != nil {
		if s.topic != nil {
			c.endSubscription(s)
		}
		return err
	}
	if c.isRevoked(s.token) { // and who looked for such subscriptions may not have seen it
		c.unsubscribeRevoked(s)
	}
	return nil
}

// storeNew makes the store know a new subscription, when it is its turn. A retry waits
// for none: the client's other commands wait for it.
func (c *connection) storeNew(s *subscription, req *subscribeRequest) (r store.SubscribeResult, err error) {
	t := turn{turns: c.h.subscribing}
	if req.retried != nil {
		err = t.tryTake()
	} else {
		err = t.take(c.h.ctx)
	}
	if err != nil {
		return r, err
	}
	defer t.give()
	ctx := c.storeContext()
	defer ctx.end()
	if !req.tokenUsed {
		if err := c.useToken(ctx, req.grant, CodeInvalidSubscribeToken); err != nil {
			return r, err
		}
		req.tokenUsed = true
	}
	if s.topic, err = c.h.hub.acquire(ctx, c.h.node, s.channel); err != nil {
		return r, err
	}
	c.perms.Subscribed(s.channel, s.perms())
	s.topic.add(s)
	if r, err = c.storeSubscribe(ctx, s); err == nil {
		t.succeeded()
	}
	return r, err
}

// chargeSubscribe counts a subscribe against the rate limit, once.
func (c *connection) chargeSubscribe(req *subscribeRequest) error {
	if req.charged {
		return nil
	}
	err := c.limiter.take()
	req.charged = err == nil
	return err
}

// newSubscription makes the subscription, if all permits it that needs no store.
func (c *connection) newSubscription(req *subscribeRequest) (*subscription, error) {
	m := req.meta(c)
	s := &subscription{conn: c, sock: c.sock, channel: req.channel, claims: tokenClaims(req.token), granted: req.granted, token: req.grant, uid: m.UID, umd: m.UMD}
	if c.feed != nil {
		s.progress = c.feed.progress
	}
	perms := c.perms.Resolve(req.channel, req.added())
	s.permitted.Store(perms)
	s.counted = !perms.OmitFromSubCount
	s.follows = req.memberChanges && protocol.IsPresence(s.channel)
	s.informed = req.info
	if err := permitSubscribe(perms, s.channel, s.uid); err != nil {
		return nil, err
	}
	if err := req.permitInfo(perms); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	others := 0
	for channel := range c.retries {
		if channel != s.channel && !c.subs.Has(channel) {
			others++
		}
	}
	if c.subs.Len()+others >= c.h.opts.MaxSubscriptions {
		return nil, refuseBecause(CodeRateLimited, "too many subscriptions on this connection")
	}
	return s, nil
}

// unsubscribe carries out hotsock.unsubscribe.
func (c *connection) unsubscribe(cmd *wire.Command) error {
	if err := validateChannel(cmd.Channel); err != nil {
		return err
	}
	channel := c.perms.RealName(cmd.Channel, nil)
	c.mu.Lock()
	retry, retried := c.retries[channel]
	if !retried && !c.subs.Has(channel) {
		for _, other := range c.retries {
			if other.req.name == cmd.Channel { // an alias that only its token gives
				retry, retried, channel = other, true, other.req.channel
			}
		}
	}
	delete(c.retries, channel)
	s := c.subs.Value(channel)
	c.mu.Unlock()
	switch {
	case s != nil:
		c.endSubscription(s)
		c.sock.Send(unsubscribedFrame(s.channel, s.perms().Alias, "", s.meta(), cmd.Ref))
	case retried:
		c.sock.Send(unsubscribedFrame(channel, c.perms.Resolve(channel, retry.req.added()).Alias, "", c.meta(), cmd.Ref))
	default:
		return refuse(CodeNotSubscribed)
	}
	return nil
}

// endSubscription ends a subscription. ops is held. When it returns, nothing of the
// channel is sent any more; if the store cannot be told now, it will be.
func (c *connection) endSubscription(s *subscription) {
	s.topic.remove(s)
	c.perms.Unsubscribed(s.channel)
	c.mu.Lock()
	c.subs.Delete(s.channel)
	c.mu.Unlock()
	c.h.hub.release(c.h.node, s.topic)
	ctx := c.storeContext()
	defer ctx.end()
	if err := c.storeUnsubscribe(ctx, store.UnsubscribeRequest{Channel: s.channel, Connection: c.id}); err != nil {
		c.logger().Warn("hotsock: cannot unsubscribe yet", "err", err)
		c.retryUnsubscribe(s.channel)
	}
}
