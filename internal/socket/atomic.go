package socket

import (
	"bufio"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// atomicConn lets frames be written by two writers: the WebSocket library
// writes each control frame with one Write, and the others are written by the
// methods below.
type atomicConn struct {
	net.Conn
	raw     syscall.RawConn // nil if there is none
	timeout time.Duration

	// early is what wait has read and Read has not yet returned, a part of
	// buffer; at first it is what came right behind the request, and buffer is
	// nil. Of the goroutine that reads: the waiting one, the reading one, or
	// when that is over the one that makes the close handshake.
	early  []byte
	buffer *[readAhead]byte

	waitMu  sync.Mutex
	over    chan struct{} // closed when nobody waits any more; nil before stopWaiting
	waiting bool
	// gone is set when the connection was closed, or reading it has failed: no
	// handshake is possible any more. It needs no lock.
	gone atomic.Bool

	mu       sync.Mutex // held until a frame is written to its end
	deadline time.Time
}

// readAhead is how much is read at once.
const readAhead = 4 << 10

var readBuffers = sync.Pool{New: func() any { return new([readAhead]byte) }}

// wait returns when there is something to read, if the system can tell. It
// needs little stack, and while it waits no buffer. br is what the library
// reads from.
func (c *atomicConn) wait(br *bufio.Reader) error {
	if !c.startWaiting(br) {
		return nil
	}
	buffer, n, err := waitRead(c.raw)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err == nil {
		c.buffer, c.early = buffer, buffer[:n]
	}
	c.waitMu.Lock()
	defer c.waitMu.Unlock()
	c.waiting = false
	if c.over != nil {
		// What stopWaiting did must not hit the reads that follow.
		_ = c.SetReadDeadline(time.Time{})
		close(c.over)
	} else if err != nil {
		c.gone.Store(true)
	}
	return err
}

// startWaiting returns false if there is something to read already, or if
// nobody may wait.
func (c *atomicConn) startWaiting(br *bufio.Reader) bool {
	c.waitMu.Lock()
	defer c.waitMu.Unlock()
	if c.raw == nil || c.over != nil || c.hasEarly(br) {
		return false
	}
	c.waiting = true
	return true
}

func (c *atomicConn) hasEarly(br *bufio.Reader) bool { return br.Buffered() > 0 || len(c.early) > 0 }

// pending reports whether wait would return at once.
func (c *atomicConn) pending(br *bufio.Reader) bool {
	c.waitMu.Lock()
	defer c.waitMu.Unlock()
	return c.raw == nil || c.over != nil || c.hasEarly(br)
}

// stopWaiting makes wait return, and returns when it has. From then on only
// the library reads.
func (c *atomicConn) stopWaiting() {
	c.waitMu.Lock()
	c.over = make(chan struct{})
	if c.waiting {
		_ = c.SetReadDeadline(time.Unix(1, 0))
	} else {
		close(c.over)
	}
	c.waitMu.Unlock()
	<-c.over
}

// Read is the library's.
func (c *atomicConn) Read(b []byte) (int, error) {
	if len(c.early) == 0 {
		n, err := c.Conn.Read(b)
		if err != nil {
			c.gone.Store(true)
		}
		return n, err
	}
	n := copy(b, c.early)
	if c.early = c.early[n:]; len(c.early) == 0 {
		if c.buffer != nil {
			readBuffers.Put(c.buffer)
		}
		c.buffer, c.early = nil, nil
	}
	return n, nil
}

func newAtomicConn(c net.Conn, timeout time.Duration) *atomicConn {
	a := &atomicConn{Conn: c, timeout: timeout}
	if canTry {
		if s, ok := c.(syscall.Conn); ok {
			a.raw, _ = s.SyscallConn() // nil after an error
		}
	}
	return a
}

// Close is also the library's, when it has answered a close frame.
func (c *atomicConn) Close() error {
	c.gone.Store(true)
	return c.Conn.Close()
}

// Write is the library's.
func (c *atomicConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(b)
}

// write is called with mu held.
func (c *atomicConn) write(b []byte) (int, error) {
	// Setting a deadline costs a tenth of a write, so it is not done for each.
	if now := time.Now(); c.deadline.Sub(now) < c.timeout {
		c.deadline = now.Add(2 * c.timeout)
		if err := c.SetWriteDeadline(c.deadline); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

// try writes as much as the kernel takes at once. If that is not all, or
// another writer is at it, locked says whether mu is still held, because a
// frame has been begun.
func (c *atomicConn) try(b []byte) (n int, locked bool, err error) {
	if !c.mu.TryLock() {
		return 0, false, nil
	}
	if !c.deadline.IsZero() {
		// It was for what write has written, and fails whatever comes after it.
		c.deadline = time.Time{}
		err = c.SetWriteDeadline(c.deadline)
	}
	if err == nil {
		n, err = tryWrite(c.raw, b)
	}
	if n == len(b) || err != nil {
		c.mu.Unlock()
		return n, false, err
	}
	return n, true, nil
}
