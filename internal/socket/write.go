package socket

import (
	"sync"
	"time"
)

// chunk is how much of a connection's queue is written at once when the kernel
// does not take everything. It is what a slow connection holds besides its queue.
const chunk = 16 << 10

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// flush sees to it that somebody writes what is queued. c.mu is held.
func (c *Conn) flush() {
	if c.writing {
		return
	}
	c.writing = true
	if c.raw == nil || c.flusher == nil || !c.flusher.add(c) {
		c.flushAlone()
	}
}

// rest reports whether nothing is queued, and then that nobody writes any more.
// c.mu is held.
func (c *Conn) rest() bool {
	if c.out.control(); len(c.out.frames) > 0 {
		return false
	}
	c.writing = false
	if c.flushed != nil {
		close(c.flushed)
		c.flushed = nil
	}
	return true
}

// flushFrom is called by the Flusher. The queue's first frame has not been begun.
func (c *Conn) flushFrom(f *Flusher, now time.Time) {
	c.sentAt(now)
	c.mu.Lock()
	c.out.control()
	f.taken = append(f.taken[:0], c.out.frames...)
	c.out.writing = len(f.taken)
	c.mu.Unlock()

	b := f.join(c, f.taken)
	n, err := tryWrite(c.raw, b)
	f.wrote += n

	c.mu.Lock()
	defer c.mu.Unlock()
	if n == len(b) {
		c.out.wroteAll(c.deflate)
	} else {
		c.out.wrote(n, c.deflate)
	}
	switch {
	case err != nil:
		c.broken()
		c.rest()
	case n < len(b):
		c.flushAlone()
	case !c.rest() && !f.add(c):
		c.flushAlone()
	}
}

// flushAlone writes what is queued on a goroutine of its own. c.mu is held.
func (c *Conn) flushAlone() {
	if c.gone.Load() {
		c.out.discard()
		c.rest()
		return // Close may have waited for the last goroutine already.
	}
	c.stall.begin(c)
	c.flushes.Go(func() {
		buffer := chunks.Get().(*[chunk]byte)
		defer chunks.Put(buffer)
		for {
			b := c.next(buffer[:0])
			if b == nil {
				return
			}
			n, err := c.net.Write(b)
			c.sentAt(time.Now())
			if c.flusher != nil {
				c.flusher.written.Add(uint64(n))
			}
			c.mu.Lock()
			c.stall.accepted += uint64(n)
			c.out.wrote(n, c.deflate)
			if err != nil {
				c.broken()
			}
			c.mu.Unlock()
		}
	})
}

// next returns what to write next, in the buffer unless it is a part of one
// frame; nil if there is nothing.
func (c *Conn) next(buffer []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rest() {
		c.stall.end()
		return nil
	}
	q := &c.out
	if b := q.frames[0].wire(c.deflate)[q.begun:]; len(b) >= cap(buffer) {
		q.writing = 1
		return b[:cap(buffer)]
	}
	skip := q.begun
	for i, f := range q.frames {
		b := f.wire(c.deflate)[skip:]
		buffer = append(buffer, b[:min(len(b), cap(buffer)-len(buffer))]...)
		skip, q.writing = 0, i+1
		if len(buffer) == cap(buffer) {
			break
		}
	}
	return buffer
}

// broken drops everything, and closes the connection so that its reader notices.
// c.mu is held.
func (c *Conn) broken() {
	c.closing.Store(true)
	c.gone.Store(true)
	c.out.discard()
	_ = c.below.Close()
}

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
