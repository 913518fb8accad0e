//go:build !unix

package socket

import (
	"errors"
	"syscall"
)

// canTry says whether tryWrite works on this system.
const canTry = false

func tryWrite(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }
