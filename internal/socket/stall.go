package socket

import "time"

// A stall finds out whether the client receives something, while the kernel does
// not take all that is queued. It needs no deadline of the connection's, which
// would count for a whole write and which TLS does not survive. It counts looks
// rather than time: a process that stood still has looked once, and the client
// gets the rest of its time. Conn.mu guards it.
type stall struct {
	on    bool
	timer *time.Timer // nil until it is needed
	// accepted is how many bytes the connection has taken, and at the last look
	// seen is the same, and unsent how many the kernel still had.
	accepted, seen uint64
	unsent         int
	missed         int  // looks in a row at which nothing had changed
	told           bool // that the client is too slow
}

// looks is how often a connection is looked at until its client is too slow.
const looks = 8

func (s *stall) begin(c *Conn) {
	s.on, s.missed, s.seen = true, 0, s.accepted
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

// progress reports whether the client has received something since the last
// look. c.mu is held while there is something to write.
func (c *Conn) progress() bool {
	s := &c.stall
	unsent, known := unsentBytes(c.kernel)
	// With nothing left in the kernel it is not the client that is slow.
	moved := s.accepted != s.seen || unsent != s.unsent || known && unsent == 0
	s.seen, s.unsent = s.accepted, unsent
	return moved
}

// look is called by the timer.
func (c *Conn) look() {
	c.mu.Lock()
	s := &c.stall
	if !s.on {
		c.mu.Unlock()
		return
	}
	if s.missed++; c.progress() {
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
