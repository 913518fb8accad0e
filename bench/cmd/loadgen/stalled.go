package main

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// kept returns how many of the connections that never read were not
// disconnected. It reads what has gathered, and waits up to d for the end.
func (l *loop) kept(d time.Duration) (n int) {
	for i := range l.conns {
		c := &l.conns[i]
		if c.role != roleStalled {
			continue
		}
		_ = unix.SetNonblock(c.fd, false)
		timeout := unix.NsecToTimeval(int64(time.Second))
		_ = unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
		for end := l.now() + d; ; {
			got, err := unix.Read(c.fd, l.buf)
			ended := got == 0 || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
			if ended {
				break
			}
			if l.now() > end {
				n++
				break
			}
		}
	}
	return n
}
