//go:build unix

package socket

import "syscall"

// canTry says whether tryWrite works on this system.
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
