package hotsock

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// An ErasureTarget is what an erasure erases of a channel.
type ErasureTarget string

// The targets of erasures.
const (
	ErasedChannel ErasureTarget = "channel" // everything but who is subscribed
	ErasedUser    ErasureTarget = "user"    // what a user has published
	ErasedStorage ErasureTarget = "storage" // entries
)

// An Erasure is one that was accepted.
type Erasure struct {
	ID      string
	Channel string
	Target  ErasureTarget
	// UID is the user's of an [ErasedUser], and Prefix that of the keys of an
	// [ErasedStorage].
	UID, Prefix string
	// AcceptedAt is by the clock of the node that accepted it.
	AcceptedAt time.Time
	// Until is the id of the newest item of the channel that is erased: what has a
	// greater one stays. It is "" while the erasure begins.
	Until string
	// Erased counts messages, reactions, entries and schedules, so far. What was
	// erased right before a node died may count twice.
	Erased int
	// Done is true when nothing is left to be done.
	Done bool
}

// EraseChannel erases what a channel keeps: messages with their reactions, what clients
// could catch up with, entries, and the schedules that are pending. Who is subscribed
// stays, and so do the members of a presence channel.
//
// It erases what was there when it was called, up to a position in the channel's order,
// and leaves what is published, written and scheduled after it has returned. For
// readers, the messages are gone at once: none finds them, nobody can react to one, and
// who catches up from before is told that something is missing. Subscribers get
// hotsock.channelErased, whose id is the first that stays, and for each entry that it is
// cleared. Their memory, and the entries, go step by step, so that nobody else waits.
//
// It returns when all is done, or when ctx ends: then Done is false, and the erasure
// goes on. The store remembers it, and if this node dies or stops, another one finishes
// it, within about 15 seconds. With a Store in memory, all ends with the process.
//
// The error is an [*Error]: with [CodeUnavailable], the store is away, or ctx has ended
// before the erasure was accepted; it may be carried out nevertheless. Repeat it.
// [CodeRateLimited] means that 10,000 erasures are not done.
//
// Deduplication ids stay for [Options.DeduplicationWindow]: a client that repeats a
// publish must not bring back what is erased. docs/privacy.md says what else is kept, and
// for how long.
func (h *Handler) EraseChannel(ctx context.Context, channel string) (Erasure, error) {
	return h.eraser.erase(ctx, &erasure{Channel: channel, Target: ErasedChannel})
}

// EraseUser erases what a user has on a channel: the messages with this user as their
// sender, also those that the app published in the user's name, with all reactions to
// them; the user's own reactions to messages of others; and what the user has scheduled
// there. Subscribers get hotsock.messageDeleted and hotsock.messageReactionRemoved for
// each.
//
// Entries stay, whoever wrote them: they are what the app keeps for all. So does the
// user's membership, which ends with the user's last subscription. Messages that are not
// kept are discarded whoever sent them, so that nobody catches up with them.
//
// A message is gone when its hotsock.messageDeleted comes. An erasure reads all messages
// of the channel. All else is as with [Handler.EraseChannel].
func (h *Handler) EraseUser(ctx context.Context, channel, uid string) (Erasure, error) {
	if err := validateUID(uid); err != nil {
		return Erasure{}, err
	}
	return h.eraser.erase(ctx, &erasure{Channel: channel, Target: ErasedUser, UID: uid})
}

// EraseStorage clears the entries of a channel whose keys begin with the prefix, "" for
// all of them, and cancels what is scheduled to write one. An entry that is written again
// after the call stays. Subscribers that observe an entry are told that it is cleared,
// as if the app had cleared it. All else is as with [Handler.EraseChannel].
func (h *Handler) EraseStorage(ctx context.Context, channel, prefix string) (Erasure, error) {
	if !isPart(prefix, protocol.MaxKey) {
		return Erasure{}, refuseBecause(CodeInvalidRequest, "the prefix is longer than a key can be, or not UTF-8")
	}
	return h.eraser.erase(ctx, &erasure{Channel: channel, Target: ErasedStorage, Prefix: prefix})
}

// An ErasureQuery selects a page of the erasures.
type ErasureQuery struct {
	// After is the Next of the page before; "" for the first page.
	After string
	// Limit is 1 to 100. Defaults to 100.
	Limit int
}

// Erasures returns a page of the erasures that are not done, and of those that were done
// within the last hour after the call that began them had returned, in the order in which
// they were accepted. The error is an [*Error].
func (h *Handler) Erasures(ctx context.Context, q ErasureQuery) (Page[Erasure], error) {
	var out Page[Erasure]
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return out, err
	}
	if q.After != "" {
		if _, err := ulid.ParseStrict(q.After); err != nil {
			return out, refuseBecause(CodeInvalidRequest, "After must be the Next of the page before")
		}
	}
	entries, more, err := h.reads.storagePage(ctx, erasureChannel, q.After, nil, min(limit+1, wire.MaxPage+1))
	if err != nil {
		return out, asError(err)
	}
	if len(entries) > limit {
		entries, more = entries[:limit], true
	}
	for _, entry := range entries {
		if e := parseErasure(entry); e != nil {
			out.Items = append(out.Items, e.public())
		}
	}
	if more {
		out.Next = entries[len(entries)-1].Key
	}
	return out, nil
}
