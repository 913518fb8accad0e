package hotsock

import (
	"time"

	"github.com/coder/websocket"
)

// arm starts the connection's one timer. It fires when the earliest of its
// deadlines may have come; most were moved meanwhile by messages, which do not
// touch the timer.
func (c *connection) arm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.received, c.heartbeat, c.kept = now, now, now
	if !c.ended {
		c.timer = time.AfterFunc(c.nextDeadline().Sub(now), c.tick)
	}
}

// tick acts on the deadlines that have come.
func (c *connection) tick() {
	now := time.Now()
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	reason := c.overdue(now)
	keepAlive := reason == endClient && c.keepAliveDue(now)
	if keepAlive {
		c.kept = now
	}
	if reason == endClient {
		c.timer.Reset(max(c.nextDeadline().Sub(now), time.Millisecond))
	}
	c.mu.Unlock()
	if keepAlive {
		c.sock.Send(keepAliveFrame)
	}
	if reason != endClient {
		c.close(websocket.StatusGoingAway, reason)
	}
}

// overdue returns why the connection must end now; endClient if it need not.
func (c *connection) overdue(now time.Time) endReason {
	switch {
	case !now.Before(c.expires):
		return endExpired
	case !now.Before(c.active().Add(c.h.opts.IdleTimeout)):
		return endIdle
	case c.grant.claims.HeartbeatTimeout > 0 && !now.Before(c.heartbeat.Add(c.grant.claims.HeartbeatTimeout)):
		return endHeartbeat
	}
	return endClient
}

// active is when a message was last sent or received.
func (c *connection) active() time.Time {
	if sent := c.sock.LastSent(); sent.After(c.received) {
		return sent
	}
	return c.received
}

func (c *connection) keepAliveDue(now time.Time) bool {
	return c.grant.claims.KeepAlive && !now.Before(c.kept.Add(c.h.opts.KeepAliveInterval))
}

func (c *connection) nextDeadline() time.Time {
	next := c.expires
	earlier := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	earlier(c.active().Add(c.h.opts.IdleTimeout))
	if c.grant.claims.HeartbeatTimeout > 0 {
		earlier(c.heartbeat.Add(c.grant.claims.HeartbeatTimeout))
	}
	if c.grant.claims.KeepAlive {
		earlier(c.kept.Add(c.h.opts.KeepAliveInterval))
	}
	return next
}

// beat notes a heartbeat.
func (c *connection) beat() {
	now := time.Now()
	c.mu.Lock()
	c.heartbeat = now
	c.mu.Unlock()
}
