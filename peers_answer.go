package hotsock

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
)

// answer carries out another node's request.
func (p *peers) answer(request []byte) ([]byte, error) {
	var q peerRequest
	if err := json.Unmarshal(request, &q); err != nil {
		return nil, fmt.Errorf("hotsock: request of a node: %w", err)
	}
	a, err := p.do(&q)
	switch {
	case errors.Is(err, errUnsupported):
		a = &peerAnswer{Unsupported: true}
	case err != nil:
		e := p.errors.report(err, "op", q.Op, "connection", q.Connection)
		a = &peerAnswer{Error: e.Code, Message: e.Message, Retry: e.retry}
	}
	return json.Marshal(a)
}

func (p *peers) do(q *peerRequest) (*peerAnswer, error) {
	switch q.Op {
	case peerLookup:
		c, err := p.conns.forCall(q.Connection, q.Secret)
		if err != nil {
			return nil, err
		}
		a, err := c.describe(q.Channel)
		if err == nil && a.Granted != nil && !q.Grants {
			return nil, errUnsupported // It would leave out what the app denies, too.
		}
		return a, err
	case peerUMD:
		c, err := p.conns.authenticated(q.Connection, q.Secret)
		if err != nil {
			return nil, err
		}
		c.ops.Lock()
		defer c.ops.Unlock()
		if c.hasEnded() {
			return nil, refuse(CodeUnauthorized)
		}
		return &peerAnswer{Count: 1}, c.updateUMD(q.Channel, q.Token)
	case peerPost:
		c, err := p.conns.authenticated(q.Connection, q.Secret)
		if err != nil {
			return nil, err
		}
		return &peerAnswer{Count: 1}, c.post(q)
	case peerDisconnect:
		conns := p.named(q)
		for _, c := range conns {
			c.closeByHost(&endNotice{q.Reason, q.StayAway})
		}
		return &peerAnswer{Count: len(conns)}, nil
	case peerUnsubscribe:
		var count atomic.Int64
		eachConnection(append(p.named(q), p.hub.ofUser(q.Channel, q.UID)...), func(c *connection) {
			if c.unsubscribeByHost(q.Channel, q.Reason) {
				count.Add(1)
			}
		})
		return &peerAnswer{Count: int(count.Load())}, nil
	case peerSubscribe:
		return p.subscribe(q)
	case peerConnections:
		return p.connections(q), nil
	case peerOnline:
		return &peerAnswer{Online: p.conns.online(q.UIDs)}, nil
	case peerChannels:
		return p.channels(q), nil
	case peerRevoke:
		if ended, ok := p.revoker.apply(q.Revocation); ok {
			return &peerAnswer{Count: ended}, nil
		}
	}
	return nil, errUnsupported
}

// named returns the connections that a host's request names.
func (p *peers) named(q *peerRequest) []*connection {
	if q.UID != "" {
		return p.conns.ofUser(q.UID)
	}
	if c := p.conns.get(q.Connection); c != nil {
		return []*connection{c}
	}
	return nil
}

// describe tells another node all that it needs to serve the connection's HTTP
// request on a channel.
func (c *connection) describe(name string) (*peerAnswer, error) {
	m := c.meta()
	a := &peerAnswer{Connect: c.claims(), UID: m.UID, UMD: m.UMD}
	if name == "" {
		return a, nil
	}
	acc, err := c.access(name)
	if err != nil {
		return nil, err
	}
	a.Channel, a.Subscribed, a.From = acc.channel, acc.subscribed, acc.from
	a.SubUID, a.SubUMD = acc.meta.UID, acc.meta.UMD
	if s := c.subscription(acc.channel); s != nil {
		a.Subscribe, a.Granted = s.claims, s.appGrant().json()
	}
	return a, nil
}

// unsubscribeByHost ends the subscription to a channel on the host's behalf, and tells
// the client.
func (c *connection) unsubscribeByHost(channel, reason string) bool {
	c.ops.Lock()
	defer c.ops.Unlock()
	c.endedByHost++
	c.mu.Lock()
	_, retried := c.retries[channel]
	delete(c.retries, channel)
	s := c.subs.Value(channel)
	c.mu.Unlock()
	if s == nil {
		if retried { // and the client waits for it
			c.sock.Send(unsubscribedFrame(channel, c.perms.Channel(channel).Alias, reason, c.meta(), ""))
		}
		return false
	}
	c.endSubscription(s)
	c.sock.Send(unsubscribedFrame(s.channel, s.perms().Alias, reason, s.meta(), ""))
	return true
}
