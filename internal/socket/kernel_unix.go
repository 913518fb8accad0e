//go:build unix

package socket

import "syscall"

// canTry says whether the functions below work on this system.
const canTry = true

// tryWrite writes what the kernel takes without blocking.
func tryWrite(raw syscall.RawConn, b []byte) (n int, err error) {
	err2 := raw.Write(func(fd uintptr) bool {
		for {
			n, err = syscall.Write(int(fd), b)
			if err != syscall.EINTR {
				return true
			}
		}
	})
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
			_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK)
			unread = err != syscall.EAGAIN && err != syscall.EINTR
		})
	}
	return unread
}

// waitRead waits until there is something to read, and reads it. A closed
// connection has n = 0.
func waitRead(raw syscall.RawConn) (buffer *[readAhead]byte, n int, err error) {
	err2 := raw.Read(func(fd uintptr) bool {
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
		return err != syscall.EAGAIN
	})
	if err2 != nil {
		err = err2
	}
	return buffer, max(n, 0), err
}
