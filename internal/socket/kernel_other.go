//go:build !unix

package socket

import (
	"errors"
	"syscall"
)

// canTry says whether the functions below work on this system.
const canTry = false

func tryWrite(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }

func waitRead(syscall.RawConn) (*[readAhead]byte, int, error) { return nil, 0, errors.ErrUnsupported }

func hasUnread(syscall.RawConn) bool { return false }
