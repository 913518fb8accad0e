package hotsock

import (
	"context"
	"errors"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/token"
)

// A joinRequest is a permitted subscribe.
type joinRequest struct {
	name    string            // as the client said it
	channel string            // real name, as far as it is known without granted
	token   string            // the subscribe token, or ""
	granted *permission.Grant // of that token, or nil, also before it is verified
	used    bool              // its single use is taken
	counted bool              // against the rate limit
	auto    bool
	// catchUp asks for the position, and what came after the message, which is
	// zero for none.
	catchUp bool
	after   ulid.ULID
}

// subscribe carries out hotsock.subscribe.
func (c *connection) subscribe(cmd *wire.Command) error {
	in, err := wire.DecodeSubscribe(cmd.Data)
	if err != nil {
		return err
	}
	if !protocol.ValidChannel(cmd.Channel) {
		return refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	// Counted now, whatever becomes of it.
	j := joinRequest{
		name: cmd.Channel, channel: c.perms.RealName(cmd.Channel, nil), token: in.Token,
		catchUp: in.CatchUp, after: in.After, counted: c.limit.take() == nil,
	}
	err = c.join(&j, cmd)
	if isTemporary(err) {
		// hotsock-js does not try again after an error that it does not know,
		// so it is done here, when the store is back or the limit allows.
		c.keep(waitingSubscribe{join: j, cmd: wire.Command{Event: cmd.Event, Channel: cmd.Channel, Ref: cmd.Ref}})
	}
	return err
}

// isTemporary reports whether a subscribe that failed will be tried again.
func isTemporary(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.retry > 0 || errors.Is(err, store.ErrUnavailable) || errors.Is(err, token.ErrKeyLookup)
}

// verify verifies the token of a hotsock.subscribe, if it has one.
func (c *connection) verify(j *joinRequest) error {
	if j.token == "" || j.granted != nil {
		return nil
	}
	// Before it is known whether the token is worth anything: while the keys
	// cannot be had, every text would have to be kept.
	if c.waitingBytes(j) > maxWaiting {
		return refuseBecause(CodeRateLimited, "too much waits to be subscribed on this connection")
	}
	ctx, cancel := c.h.storeContext(c.h.ctx)
	defer cancel()
	g, err := c.h.verifier.VerifyFor(ctx, c.id, c.uid(), j.token, ScopeSubscribe)
	if err != nil {
		return c.refuseToken("subscribe", CodeInvalidSubscribeToken, err)
	}
	j.granted, j.channel = g, c.perms.RealName(j.name, g)
	return nil
}

func (c *connection) autoSubscribe(channel string) {
	// The client can be told no other way from where on it has received all.
	j := joinRequest{name: channel, channel: channel, auto: true, counted: true, catchUp: true}
	cmd := wire.Command{Event: wire.EventSubscribe, Channel: channel}
	c.ops.Lock()
	defer c.ops.Unlock()
	err := c.join(&j, &cmd)
	if err == nil {
		return
	}
	c.fail(&cmd, err)
	if isTemporary(err) {
		c.keep(waitingSubscribe{join: j, cmd: cmd})
	}
}

// join makes the subscription. ops is held.
func (c *connection) join(j *joinRequest, cmd *wire.Command) error {
	if err := c.verify(j); err != nil {
		return err
	}
	if s := c.subscription(j.channel); s != nil {
		if !j.catchUp || j.token != "" {
			return refuse(CodeAlreadySubscribed)
		}
		if err := c.count(j); err != nil {
			return err
		}
		return c.resume(s, j, cmd.Ref)
	}
	s, err := c.permitJoin(j)
	if err != nil {
		return err
	}
	if err := c.count(j); err != nil {
		return err
	}
	ctx, cancel := c.h.storeContext(c.h.ctx)
	defer cancel()
	if !j.used {
		if err := c.h.useToken(ctx, j.granted, CodeInvalidSubscribeToken); err != nil {
			return err
		}
		j.used = true
	}
	if s.topic, err = c.h.hub.acquire(ctx, c.h.node, s.channel); err != nil {
		return err
	}
	s.grant = c.perms.Subscribed(s.channel, j.granted)
	s.topic.add(s)
	if err := c.enter(ctx, s, j, cmd.Ref); err != nil {
		c.leave(s)
		return err
	}
	return nil
}

// count counts a subscribe against the rate limit, once.
func (c *connection) count(j *joinRequest) error {
	if j.counted {
		return nil
	}
	err := c.limit.take()
	j.counted = err == nil
	return err
}

// permitJoin checks all that needs no store.
func (c *connection) permitJoin(j *joinRequest) (*subscription, error) {
	m := c.meta()
	s := &subscription{conn: c, channel: j.channel, claims: tokenClaims(j.token), uid: m.UID, umd: m.UMD}
	s.grant = permission.Resolve(j.channel, c.grant, j.granted)
	if j.granted != nil {
		if uid := j.granted.UID; uid != "" {
			s.uid = uid
		}
		if umd := j.granted.UMD; umd != nil {
			s.umd = umd
		}
	}
	s.counted = !s.grant.OmitFromSubCount
	if err := permitSubscribe(s.grant, s.channel, s.uid); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	others := 0
	for channel := range c.waiting {
		if channel != s.channel && !c.subs.Has(channel) {
			others++
		}
	}
	if c.subs.Len()+others >= c.h.opts.MaxSubscriptions {
		return nil, refuseBecause(CodeRateLimited, "too many subscriptions on this connection")
	}
	return s, nil
}

// request describes the subscription to the store.
func (s *subscription) request() store.SubscribeRequest {
	m := s.meta()
	return store.SubscribeRequest{
		Channel:    s.channel,
		Connection: s.conn.id,
		UID:        m.UID,
		UMD:        m.UMD,
		UMDDigest:  digestOf(s.channel, m.UMD),
		Presence:   protocol.IsPresence(s.channel),
		MaxMembers: s.conn.h.opts.MaxMembersSize,
		Counted:    s.counted,
	}
}

// unsubscribe carries out hotsock.unsubscribe.
func (c *connection) unsubscribe(cmd *wire.Command) error {
	if !protocol.ValidChannel(cmd.Channel) {
		return refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	channel := c.perms.RealName(cmd.Channel, nil)
	c.mu.Lock()
	w, waiting := c.waiting[channel]
	if !waiting && !c.subs.Has(channel) {
		for _, other := range c.waiting {
			if other.join.name == cmd.Channel { // an alias that only its token gives
				w, waiting, channel = other, true, other.join.channel
			}
		}
	}
	delete(c.waiting, channel)
	s := c.subs.Value(channel)
	c.mu.Unlock()
	switch {
	case s != nil:
		c.leave(s)
		c.sock.Send(unsubscribedFrame(s.channel, s.grant.Alias, s.meta(), cmd.Ref))
	case waiting:
		c.sock.Send(unsubscribedFrame(channel, permission.Resolve(channel, c.grant, w.join.granted).Alias, c.meta(), cmd.Ref))
	default:
		return refuse(CodeNotSubscribed)
	}
	return nil
}

// leave ends a subscription. ops is held. When it returns, nothing of the
// channel is sent any more; if the store cannot be told now, it will be.
func (c *connection) leave(s *subscription) {
	s.topic.remove(s)
	c.perms.Unsubscribed(s.channel)
	c.mu.Lock()
	c.subs.Delete(s.channel)
	c.mu.Unlock()
	c.h.hub.release(c.h.node, s.topic)
	ctx, cancel := c.h.storeContext(c.h.ctx)
	defer cancel()
	if err := c.h.unsubscribeStore(ctx, s.channel, c.id); err != nil {
		c.logger().Warn("hotsock: cannot unsubscribe yet", "err", err)
		c.settleLater(func(c *connection) { c.left = append(c.left, s.channel) })
	}
}

// unsubscribeStore makes the store forget a subscription and raises what events
// follow from that.
func (h *Handler) unsubscribeStore(ctx context.Context, channel, connection string) error {
	e, err := h.node.Unsubscribe(ctx, channel, connection)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	h.events.unsubscribed(&e)
	return nil
}
