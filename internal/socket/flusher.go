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

// maxJoined bounds what a Flusher keeps between its rounds.
const maxJoined = 1 << 20

// forget lets the frames be freed.
func (f *Flusher) forget() {
	clear(f.taken[:cap(f.taken)])
	for _, j := range []*joined{&f.plain, &f.deflated} {
		clear(j.frames)
		j.frames = j.frames[:0]
		if cap(j.bytes) > maxJoined {
			j.bytes = nil
		}
	}
}
