package socket

import (
	"syscall"
	"unsafe"
)

// unsentBytes is how much of what was written the peer has not acknowledged
// (SIOCOUTQ). known is false if the kernel does not tell.
func unsentBytes(raw syscall.RawConn) (n int, known bool) {
	if raw == nil {
		return 0, false
	}
	err := raw.Control(func(fd uintptr) {
		var unsent int32
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&unsent))) //nolint:gosec // as package syscall has it
		n, known = int(unsent), errno == 0
	})
	return n, known && err == nil
}
