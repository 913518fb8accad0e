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
	if err == syscall.EAGAIN {
		n, err = 0, nil
	}
	if err2 != nil {
		err = err2
	}
	return max(n, 0), err
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
