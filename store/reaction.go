package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
)

// Reactions holds the reactions of users to kept messages. They expire with their
// message. A store counts reactions when they change, so that reading counts takes
// no longer for a message with many.
type Reactions interface {
	// React adds or removes a reaction. If that changes something, it publishes
	// the request's notice in the same step. The error wraps ErrNotFound if
	// there is no such kept message, and ErrCapacity if there is no room for
	// the reaction.
	React(ctx context.Context, r ReactRequest) (ReactResult, error)
	// Tallies counts the reactions to messages. It returns a tally for each, in
	// their order, and stops before one that would exceed MaxBytes; the first
	// is always there. The tally of an unknown message is empty.
	Tallies(ctx context.Context, t TalliesRequest) ([]Tally, error)
	// Reactions returns a page of the reactions to one message, the oldest
	// first. An unknown message has none.
	Reactions(ctx context.Context, r ReactionsRequest) (ReactionsResult, error)
}

// A Reaction is one user's reaction to one message. There is at most one with the
// same Message, UID and Reaction.
type Reaction struct {
	// ID is that of the notice that announced it.
	ID       ulid.ULID
	Message  ulid.ULID
	Reaction string
	UID      string
	UMD      []byte
	// Created is when it was added.
	Created time.Time
	// Origin describes the request that added it to core. It is opaque to the
	// store.
	Origin []byte
}

// A ReactRequest adds or removes one reaction.
type ReactRequest struct {
	Channel string
	// Reaction is added; the store fills in ID and Created. With Remove, the
	// one with its Message, UID and Reaction is removed.
	Reaction Reaction
	Remove   bool
	// MaxReactions bounds the reactions to the message, MaxOfUser those of this
	// user to it, and MaxDifferent how many different ones it has. They bound
	// adding only, and 0 is no bound.
	MaxReactions, MaxOfUser, MaxDifferent int
	// Notice is published if something changes, as Publish would.
	Notice PublishRequest
}

// A ReactResult is the outcome of a reaction.
type ReactResult struct {
	// Changed is false if the reaction was there already, or was not there to
	// be removed. Then all else is zero.
	Changed bool
	// Notice is the id of the notice.
	Notice ulid.ULID
	// Reaction is what was added or removed.
	Reaction Reaction
	// Expires is when the message and so the reaction expires, zero for never.
	Expires time.Time
}

// A TalliesRequest asks for the tallies of messages.
type TalliesRequest struct {
	Channel  string
	Messages []ulid.ULID
	// First is how many of the oldest reactions to each message are wanted. If
	// it is 0, a tally has counts only.
	First int
	// UID, if not "", asks for this user's reactions as well, unless First
	// is 0.
	UID string
	// MaxBytes bounds the texts and metadata of all tallies together, roughly.
	MaxBytes int
}

// A Tally counts the reactions to one message.
type Tally struct {
	// Counts has those that are there, in the order in which they came to be.
	Counts []ReactionCount
	// Reactions are those that were asked for, the oldest first, each once.
	Reactions []Reaction
}

// A ReactionCount is how many users have reacted to a message with a reaction.
type ReactionCount struct {
	Reaction string
	Count    int
}

// A ReactionsRequest selects a page of the reactions to a message.
type ReactionsRequest struct {
	Channel string
	Message ulid.ULID
	// After is the ID of a reaction, which may have been removed since. It is
	// an exclusive bound, zero for none.
	After ulid.ULID
	// Limit and MaxBytes bound the page. MaxBytes counts as in
	// [TalliesRequest].
	Limit, MaxBytes int
}

// A ReactionsResult is a page of the reactions to a message.
type ReactionsResult struct {
	Reactions []Reaction
	More      bool
}
