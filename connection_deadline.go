package hotsock

import (
	"encoding/binary"
	"time"
)

// startTimer starts the connection's one timer. It fires when the earliest of its
// deadlines may have come; most were moved meanwhile by messages, which do not
// touch the timer.
func (c *connection) startTimer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Since(c.connected)
	c.received, c.heartbeat, c.keptAlive = now, now, now
	if c.ending == nil {
		pause, _ := c.attend(now)
		c.timer = time.AfterFunc(pause, c.tick)
	}
}

// tick acts on the deadlines that have come.
func (c *connection) tick() {
	now := time.Since(c.connected)
	c.mu.Lock()
	if c.ending != nil {
		c.mu.Unlock()
		return
	}
	reason := c.overdue(now)
	if (reason == reasonIdle || reason == reasonHeartbeat) && !c.silent() {
		c.timer.Reset(silencePause)
		c.mu.Unlock()
		return
	}
	keepAlive := reason == reasonNone && c.keepAliveDue(now)
	if keepAlive {
		c.keptAlive = now
	}
	if reason == reasonNone {
		c.suspected = false
		var pause time.Duration
		if pause, reason = c.attend(now); reason == reasonNone {
			c.timer.Reset(max(pause, time.Millisecond))
		}
	}
	c.mu.Unlock()
	if keepAlive {
		c.sock.Send(keepAliveFrame)
	}
	if reason != reasonNone {
		c.close(reason)
	}
}

// putOff moves the timer when the client has answered a ping: else it would fire once
// more, only to find that.
func (c *connection) putOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != nil || c.timer == nil {
		return
	}
	if pause, reason := c.attend(time.Since(c.connected)); reason == reasonNone {
		c.timer.Reset(max(pause, time.Millisecond))
	}
}

// earlier is which part of MaxConnectionDuration a connection may lack.
const earlier = 10

// expiry is when the connection ends at the latest, since it was connected. What came
// together must not end together: the clients would come back together, and so for ever.
// So each lives for up to a tenth less, and its secret decides by how much, which is
// random and takes no memory. mu is held.
func (c *connection) expiry() time.Duration {
	most := c.h.opts.MaxConnectionDuration
	less := most / earlier / (1 << 16) * time.Duration(binary.BigEndian.Uint16(c.secret[:]))
	return c.renewed + most - less
}

// overdue returns why the connection must end now; reasonNone if it need not.
func (c *connection) overdue(now time.Duration) closeReason {
	switch {
	case now >= c.expiry():
		return reasonExpired
	case now >= c.active()+c.h.opts.IdleTimeout:
		return reasonIdle
	case c.grant().HeartbeatTimeout > 0 && now >= c.heartbeat+c.grant().HeartbeatTimeout:
		return reasonHeartbeat
	}
	return reasonNone
}

// attend has a silent client pinged. It returns how long nothing is to be done, or
// why the connection must end now.
func (c *connection) attend(now time.Duration) (time.Duration, closeReason) {
	next, gone := c.sock.Attend()
	if gone {
		return 0, reasonUnresponsive
	}
	return min(next, c.nextDeadline()-now), reasonNone
}

// silent reports whether the client has really sent nothing. Its sign of life may
// be in the network connection still, because this process stood still, or is
// behind; or behind a message that is arriving over a slow link. So it must be
// found silent twice: with nothing left to read, and nothing come in between.
func (c *connection) silent() bool {
	heard, all := c.sock.Heard()
	silent := all && c.suspected && c.heardBytes == heard
	c.suspected, c.heardBytes = all, heard
	return silent
}

// active is when a message was last sent or received. Pings and their answers are
// none.
func (c *connection) active() time.Duration {
	return max(c.received, c.sock.LastSent().Sub(c.connected))
}

func (c *connection) keepAliveDue(now time.Duration) bool {
	return c.grant().KeepAlive && now >= c.keptAlive+c.h.opts.KeepAliveInterval
}

func (c *connection) nextDeadline() time.Duration {
	next := min(c.expiry(), c.active()+c.h.opts.IdleTimeout)
	if c.grant().HeartbeatTimeout > 0 {
		next = min(next, c.heartbeat+c.grant().HeartbeatTimeout)
	}
	if c.grant().KeepAlive {
		next = min(next, c.keptAlive+c.h.opts.KeepAliveInterval)
	}
	return next
}

// noteHeartbeat notes a heartbeat.
func (c *connection) noteHeartbeat() {
	now := time.Since(c.connected)
	c.mu.Lock()
	c.heartbeat = now
	c.mu.Unlock()
}
