package socket

import (
	"math"
	"time"
)

// socketPing is what all clients over WebSockets are pinged with.
var socketPing = controlFrame(opPing, nil)

func (c *Conn) pingFrame() Frame {
	if c.feed != nil {
		return feedPing
	}
	return socketPing
}

// What may be on its way to the client, unseen, because a proxy has taken it.
const (
	// slowest is how many bytes a second the slowest link carries that is allowed
	// for.
	slowest = 40 << 10
	// mostHeld is how many bytes proxies and their kernels are expected to hold.
	mostHeld = 4 << 20
)

// pinging reports whether a ping waits to be written.
func (q *queue) pinging() bool { return q.ping || q.pinged }

// batches is in how many an interval's pings are sent.
const batches = 64

// A ping asks a client that is silent for a sign of life: anything that it sends
// will do. Like a stall it counts looks rather than time, and not those at which
// the ping or its answer may be held up by something else. Times are since the
// connection was made. Conn.mu guards it.
type ping struct {
	interval, timeout time.Duration // interval is 0 if nobody is pinged
	// received says that the client does not answer: it is enough that it receives the
	// ping, or if that is not known that the network takes it.
	received bool

	asked      time.Duration // when the last ping was queued
	look       time.Duration // when to look for its answer next
	waiting    bool          // for the answer
	missed     uint8         // looks in a row at which nothing had happened
	unanswered uint16        // pongs that were asked for and have not come
	// end is where the last ping ends, in the bytes written, and arrived when it
	// has arrived even over the slowest link.
	end     int64
	arrived time.Duration
	acked   int64 // at the last look
}

// Attend pings the client if it has been silent for PingInterval, and returns true
// for gone if it stays silent for PongTimeout after that. It is to be called when
// the time has passed that it returns, and may be called before. It may be called
// concurrently.
func (c *Conn) Attend() (next time.Duration, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.ping
	now := time.Since(c.in.made)
	if p.received && p.waiting && !c.out.pinging() {
		if acked, _, _ := c.acked(); acked >= p.end {
			c.in.heard.Store(int64(now))
		}
	}
	heard := time.Duration(c.in.heard.Load())
	if heard >= p.asked {
		p.waiting = false
	}
	pause := p.timeout / looks
	// Those that are due at about the same time are pinged at the same time: so
	// their timers, and the answers, wake the process once.
	batch := p.interval / batches
	switch due := heard + p.interval; {
	case p.interval == 0, c.closing.Load():
		return math.MaxInt64, false
	case !p.waiting && now < due-batch:
		at := c.in.made.Add(due)
		return due - now - time.Duration(at.UnixNano())%batch, false
	case !p.waiting:
		p.waiting, p.asked, p.missed = true, now, 0
		p.unanswered++
		c.out.ping = true
		c.flush()
	case now < p.look:
		return p.look - now, false
	case c.heldUp(now):
		p.missed = 0
	default:
		p.missed++
	}
	p.look = now + pause
	return pause, p.missed >= looks
}

// heldUp reports whether the client may not have had the ping so far, or we not
// its answer, though nobody is gone. c.mu is held.
func (c *Conn) heldUp(now time.Duration) bool {
	p := &c.ping
	acked, _, _ := c.acked()
	moved := acked > p.acked
	p.acked = acked
	switch _, all := c.Heard(); {
	case !all:
		return true // This process stood still, or is behind.
	case c.out.pinging():
		return true // It waits behind what has been begun; the stall watches that.
	case acked < p.end && !moved:
		// A proxy whose client is slow takes nothing for seconds. Of somebody who is
		// gone the kernel hears nothing.
		ago, known := lastAck(c.kernel)
		return known && ago < p.timeout && now < p.arrived
	case acked < p.end:
		return true
	}
	return now < p.arrived
}

// ponged notes a pong, and reports whether it was asked for.
func (c *Conn) ponged() bool {
	asked := c.notePong()
	if asked && c.answered != nil {
		c.answered()
	}
	return asked
}

func (c *Conn) notePong() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.ping
	if p.unanswered == 0 {
		return false
	}
	if p.unanswered--; p.unanswered == 0 {
		// All that was written before the ping has arrived.
		now := time.Since(c.in.made)
		c.arrives = min(c.arrives, now+max(0, c.arrives-p.arrived))
	}
	return true
}
