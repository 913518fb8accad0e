package socket

import (
	"encoding/binary"
	"syscall"
	"time"
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

// lastAck is how long ago the peer's kernel last acknowledged anything (TCP_INFO),
// if only that it takes nothing now. known is false if the kernel does not tell.
func lastAck(raw syscall.RawConn) (ago time.Duration, known bool) {
	const offset = 56 // of tcpi_last_ack_recv, in milliseconds
	if raw == nil {
		return 0, false
	}
	var info [offset + 4]byte
	err := raw.Control(func(fd uintptr) {
		size := uint32(len(info))
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // as package syscall has it
		known = errno == 0 && int(size) == len(info)
	})
	return time.Duration(binary.NativeEndian.Uint32(info[offset:])) * time.Millisecond, known && err == nil
}

// knowsRoom says whether hasRoom works on this system.
const knowsRoom = true

// hasRoom reports whether the kernel takes n bytes more without waiting for the peer
// (SO_MEMINFO). What it keeps of them may be twice as long.
func hasRoom(raw syscall.RawConn, n int) bool {
	const (
		option     = 55 // SO_MEMINFO
		sendBuffer = 3  // SK_MEMINFO_SNDBUF
		queued     = 5  // SK_MEMINFO_WMEM_QUEUED
	)
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	told := false
	err := raw.Control(func(fd uintptr) {
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, option,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // as package syscall has it
		told = errno == 0 && size > 4*queued
	})
	return err == nil && told && uint64(info[queued])+2*uint64(n) < uint64(info[sendBuffer])
}
