package socket

import (
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Flusher writes what is queued on many connections from one goroutine, so
// that a fan-out does not have to wake one for each subscriber.
//
// Before it writes, it lets everything run that the network has made runnable:
// so all messages of requests that arrived together share one write per
// connection, and a lone message is not delayed. For this it waits on a pipe:
// the scheduler looks at that, as at all connections, when nothing else is
// left to do.
//
// The zero value is ready for use. Its goroutine starts when there is something
// to write, and ends with Close.
type Flusher struct {
	mu     sync.Mutex
	dirty  []*Conn // have something queued
	woken  bool    // a byte is in the pipe
	closed bool
	wake   *os.File
	done   chan struct{} // nil if the goroutine was not started

	written atomic.Uint64 // bytes

	// Of the goroutine.
	wrote int // bytes in this round
	taken []Frame
	// Subscribers of one channel share the bytes: those that compress, and the
	// others.
	plain, deflated joined
}

// joined are the frames of the connection before, and their bytes.
type joined struct {
	frames []Frame
	bytes  []byte
}

// Close writes what is queued as far as the kernel takes it, ends the goroutine
// and waits for it.
func (f *Flusher) Close() {
	f.mu.Lock()
	if !f.closed && f.done != nil {
		_ = f.wake.Close()
	}
	f.closed = true
	done := f.done
	f.mu.Unlock()
	if done != nil {
		<-done
	}
}

// Written is how many bytes of frames were written to its connections, those
// that are still under way in the kernel included.
func (f *Flusher) Written() uint64 { return f.written.Load() }

// start is called with mu held.
func (f *Flusher) start() bool {
	r, w, err := os.Pipe()
	if err != nil {
		return false // out of file descriptors
	}
	f.wake, f.done = w, make(chan struct{})
	go f.run(r)
	return true
}

// add has a connection flushed. It returns false if the Flusher cannot do it.
func (f *Flusher) add(c *Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.done == nil && !f.start() {
		return false
	}
	f.dirty = append(f.dirty, c)
	if !f.woken {
		f.woken = true
		// Room for one byte there always is.
		_, _ = f.wake.Write([]byte{0})
	}
	return true
}

func (f *Flusher) run(r *os.File) {
	defer close(f.done)
	defer r.Close()
	var batch []*Conn
	var b [16]byte
	for {
		_, err := r.Read(b[:])
		if err != nil && !errors.Is(err, io.EOF) {
			continue // cannot happen, and is no reason to stop writing
		}
		runtime.Gosched()
		f.mu.Lock()
		batch, f.dirty = f.dirty, batch[:0]
		f.woken = false
		f.mu.Unlock()

		now := time.Now()
		for i, c := range batch {
			c.flushFrom(f, now)
			batch[i] = nil
		}
		f.written.Add(uint64(f.wrote))
		f.wrote = 0
		f.forget()
		if err != nil {
			return
		}
	}
}

// join returns the bytes of a connection's frames, which must not be modified.
// They are valid until the next call.
func (f *Flusher) join(c *Conn, frames []Frame) []byte {
	switch len(frames) {
	case 0: // what was queued has been dropped
		return nil
	case 1:
		return frames[0].wire(c.deflate)
	}
	j := &f.plain
	if c.deflate {
		j = &f.deflated
	}
	if slices.Equal(frames, j.frames) {
		return j.bytes
	}
	j.frames = append(j.frames[:0], frames...)
	j.bytes = j.bytes[:0]
	for _, fr := range frames {
		j.bytes = append(j.bytes, fr.wire(c.deflate)...)
	}
	return j.bytes
}

// forget lets the frames be freed.
func (f *Flusher) forget() {
	clear(f.taken[:cap(f.taken)])
	for _, j := range []*joined{&f.plain, &f.deflated} {
		clear(j.frames)
		j.frames = j.frames[:0]
	}
}

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
	if !c.direct || c.flusher == nil || !c.flusher.add(c) {
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
	c.mu.Lock()
	c.out.control()
	f.taken = append(f.taken[:0], c.out.batch()...)
	c.out.writing = len(f.taken)
	c.mu.Unlock()

	b := f.join(c, f.taken)
	n, err := tryWrite(c.kernel, b)
	f.wrote += n

	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrote(n, n == len(b), now)
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
