package hotsock

import (
	"context"
	"errors"
	"sync"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A Target says which connections are meant: one, or all of a user. Exactly one of the
// fields must be set.
type Target struct {
	ConnectionID string
	// UID is that of the connect token or of [Options.Authenticate]: not one that a
	// connection has only on some channel.
	UID string
}

func (t Target) check() error {
	if (t.ConnectionID == "") == (t.UID == "") {
		return refuseBecause(CodeInvalidRequest, "either a connection id or a user id must be given")
	}
	return nil
}

// Subscribe subscribes connections that are open now to a channel (real name), on
// whichever nodes they are, as a connect token with autoSubscribe does: their clients
// are sent hotsock.subscribed with "autoSubscribed":true. The claims count on the channel
// besides those of the tokens, as what [Hooks.BeforeSubscribe] returns, and permit to
// subscribe unless their Subscribe is Deny. What a token denies stays denied. No hook is
// asked, and no rate limit counts.
//
// A connection that is subscribed already stays so: the claims replace those that the
// app granted before, and change what it may do from now on. The client gets the entries
// that it may observe in addition, and no other sign. Whether the subscription is counted
// does not change.
//
// It returns how many connections are subscribed with these claims now; one that does not
// exist, or is being closed, is not counted and no error. The error is an [*Error]. If a
// connection is refused, it says why one was: its tokens do not permit it, it has
// [Options.MaxSubscriptions], the members of the presence channel are too many, or it has
// no user id there. With CodeUnavailable, the store could not be reached, or nodes did not
// answer, which may carry it out nevertheless, or are of an earlier version. The others
// are subscribed. Subscribing again does no harm.
//
// It ends with the connection. So that a client which reconnects is subscribed again, its
// next connect token must say so.
func (h *Handler) Subscribe(ctx context.Context, t Target, channel string, claims ChannelClaims) (int, error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	if !protocol.ValidChannel(channel) {
		return 0, refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	if claims.Subscribe == Unset {
		claims.Subscribe = Allow
	}
	granted, err := newAppGrant(h.verifier, channel, &claims)
	if err != nil {
		return 0, refuseBecause(CodeInvalidRequest, "the claims are not valid: "+problem(err))
	}
	return h.peers.subscribeAll(ctx, &peerRequest{
		Op: peerSubscribe, Connection: t.ConnectionID, UID: t.UID, Channel: channel, Claims: granted.json(),
	})
}

// subscribeAll asks the nodes that have the connections.
func (p *peers) subscribeAll(ctx context.Context, q *peerRequest) (int, error) {
	count := 0
	var refused error
	add := func(a *peerAnswer) {
		count += a.Count
		if r := a.Refusal; r != nil && refused == nil {
			refused = &Error{Code: r.Code, Message: r.Message}
		}
	}
	var err error
	if q.UID != "" {
		err = p.askEach(ctx, q, add)
	} else if node, ok := nodeOf(q.Connection); ok {
		var a *peerAnswer
		if a, err = p.ask(ctx, node, q); err == nil {
			add(a)
		} else if errors.Is(err, store.ErrNoPeer) {
			err = nil
		}
	}
	if err != nil {
		return count, asError(err)
	}
	return count, refused
}

// subscribe carries it out on this node.
func (p *peers) subscribe(q *peerRequest) (*peerAnswer, error) {
	g, err := p.grantOf(q.Claims)
	if err != nil {
		return nil, err
	}
	granted := &appGrant{g, q.Claims}
	var mu sync.Mutex
	a := &peerAnswer{}
	eachConnection(p.named(q), func(c *connection) {
		subscribed, err := c.subscribeByHost(q.Channel, granted)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			e := p.errors.report(err, "op", q.Op, "connection", c.id)
			a.Refusal = &peerRefusal{e.Code, e.Message}
		case subscribed:
			a.Count++
		}
	})
	return a, nil
}

// subscribeByHost makes the subscription, or changes what is granted on the one that
// there is. It returns false if the connection ends.
func (c *connection) subscribeByHost(channel string, granted *appGrant) (bool, error) {
	c.ops.Lock()
	defer c.ops.Unlock()
	if c.isClosing() {
		return false, nil
	}
	if s := c.subscription(channel); s != nil {
		perms := c.perms.Resolve(channel, permission.Added{Subscribe: s.token, App: granted.grant})
		if err := permitSubscribe(perms, channel, s.uid); err != nil {
			return false, err
		}
		c.mu.Lock()
		s.granted = granted
		c.mu.Unlock()
		c.permit(s, perms)
		return true, nil
	}
	c.mu.Lock()
	retry, retried := c.retries[channel]
	c.mu.Unlock()
	req := subscribeRequest{name: channel, channel: channel, auto: true, charged: true, catchUp: true, asked: true, granted: granted}
	err := c.trySubscribe(&req, &wire.Command{Event: wire.EventSubscribe, Channel: channel})
	if retried {
		c.retrySubscribe(retry) // The client waits for the answer to its own.
	}
	return err == nil, err
}

// isClosing reports whether the connection ends, or is about to.
func (c *connection) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending != nil || c.reason != reasonNone || c.barred
}

// appGrant is what the app grants at the moment.
func (s *subscription) appGrant() *appGrant {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return s.granted
}
