//go:build !unix

package socket

import (
	"errors"
	"sync/atomic"
	"syscall"
)

// canTry says whether the functions below work on this system.
const canTry = false

func tryWrite(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }

func waitUnread(syscall.RawConn, *atomic.Bool) error { return errors.ErrUnsupported }

func waitRead(syscall.RawConn, *atomic.Bool) (*[readAhead]byte, int, error) {
	return nil, 0, errors.ErrUnsupported
}

func hasUnread(syscall.RawConn) bool { return false }
