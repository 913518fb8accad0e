package store

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
)

// Reactions keeps reactions of users to kept messages. They expire with their
// message. What reading them costs depends on what is returned, and not on how
// many there are: a store counts them when they change.
type Reactions interface {
	// React adds or removes a reaction and publishes the notice if that
	// changed something. The error wraps ErrNotFound if there is no such kept
	// and unexpired message, and ErrCapacity if a bound of the request is
	// reached.
	React(ctx context.Context, r ReactRequest) (ReactResult, error)
	// Tallies counts the reactions to messages. It returns a tally for each of
	// them, in their order, but stops before one that would exceed MaxBytes;
	// the first is always there. That of an unknown message is empty.
	Tallies(ctx context.Context, t TallyRequest) ([]Tally, error)
	// ListReactions returns a page of the reactions to one message, in the
	// order in which they were added. An unknown message has none.
	ListReactions(ctx context.Context, l ReactionsRequest) (ReactionPage, error)
}

// A Reaction is one user's reaction to one message. Message, UID and Reaction
// together are unique.
type Reaction struct {
	// ID is that of the notice which told that it was added.
	ID       ulid.ULID
	Message  ulid.ULID
	Reaction string
	UID      string
	UMD      []byte
	Created  time.Time
	// Origin is core's description of the request that added it, opaque to the
	// store.
	Origin []byte
}

// A ReactRequest adds or removes one reaction. The bounds only make adding
// fail, and 0 is none.
type ReactRequest struct {
	Channel string
	// Reaction to add; to remove, Message, UID and Reaction name it. The store
	// fills in ID and Created.
	Reaction Reaction
	Remove   bool
	// MaxReactions bounds the reactions to the message, of all users together.
	MaxReactions int
	// MaxOfUser bounds those of this user.
	MaxOfUser int
	// MaxDifferent bounds how many different reactions the message has.
	MaxDifferent int
	// Notice is published, as Publish would, if something changed.
	Notice PublishRequest
}

// A ReactResult says what became of a reaction.
type ReactResult struct {
	// Changed is false if it was there already, or not there to remove.
	Changed bool
	// Notice is the id of the notice, if Changed.
	Notice ulid.ULID
	// Reaction as added or removed, if Changed.
	Reaction Reaction
	// Expires is when the message, and so the reaction, does; zero for never.
	Expires time.Time
}

// A TallyRequest asks how often messages were reacted to.
type TallyRequest struct {
	Channel  string
	Messages []ulid.ULID
	// First is how many of the reactions to each message are wanted, the oldest
	// ones. With 0 there are none, only how many.
	First int
	// UID, if not "" and First is not 0, asks for this user's reactions as well.
	UID string
	// MaxBytes bounds the answer: its texts and metadata, roughly.
	MaxBytes int
}

// A Tally counts the reactions to one message.
type Tally struct {
	// Counts are in the order in which the reactions were first added, since
	// when there was always one.
	Counts []ReactionCount
	// Reactions that the request asked for, in the order in which they were
	// added, each once.
	Reactions []Reaction
}

// A ReactionCount says how many users a message has a reaction of.
type ReactionCount struct {
	Reaction string
	Count    int
}

// A ReactionsRequest selects a page of the reactions to a message.
type ReactionsRequest struct {
	Channel string
	Message ulid.ULID
	// After is the ID of a reaction, exclusive, which may have been removed
	// since; zero for none.
	After ulid.ULID
	// Limit is the length of the page, at least 1.
	Limit int
	// MaxBytes ends the page before a reaction that would exceed it, as in
	// [TallyRequest]. The first reaction is always there.
	MaxBytes int
}

// A ReactionPage is a part of the reactions to a message.
type ReactionPage struct {
	Reactions []Reaction
	// More is true if there are reactions after these.
	More bool
}
