package socket

import (
	"net"
	"sync"
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

	mu       sync.Mutex // held until a frame is written to its end
	deadline time.Time
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
	n, err = tryWrite(c.raw, b)
	if n == len(b) || err != nil {
		c.mu.Unlock()
		return n, false, err
	}
	return n, true, nil
}
