package store

import "github.com/oklog/ulid/v2"

// An EditRequest updates or deletes one kept message. Its place in the history, its
// event and sender, its retention and its reactions stay with an update.
//
// With a deletion, the message and its reactions are gone for every reader. A
// deduplication id stays used, so that repeating the publish does not bring the
// message back.
//
// An append is an update that keeps what is there: its notice has only what is new.
//
// A [Messages.Replay] that passes a message has it as it is when it is read, or as
// it was at some time before if the notice of its newest update follows, and then those
// of all appends since. Of the notices of a message's updates, only the newest is
// replayed, and those of the appends after it: none from before, and none once the
// message is deleted or has expired. So no replay has anything of what is not in the
// message any more. What is not replayed any more is not missing: a replay that passes
// it is complete, and so is one After it, for a replay window and as long as fewer than
// ReplayLimit newer items were taken out in the same way. The notice of an append counts
// for ReplayLimit like any message.
type EditRequest struct {
	Channel string
	// Message is the id of the message.
	Message ulid.ULID
	// Delete deletes the message. Otherwise its data becomes Data, a JSON text, nil
	// for none.
	Delete bool
	Data   []byte
	// Append inserts Data into the message's data instead, Tail bytes before its end.
	// Data is no JSON text then, but what is there is one before and after. The error
	// wraps ErrConflict if the data is shorter than Tail.
	Append bool
	Tail   int
	// Stream, unless nil, becomes that of the message.
	Stream []byte
	// IfVersion is the [Message.Version] that the message must be of, 0 for any.
	IfVersion int64
	// Notice is published if the message is there, as Publish would. It has neither a
	// retention nor a deduplication id. That of an update has its Data put together:
	// Notice.Data, the new version in decimal, and NoticeEnd. That of an append has
	// Notice.Data, Data and NoticeEnd.
	Notice    PublishRequest
	NoticeEnd []byte
}

// An EditResult is the outcome of an edit.
type EditResult struct {
	// Notice is the id of the notice.
	Notice ulid.ULID
	// Version is the new one, 0 if the message was deleted.
	Version int64
	// Subscriptions is the Count that the channel has, as in [ChannelInfo].
	Subscriptions int
}
