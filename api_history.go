package hotsock

import (
	"context"
	"encoding/json"
	"math"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// A HistoryQuery selects a page of a channel's history.
type HistoryQuery struct {
	Channel string
	// After and Before are ids of messages, exclusive; "" for none.
	After, Before string
	// Reverse lists from the newest to the oldest.
	Reverse bool
	// Event is that of the messages that are wanted; "" means all. A page then looks
	// through up to 4 MiB of messages, so it may have few of them, even none, and a
	// Next.
	Event string
	// Limit is 1 to 100. Defaults to 100.
	Limit int
}

// A HistoryMessage is a stored message.
type HistoryMessage struct {
	ID      string
	Channel string
	Event   string
	Data    json.RawMessage
	// Version is 1 for a message as it was published, and 1 more with each update;
	// Updated is when the last one was, zero for never.
	Version int64
	Updated time.Time
	// Stream is nil for a message that is none: see [Handler.Stream].
	Stream *StreamState
	// By is who sent it, nil if the server did.
	By *Member
	// Origin is how it came to be. Clients are never told.
	Origin MessageOrigin
	// Expires is zero for never.
	Expires time.Time
	// ReactionCounts tells how many users have each reaction.
	ReactionCounts map[string]int
	// Reactions has, by the same texts, the first 20 of the message with their
	// users, in the order in which they reacted. [Handler.Reactions] has all.
	Reactions map[string][]Member
}

// History returns a page of stored messages, from the oldest to the newest. The
// error is an [*Error].
func (h *Handler) History(ctx context.Context, q HistoryQuery) (Page[HistoryMessage], error) {
	var out Page[HistoryMessage]
	if err := validateChannel(q.Channel); err != nil {
		return out, err
	}
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return out, err
	}
	after, err := messageID("After", q.After)
	if err != nil {
		return out, err
	}
	before, err := messageID("Before", q.Before)
	if err != nil {
		return out, err
	}
	page, err := h.reads.history(ctx, historyQuery{
		channel: q.Channel, after: after, before: before, reverse: q.Reverse, event: q.Event,
		limit: limit, maxBytes: math.MaxInt, reactors: maxReactors,
	})
	if err != nil {
		return out, asError(err)
	}
	for i, m := range page.messages {
		hm := historyMessage(m)
		t := page.tallies[i]
		if len(t.Counts) > 0 {
			hm.ReactionCounts, hm.Reactions = make(map[string]int), make(map[string][]Member)
		}
		for _, c := range t.Counts {
			hm.ReactionCounts[c.Reaction] = c.Count
		}
		for _, r := range t.Reactions {
			hm.Reactions[r.Reaction] = append(hm.Reactions[r.Reaction], Member{UID: r.UID, UMD: r.UMD})
		}
		out.Items = append(out.Items, hm)
	}
	if page.more {
		out.Next = page.last.String()
	}
	return out, nil
}

func historyMessage(m *store.Message) HistoryMessage {
	hm := HistoryMessage{
		ID: m.ID.String(), Channel: m.Channel, Event: m.Event, Data: m.Data, Version: m.Version(), Origin: messageOrigin(m.Origin), Expires: m.Expires,
	}
	if m.Updates > 0 {
		hm.Updated = ulid.Time(m.Updated.Time()).UTC()
	}
	if m.Stream != nil {
		hm.Stream = new(StreamState)
		_ = json.Unmarshal(m.Stream, hm.Stream) // it is one of ours
	}
	if m.Meta != nil {
		hm.By = &Member{UID: m.Meta.UID, UMD: m.Meta.UMD}
	}
	return hm
}

// messageID reads an id that the app gives, "" for none.
func messageID(name, text string) (ulid.ULID, error) {
	if text == "" {
		return ulid.ULID{}, nil
	}
	id, err := ulid.ParseStrict(text)
	if err != nil {
		return id, refuseBecause(CodeInvalidRequest, name+" must be the id of a message")
	}
	return id, nil
}

// Latest returns the newest stored message of each of up to 1,000 channels, without
// reactions. Channels without a message are left out. With Redis, they are read side by
// side: a hundred channels share a few round trips. The error is an [*Error].
func (h *Handler) Latest(ctx context.Context, channels ...string) (map[string]HistoryMessage, error) {
	messages, err := h.reads.latest(ctx, channels)
	if err != nil {
		return nil, err
	}
	out := make(map[string]HistoryMessage, len(messages))
	for channel, m := range messages {
		out[channel] = historyMessage(m)
	}
	return out, nil
}

// CountSince counts the stored messages of up to 1,000 channels, each from after the
// message with the given id, "" for all of them: what a user has not read, if that is
// the last one that they have. A count of [MaxCount] means that there may be more. With
// Redis, a hundred channels share a few round trips. The error is an [*Error].
func (h *Handler) CountSince(ctx context.Context, after map[string]string) (map[string]int, error) {
	ids := make(map[string]ulid.ULID, len(after))
	for channel, text := range after {
		id, err := messageID("the value of "+channel, text)
		if err != nil {
			return nil, err
		}
		ids[channel] = id
	}
	return h.reads.countSince(ctx, ids)
}

// MaxCount is the most that [Handler.CountSince] counts on a channel.
const MaxCount = 1000
