//go:build !linux

package socket

import (
	"syscall"
	"time"
)

// unsentBytes is not known here: only what the kernel takes counts as progress.
func unsentBytes(syscall.RawConn) (n int, known bool) { return 0, false }

// lastAck is not known here.
func lastAck(syscall.RawConn) (ago time.Duration, known bool) { return 0, false }

const knowsRoom = false

func hasRoom(syscall.RawConn, int) bool { return false }
