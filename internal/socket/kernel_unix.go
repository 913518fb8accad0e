//go:build unix

package socket

import (
	"sync"
	"sync/atomic"
	"syscall"
)

// canTry says whether the functions below work on this system.
const canTry = true

// A writeCall is a call of tryWrite.
type writeCall struct {
	b   []byte
	n   int
	err error
	do  func(fd uintptr) bool
}

// writeCalls keeps them: to allocate one is a part of what a short write costs.
var writeCalls = sync.Pool{New: func() any {
	c := new(writeCall)
	c.do = c.write
	return c
}}

func (c *writeCall) write(fd uintptr) bool {
	for {
		c.n, c.err = syscall.Write(int(fd), c.b)
		if c.err != syscall.EINTR {
			return true
		}
	}
}

// tryWrite writes what the kernel takes without blocking.
func tryWrite(raw syscall.RawConn, b []byte) (n int, err error) {
	c := writeCalls.Get().(*writeCall)
	c.b, c.n, c.err = b, 0, nil
	err2 := raw.Write(c.do)
	n, err = c.n, c.err
	c.b = nil
	writeCalls.Put(c)
	if err == syscall.EAGAIN { // The kernel takes nothing now.
		n, err = 0, nil
	}
	if err2 != nil {
		err = err2
	}
	return max(n, 0), err
}

// hasUnread reports whether the kernel has something that was not read: bytes,
// the end, or an error.
func hasUnread(raw syscall.RawConn) bool {
	unread := false
	if raw != nil {
		_ = raw.Control(func(fd uintptr) {
			unread = peek(fd) != syscall.EAGAIN
		})
	}
	return unread
}

// peek looks for something unread. Without that, its error is EAGAIN.
func peek(fd uintptr) error {
	for {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
		if err != syscall.EINTR {
			return err
		}
	}
}

// waitUnread waits until hasUnread is true. blocked is true as long as there is nothing.
func waitUnread(raw syscall.RawConn, blocked *atomic.Bool) error {
	var err error
	err2 := raw.Read(func(fd uintptr) bool {
		err = peek(fd)
		blocked.Store(err == syscall.EAGAIN)
		return err != syscall.EAGAIN
	})
	blocked.Store(false)
	if err2 != nil {
		err = err2
	}
	return err
}

// waitRead waits until there is something to read, and reads it. A closed
// connection has n = 0. blocked is true as long as there is nothing.
func waitRead(raw syscall.RawConn, blocked *atomic.Bool) (buffer *[readAhead]byte, n int, err error) {
	err2 := raw.Read(func(fd uintptr) bool {
		blocked.Store(false) // before Heard could see that the kernel has nothing any more
		buffer = readBuffers.Get().(*[readAhead]byte)
		for {
			n, err = syscall.Read(int(fd), buffer[:])
			if err != syscall.EINTR {
				break
			}
		}
		if n > 0 {
			return true
		}
		readBuffers.Put(buffer)
		buffer = nil
		blocked.Store(err == syscall.EAGAIN)
		return err != syscall.EAGAIN
	})
	blocked.Store(false)
	if err2 != nil {
		err = err2
	}
	return buffer, max(n, 0), err
}
