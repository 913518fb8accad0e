package hotsock

import "time"

// arm starts the connection's one timer. It fires when the earliest of its
// deadlines may have come; most were moved meanwhile by messages, which do not
// touch the timer.
func (c *connection) arm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Since(c.connected)
	c.received, c.heartbeat, c.kept = now, now, now
	if !c.ended {
		c.timer = time.AfterFunc(c.nextDeadline()-now, c.tick)
	}
}

// tick acts on the deadlines that have come.
func (c *connection) tick() {
	now := time.Since(c.connected)
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	reason := c.overdue(now)
	if (reason == endIdle || reason == endHeartbeat) && !c.silent() {
		c.timer.Reset(secondLook)
		c.mu.Unlock()
		return
	}
	keepAlive := reason == endClient && c.keepAliveDue(now)
	if keepAlive {
		c.kept = now
	}
	if reason == endClient {
		c.looked = false
		c.timer.Reset(max(c.nextDeadline()-now, time.Millisecond))
	}
	c.mu.Unlock()
	if keepAlive {
		c.sock.Send(keepAliveFrame)
	}
	if reason != endClient {
		c.close(reason)
	}
}

// overdue returns why the connection must end now; endClient if it need not.
func (c *connection) overdue(now time.Duration) endReason {
	switch {
	case now >= c.h.opts.MaxConnectionDuration:
		return endExpired
	case now >= c.active()+c.h.opts.IdleTimeout:
		return endIdle
	case c.grant.HeartbeatTimeout > 0 && now >= c.heartbeat+c.grant.HeartbeatTimeout:
		return endHeartbeat
	}
	return endClient
}

// silent reports whether the client has really sent nothing. Its sign of life may
// be in the network connection still, because this process stood still, or is
// behind; or behind a message that is arriving over a slow link. So nothing must be
// left to read at two looks in a row, and nothing have come in between.
func (c *connection) silent() bool {
	heard, all := c.sock.Heard()
	silent := all && c.looked && c.heard == heard
	c.looked, c.heard = all, heard
	return silent
}

// active is when a message was last sent or received.
func (c *connection) active() time.Duration {
	return max(c.received, c.sock.LastSent().Sub(c.connected))
}

func (c *connection) keepAliveDue(now time.Duration) bool {
	return c.grant.KeepAlive && now >= c.kept+c.h.opts.KeepAliveInterval
}

func (c *connection) nextDeadline() time.Duration {
	next := min(c.h.opts.MaxConnectionDuration, c.active()+c.h.opts.IdleTimeout)
	if c.grant.HeartbeatTimeout > 0 {
		next = min(next, c.heartbeat+c.grant.HeartbeatTimeout)
	}
	if c.grant.KeepAlive {
		next = min(next, c.kept+c.h.opts.KeepAliveInterval)
	}
	return next
}

// beat notes a heartbeat.
func (c *connection) beat() {
	now := time.Since(c.connected)
	c.mu.Lock()
	c.heartbeat = now
	c.mu.Unlock()
}
