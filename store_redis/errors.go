package storeredis

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hotsock-go/hotsock/store"
	"github.com/redis/go-redis/v9"
)

var errLeft = fmt.Errorf("%w: the node has left", store.ErrUnavailable)

// A tryError is why one try failed; another may do better.
type tryError struct{ err error }

func (e *tryError) Error() string { return e.err.Error() }
func (e *tryError) Unwrap() error { return e.err }

// unavailable is the error of a call that ran out of time, with what went wrong
// last, or nil.
func unavailable(err, last error) error {
	if last != nil {
		return fmt.Errorf("%w: %w (last: %w)", store.ErrUnavailable, err, last)
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}

func retryable(err error) bool {
	var t *tryError
	return errors.As(err, &t) || errors.Is(err, refusedLate)
}

// passing are the beginnings of errors that pass by themselves: while a server
// starts, or another becomes master.
var passing = []string{
	"LOADING", "READONLY", "MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN", "NOSCRIPT", "BUSY",
	"NOREPLICAS", "UNBLOCKED", "ERR max number of clients",
}

// lasting are those that an operator has to see to.
var lasting = []string{"OOM", "MISCONF", "NOAUTH", "NOPERM", "WRONGPASS", "DENIED", "EXECABORT"}

// classify makes the error of a command one of ours.
func classify(err error) error {
	var re redis.Error
	if !errors.As(err, &re) {
		if errors.Is(err, redis.ErrClosed) {
			return unavailable(err, nil)
		}
		return &tryError{err} // The network, or the pool.
	}
	for _, p := range passing {
		if hasCode(re, p) {
			return &tryError{err}
		}
	}
	for _, p := range lasting {
		if hasCode(re, p) {
			return unavailable(err, nil)
		}
	}
	return fmt.Errorf("storeredis: %w", err)
}

// hasCode reports whether an error has a code in front, as it has since Redis
// 7, or within, as errors of commands in a script had before.
func hasCode(err error, code string) bool {
	return redis.HasErrorPrefix(err, code) || strings.Contains(err.Error(), "-"+code+" ")
}
