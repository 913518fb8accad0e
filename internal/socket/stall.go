package socket

import "time"

// A stall finds out whether the client receives something, while the kernel does
// not take all that is queued. It needs no deadline of the connection's, which
// would count for a whole write and which TLS does not survive. It counts looks
// rather than time: a process that stood still has looked once, and the client
// gets the rest of its time. Conn.mu guards it.
type stall struct {
	on     bool
	told   bool        // that the client is too slow
	missed uint8       // looks in a row at which it had received nothing
	timer  *time.Timer // nil until it is needed
	acked  int64       // at the last look
}

// looks is how often a connection is looked at until its client is too slow.
const looks = 8

func (s *stall) begin(c *Conn) {
	s.on, s.missed = true, 0
	s.acked, _, _ = c.acked()
	if s.timer == nil {
		s.timer = time.AfterFunc(s.interval(c), c.look)
	} else {
		s.timer.Reset(s.interval(c))
	}
}

func (s *stall) end() {
	s.on = false
	s.timer.Stop()
}

// interval is the time between two looks.
func (s *stall) interval(c *Conn) time.Duration {
	if s.told {
		return min(c.timeout, closePatience) / looks
	}
	return c.timeout / looks
}

// acked is how many of the bytes written the client, or the proxy before it, has
// acknowledged, and left how many it has not, if that is known; else all count as
// acknowledged. c.mu is held.
//
// TLS writes more than it is given, which left includes and written does not. So
// acked may be too low then, and falls when something is written, but rises only
// if something has been received.
func (c *Conn) acked() (acked int64, left int, known bool) {
	left, known = unsentBytes(c.kernel)
	return c.written - int64(left), left, known
}

// progress reports whether the client has received something since the last
// look, and how much the kernel still has for it. c.mu is held while there is
// something to write.
func (c *Conn) progress() (moved bool, left int) {
	acked, left, known := c.acked()
	// With nothing left in the kernel it is not the client that is slow.
	moved = acked > c.stall.acked || known && left == 0
	c.stall.acked = acked
	return moved, left
}

// look is called by the timer.
func (c *Conn) look() {
	c.mu.Lock()
	s := &c.stall
	if !s.on {
		c.mu.Unlock()
		return
	}
	s.missed++
	if moved, _ := c.progress(); moved {
		s.missed = 0
	}
	slow := false
	if s.missed == looks {
		s.missed = 0
		if slow = !s.told && !c.closing.Load(); slow {
			// What follows is the end of the frame that was begun, and the reason.
			c.closing.Store(true)
			c.out.drop()
			s.told = true
		} else {
			c.broken()
		}
	}
	s.timer.Reset(s.interval(c))
	c.mu.Unlock()
	if slow {
		c.slow.Do(c.tooSlow)
	}
}
