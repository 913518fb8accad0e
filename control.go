package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/pattern"
	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A Member is a user on a presence channel, or the author of something. UID is
// "" for the server, UMD is nil for null.
type Member struct {
	UID string
	UMD json.RawMessage
}

// ChannelInfo describes a channel.
type ChannelInfo struct {
	// SubscriptionsCount counts subscriptions on all nodes, except those whose
	// token says "omitFromSubCount".
	SubscriptionsCount int
	// Members of a presence channel, in order of joining.
	Members []Member
}

// ChannelInfo returns how many subscriptions a channel has, and its members. An
// unknown channel has none. The error is an [*Error].
func (h *Handler) ChannelInfo(ctx context.Context, channel string) (ChannelInfo, error) {
	ctx, cancel := h.storeContext(ctx)
	defer cancel()
	if !protocol.ValidChannel(channel) {
		return ChannelInfo{}, refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	info, err := h.node.Channel(ctx, channel)
	if err != nil {
		return ChannelInfo{}, asError(err)
	}
	out := ChannelInfo{SubscriptionsCount: info.Count}
	for _, m := range info.Members {
		out.Members = append(out.Members, Member{UID: m.UID, UMD: m.UMD})
	}
	return out, nil
}

// A StoredEntry is an entry of a channel's storage.
type StoredEntry struct {
	Key  string
	Data json.RawMessage
	// By is who wrote it.
	By Member
	// Expires is zero for never.
	Expires time.Time
}

// Storage returns the entries of a channel with the given keys, however many, or
// with no keys the first 100, or fewer if they are longer than 1 MiB, whose keys
// sort after the one given. They are sorted by key, and missing ones are left out.
// The error is an [*Error].
func (h *Handler) Storage(ctx context.Context, channel, after string, keys ...string) ([]StoredEntry, error) {
	if !protocol.ValidChannel(channel) {
		return nil, refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	if slices.ContainsFunc(keys, func(key string) bool { return !protocol.ValidKey(key) }) {
		return nil, refuseBecause(CodeInvalidRequest, invalidKey)
	}
	var entries []*store.Entry
	var err error
	if len(keys) == 0 {
		entries, _, err = h.storagePage(ctx, channel, after, nil)
	} else {
		keys = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(keys))), func(key string) bool { return key <= after })
		err = h.entries(ctx, channel, keys, func(e *store.Entry) bool {
			entries = append(entries, e)
			return true
		})
	}
	if err != nil {
		return nil, asError(err)
	}
	var out []StoredEntry
	for _, e := range entries {
		out = append(out, StoredEntry{
			Key: e.Key, Data: e.Value, By: Member{UID: e.Meta.UID, UMD: e.Meta.UMD}, Expires: e.Expires,
		})
	}
	return out, nil
}

// storagePage returns a page of all entries, or of those with the given keys.
func (h *Handler) storagePage(ctx context.Context, channel, after string, keys []string) (page []*store.Entry, more bool, err error) {
	ranges := []pattern.Range{{Prefix: true}}
	if len(keys) > 0 {
		ranges = namedRanges(keys)
	}
	scan := h.scan(channel, ranges, nil)
	scan.after = after
	return h.listEntries(ctx, scan)
}

// A HistoryQuery selects a page of a channel's history.
type HistoryQuery struct {
	Channel string
	// After and Before are ids of messages, exclusive; "" for none.
	After, Before string
	// Reverse lists from the newest to the oldest.
	Reverse bool
}

// A HistoryMessage is a stored message.
type HistoryMessage struct {
	ID      string
	Channel string
	Event   string
	Data    json.RawMessage
	// By is who sent it, nil if the server did.
	By *Member
	// Expires is zero for never.
	Expires time.Time
	// ReactionCounts tells how many users have each reaction.
	ReactionCounts map[string]int
	// Reactions has, by the same texts, the first 20 of the message with their
	// users, in the order in which they reacted. [Handler.Reactions] has all.
	Reactions map[string][]Member
}

// History returns a page of up to 100 stored messages; if it has fewer, there are
// no more. The error is an [*Error].
func (h *Handler) History(ctx context.Context, q HistoryQuery) ([]HistoryMessage, error) {
	if !protocol.ValidChannel(q.Channel) {
		return nil, refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	hq := historyQuery{channel: q.Channel, reverse: q.Reverse, maxBytes: math.MaxInt, reactors: maxReactors}
	for text, id := range map[string]*ulid.ULID{q.After: &hq.oldest, q.Before: &hq.before} {
		if text == "" {
			continue
		}
		parsed, err := ulid.ParseStrict(text)
		if err != nil {
			return nil, refuseBecause(CodeInvalidRequest, "After and Before must be ids of messages")
		}
		*id = parsed
	}
	page, tallies, err := h.history(ctx, hq)
	if err != nil {
		return nil, asError(err)
	}
	var out []HistoryMessage
	for i, m := range page.Messages {
		t := tallies[i]
		hm := HistoryMessage{ID: m.ID.String(), Channel: m.Channel, Event: m.Event, Data: m.Data, Expires: m.Expires}
		if m.Meta != nil {
			hm.By = &Member{UID: m.Meta.UID, UMD: m.Meta.UMD}
		}
		if len(t.Counts) > 0 {
			hm.ReactionCounts, hm.Reactions = make(map[string]int), make(map[string][]Member)
		}
		for _, c := range t.Counts {
			hm.ReactionCounts[c.Reaction] = c.Count
		}
		for _, r := range t.Reactions {
			hm.Reactions[r.Reaction] = append(hm.Reactions[r.Reaction], Member{UID: r.UID, UMD: r.UMD})
		}
		out = append(out, hm)
	}
	return out, nil
}

// A ReactionsQuery selects a page of the reactions to a message.
type ReactionsQuery struct {
	Channel   string
	MessageID string
	// After is the ID of a [MessageReaction], exclusive; "" for none.
	After string
}

// A MessageReaction is a user's reaction to a message.
type MessageReaction struct {
	ID       string
	Reaction string
	By       Member
	Created  time.Time
}

// Reactions returns a page of up to 100 reactions to a stored message, in the
// order in which they were added. A page that is not empty need not be the last,
// even if it has fewer. The error is an [*Error].
func (h *Handler) Reactions(ctx context.Context, q ReactionsQuery) ([]MessageReaction, error) {
	if !protocol.ValidChannel(q.Channel) {
		return nil, refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	r := store.ReactionsRequest{Channel: q.Channel, Limit: wire.MaxPage}
	var err error
	if r.Message, err = ulid.ParseStrict(q.MessageID); err != nil {
		return nil, refuse(CodeMessageNotFound)
	}
	if q.After != "" {
		if r.After, err = ulid.ParseStrict(q.After); err != nil {
			return nil, refuseBecause(CodeInvalidRequest, "After must be the id of a reaction")
		}
	}
	page, err := h.reactions(ctx, r)
	if err != nil {
		return nil, asError(err)
	}
	var out []MessageReaction
	for _, re := range page.Reactions {
		out = append(out, MessageReaction{
			ID: re.ID.String(), Reaction: re.Reaction, By: Member{UID: re.UID, UMD: re.UMD}, Created: re.Created,
		})
	}
	return out, nil
}

// A Schedule is something that will be done.
type Schedule struct {
	// ARN names it, for [Handler.CancelSchedule].
	ARN     string
	Due     time.Time
	Channel string
	// Event of the message, or "hotsock.channelStorageSet" for a storage entry
	// and its Key.
	Event string
	Key   string
	Data  json.RawMessage
	// UID and ConnectionID of the client that made it, "" for the server.
	UID          string
	ConnectionID string
}

// Schedules lists what is due on a channel, or with "" on all channels, by due
// time: up to limit, which is at least 1, after the one given or from the first
// with nil. The error is an [*Error].
func (h *Handler) Schedules(ctx context.Context, channel string, after *Schedule, limit int) ([]Schedule, error) {
	if channel != "" && !protocol.ValidChannel(channel) {
		return nil, refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	q := store.ScheduleQuery{Channel: channel, Limit: limit}
	if after != nil {
		_, id, ok := wire.ParseScheduleARN(after.ARN)
		if !ok {
			return nil, refuse(CodeScheduleNotFound)
		}
		q.AfterDue, q.AfterID = after.Due, id
	}
	if limit < 1 {
		return nil, refuseBecause(CodeInvalidRequest, "limit must be positive")
	}
	ctx, cancel := h.storeContext(ctx)
	defer cancel()
	list, err := h.opts.Scheduler.Schedules(ctx, q)
	if err != nil {
		return nil, asError(err)
	}
	var out []Schedule
	for _, s := range list {
		o := Schedule{
			ARN: wire.ScheduleARN(s.Group, s.ID), Due: s.Due, Channel: s.Channel(), UID: s.UID, ConnectionID: s.Connection,
		}
		if s.Publish != nil {
			o.Event, o.Data = s.Publish.Event, s.Publish.Data
		} else {
			o.Event, o.Key, o.Data = wire.EventChannelStorageSet, s.Set.Key, s.Set.Value
		}
		out = append(out, o)
	}
	return out, nil
}

// CancelSchedule cancels a schedule: when it returns without error, it will
// not be carried out. The error is an [*Error], with [CodeScheduleNotFound] if
// it was carried out or cancelled already.
func (h *Handler) CancelSchedule(ctx context.Context, arn string) error {
	return h.onSchedule(ctx, arn, func(ctx context.Context, group string, id ulid.ULID) error {
		return h.opts.Scheduler.Cancel(ctx, group, id)
	})
}

// MoveSchedule changes when a schedule is due. With a time that has passed, it is
// carried out at once. Errors are those of CancelSchedule, and
// [CodeInvalidScheduleExpression] for a time not in the years 1970 to 2261.
func (h *Handler) MoveSchedule(ctx context.Context, arn string, due time.Time) error {
	if err := checkDue(due); err != nil {
		return err
	}
	return h.onSchedule(ctx, arn, func(ctx context.Context, group string, id ulid.ULID) error {
		return h.opts.Scheduler.Move(ctx, group, id, due)
	})
}

func (h *Handler) onSchedule(ctx context.Context, arn string, f func(ctx context.Context, group string, id ulid.ULID) error) error {
	group, id, ok := wire.ParseScheduleARN(arn)
	if !ok {
		return refuse(CodeScheduleNotFound)
	}
	ctx, cancel := h.storeContext(ctx)
	defer cancel()
	err := f(ctx, group, id)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(CodeScheduleNotFound)
	}
	return h.told(err)
}

// Disconnect closes a connection, on whichever node it is, with status 1008. It
// returns whether there was one. A connection that this node holds is closed also
// if the store is away. The error is an [*Error], with [CodeUnavailable] if the
// other node did not answer: then the connection may be closed nevertheless.
func (h *Handler) Disconnect(ctx context.Context, connectionID string) (bool, error) {
	node, ok := nodeOf(connectionID)
	if !ok {
		return false, nil
	}
	a, err := h.askPeer(ctx, node, &peerRequest{Op: peerDisconnect, Connection: connectionID})
	if errors.Is(err, store.ErrNoPeer) {
		return false, nil
	}
	if err != nil {
		return false, asError(err)
	}
	return a.Count > 0, nil
}

// DisconnectUser closes all connections of a user, and returns how many there
// were. The user can connect again with a token that is still valid. If some
// nodes did not answer, the error says so, and the count is that of the others;
// those may carry it out nevertheless.
func (h *Handler) DisconnectUser(ctx context.Context, uid string) (int, error) {
	if uid == "" {
		return 0, refuseBecause(CodeInvalidRequest, "the user id is empty")
	}
	n, err := h.askAll(ctx, &peerRequest{Op: peerDisconnect, UID: uid})
	return n, h.told(err)
}

// UnsubscribeUser ends a user's subscriptions to a channel, also those of
// connections that are this user only there, by a subscribe token. It returns
// how many there were. Their clients get hotsock.unsubscribed. If some nodes did
// not answer, the error says so, and the count is that of the others; those may
// carry it out nevertheless.
func (h *Handler) UnsubscribeUser(ctx context.Context, uid, channel string) (int, error) {
	if uid == "" || !protocol.ValidChannel(channel) {
		return 0, refuseBecause(CodeInvalidRequest, "the user id is empty or the channel invalid")
	}
	n, err := h.askAll(ctx, &peerRequest{Op: peerUnsubscribe, UID: uid, Channel: channel})
	return n, h.told(err)
}
