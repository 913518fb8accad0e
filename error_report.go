package hotsock

import (
	"errors"
	"log/slog"

	"golang.org/x/time/rate"

	"github.com/hotsock-go/hotsock/token"
)

// An errorReporter counts and logs the errors that clients are told of.
type errorReporter struct {
	logger *slog.Logger
	counts *counts
	ready  *storeReadiness
	// keysAway bounds what the log says of key lookups that fail.
	keysAway rate.Sometimes
}

func newErrorReporter(logger *slog.Logger, counts *counts, ready *storeReadiness) *errorReporter {
	return &errorReporter{
		logger: logger, counts: counts, ready: ready,
		keysAway: rate.Sometimes{First: 1, Interval: refusedEvery},
	}
}

// report returns what a client is told of an error, and logs what it is not told.
func (r *errorReporter) report(err error, attrs ...any) *Error {
	e := asError(err)
	r.counts.failed(e.Code)
	switch e.Code {
	case CodeInternal:
		r.logger.Error("hotsock: internal error", append(attrs, "err", err)...)
	case CodeUnavailable:
		if errors.Is(err, token.ErrKeyLookup) {
			// Whoever sends a token can have it said again.
			r.keysAway.Do(func() { r.logger.Warn("hotsock: keys of tokens cannot be looked up", append(attrs, "err", err)...) })
			return e
		}
		if errors.Is(err, errCheckAPIKey) {
			r.keysAway.Do(func() { r.logger.Warn("hotsock: API keys cannot be checked", append(attrs, "err", err)...) })
			return e
		}
		if _, ok := errors.AsType[*hookError](err); ok {
			r.logger.Warn("hotsock: a hook did not decide", append(attrs, "err", err)...)
			return e // It says nothing of the store.
		}
		if !errors.Is(err, errBusy) { // which says nothing of the store, either
			r.ready.failed()
		}
		r.logger.Warn("hotsock: unavailable", append(attrs, "err", err)...)
	}
	return e
}
