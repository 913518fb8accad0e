package store

import (
	"context"

	"github.com/oklog/ulid/v2"
)

// Erasing removes the past of a channel for good.
type Erasing interface {
	// Erase erases what was published on a channel, in steps. The first call has no
	// Until. From its return, no reader finds an erased message, or a reaction to
	// one; nothing is replayed to who was before Until; and nobody can react. A
	// replay from Until is as before.
	//
	// It frees the memory then, or leaves that to further calls, of which each frees
	// a bounded part. They may be repeated, and made by several nodes at once.
	//
	// All else of the channel stays: subscriptions, members, entries, and the ids
	// for deduplication, so that what was erased is not published again. The ids of
	// new items are greater than every earlier one, as always.
	Erase(ctx context.Context, e EraseRequest) (EraseResult, error)
}

// An EraseRequest begins an erasure, or goes on with it.
type EraseRequest struct {
	Channel string
	// Until is the newest item that is erased. It is zero in the first call, which
	// erases all that there is, and that of its result in the calls that follow.
	Until ulid.ULID
	// ReplayOnly leaves the kept messages. Only what Replay has goes, so that
	// nobody catches up with what is deleted one by one.
	ReplayOnly bool
	// Notice, if not nil, is published by the first call, in the same step: it is the
	// first item after Until. Its Channel is that of the request.
	Notice *PublishRequest
	// Limit is how many messages one call may free. A store may free fewer, to keep
	// the step short.
	Limit int
}

// An EraseResult is the outcome of a step.
type EraseResult struct {
	// Until is the newest item that is erased, or a position below all items if
	// there were none.
	Until ulid.ULID
	// Freed is how many kept messages this call has freed.
	Freed int
	// More is true if there may be more to be freed.
	More bool
}
