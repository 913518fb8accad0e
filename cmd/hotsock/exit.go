package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/hotsock-go/hotsock/client"
)

// The exit codes, as the help of every command has them.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnreachable = 4
)

const exitCodes = `Exit codes:
  0  done
  1  it failed
  2  the command line is wrong
  3  refused: the token, the key, the origin or a permission
  4  no answer: the server cannot be reached, is not ready, or is not a Hotsock server
`

// A usageError says what is wrong with the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// A codedError has an exit code of its own.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// errReported is wrapped by errors whose text the user has seen already.
var errReported = errors.New("reported")

// refusedCodes are the server's answers to who may not do what they ask for.
var refusedCodes = map[client.Code]bool{
	client.CodeUnauthorized:              true,
	client.CodeInvalidSubscribeToken:     true,
	client.CodeInvalidUMDToken:           true,
	client.CodeSubscribePermissionDenied: true,
	client.CodePublishPermissionDenied:   true,
	client.CodeSchedulePermissionDenied:  true,
	client.CodeStoragePermissionDenied:   true,
	client.CodeInfoPermissionDenied:      true,
	client.CodeHistoryPermissionDenied:   true,
	client.CodeCallPermissionDenied:      true,
	client.CodeOriginDenied:              true,
	client.CodePresenceUserIDRequired:    true,
}

// exitCode returns the code for an error.
func exitCode(err error) int {
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if e, ok := errors.AsType[*codedError](err); ok {
		return e.code
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		switch {
		case refusedCodes[e.Code]:
			return exitRefused
		case e.Code == client.CodeUnavailable || e.Code == client.CodeRateLimited:
			return exitUnreachable
		}
		return exitFailed
	}
	_, network := errors.AsType[*net.OpError](err)
	if network || errors.Is(err, context.DeadlineExceeded) {
		return exitUnreachable
	}
	return exitFailed
}
