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
	if !c.shared || c.flusher == nil || !c.flusher.add(c) {
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

// flushFrom is called by a worker of the Flusher, and returns how many bytes it wrote.
// The queue's first frame has not been begun.
func (c *Conn) flushFrom(w *worker, now time.Time) (n int) {
	c.mu.Lock()
	c.out.control()
	w.taken = append(w.taken[:0], c.out.batch()...)
	c.out.writing = len(w.taken)
	c.mu.Unlock()

	b := w.join(c, w.taken)
	var err error
	if c.direct {
		n, err = tryWrite(c.kernel, b)
	} else {
		n, err = w.writeThrough(c, b)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote(n, n == len(b), now)
	switch {
	case err != nil:
		c.broken()
		c.rest()
	case n < len(b):
		c.flushAlone()
	case !c.rest() && (!c.shared || !w.f.add(c)):
		c.flushAlone()
	}
	if w.through.lost {
		if !c.writing {
			c.stall.end()
		}
		c.flushes.Done()
	}
	return n
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
			now := time.Now()
			if c.flusher != nil {
				c.flusher.written.Add(uint64(n))
			}
			c.mu.Lock()
			c.wrote(n, false, now)
			if err != nil {
				c.broken()
			}
			c.mu.Unlock()
		}
	})
}

// wrote notes that the network has taken n bytes: all that was to be written, or
// perhaps not. c.mu is held.
func (c *Conn) wrote(n int, all bool, now time.Time) {
	at := now.Sub(c.in.made)
	if c.out.writesMessages() {
		c.lastSent.Store(int64(at))
	}
	c.written += int64(n)
	c.arrives = min(max(c.arrives, at)+time.Duration(n)*time.Second/slowest, at+mostHeld*time.Second/slowest)
	pinged := c.out.pinged
	if all {
		c.out.wroteAll(c.deflate)
	} else {
		c.out.wrote(n, c.deflate)
	}
	if pinged && !c.out.pinged {
		c.ping.end, c.ping.arrived = c.written, c.arrives
	}
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

// LastSent is when messages were last written, by the monotonic clock.
func (c *Conn) LastSent() time.Time { return c.in.made.Add(time.Duration(c.lastSent.Load())) }
