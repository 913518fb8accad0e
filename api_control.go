package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

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
	limited := newLazyTimeout(ctx, h.opts.StoreTimeout)
	defer limited.end()
	if err := validateChannel(channel); err != nil {
		return ChannelInfo{}, err
	}
	info, err := h.node.Channel(limited, channel)
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
	// Version is another one after each change of Data, and never the same again. It is
	// for [Entry.IfVersion].
	Version string
}

// A StorageQuery selects a page of the entries of a channel's storage.
type StorageQuery struct {
	Channel string
	// Keys are those of the entries that are wanted; none means all.
	Keys []string
	// After is a key, exclusive; "" for the first page.
	After string
	// Limit is 1 to 100. Defaults to 100.
	Limit int
}

// Storage returns a page of the entries of a channel, sorted by key. Keys without
// an entry are left out. The error is an [*Error].
func (h *Handler) Storage(ctx context.Context, q StorageQuery) (Page[StoredEntry], error) {
	var out Page[StoredEntry]
	if err := validateChannel(q.Channel); err != nil {
		return out, err
	}
	for _, key := range q.Keys {
		if err := validateKey(key); err != nil {
			return out, err
		}
	}
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return out, err
	}
	entries, more, err := h.reads.storagePage(ctx, q.Channel, q.After, q.Keys, limit+1) // one to see if there are more
	if err != nil {
		return out, asError(err)
	}
	if len(entries) > limit {
		entries, more = entries[:limit], true
	}
	for _, e := range entries {
		out.Items = append(out.Items, toStoredEntry(e))
	}
	if more {
		out.Next = out.Items[len(out.Items)-1].Key
	}
	return out, nil
}

// A ReactionsQuery selects a page of the reactions to a message.
type ReactionsQuery struct {
	Channel   string
	MessageID string
	// After is the ID of a [MessageReaction], exclusive; "" for the first page.
	After string
	// Limit is 1 to 100. Defaults to 100.
	Limit int
}

// A MessageReaction is a user's reaction to a message.
type MessageReaction struct {
	ID       string
	Reaction string
	By       Member
	Created  time.Time
}

// Reactions returns a page of the reactions to a stored message, in the order in
// which they were added. The error is an [*Error].
func (h *Handler) Reactions(ctx context.Context, q ReactionsQuery) (Page[MessageReaction], error) {
	var out Page[MessageReaction]
	if err := validateChannel(q.Channel); err != nil {
		return out, err
	}
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return out, err
	}
	r := store.ReactionsRequest{Channel: q.Channel, Limit: limit}
	if r.Message, err = ulid.ParseStrict(q.MessageID); err != nil {
		return out, refuse(CodeMessageNotFound)
	}
	if q.After != "" {
		if r.After, err = ulid.ParseStrict(q.After); err != nil {
			return out, refuseBecause(CodeInvalidRequest, "After must be the id of a reaction")
		}
	}
	page, err := h.reads.reactions(ctx, r)
	if err != nil {
		return out, asError(err)
	}
	for _, re := range page.Reactions {
		out.Items = append(out.Items, MessageReaction{
			ID: re.ID.String(), Reaction: re.Reaction, By: Member{UID: re.UID, UMD: re.UMD}, Created: re.Created,
		})
	}
	if page.More && len(out.Items) > 0 {
		out.Next = out.Items[len(out.Items)-1].ID
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

// A ScheduleQuery selects a page of the schedules that are pending.
type ScheduleQuery struct {
	// Channel is the one whose schedules are wanted; "" means all channels.
	Channel string
	// After is the Next of the page before; "" for the first page.
	After string
	// Limit is 1 to 100. Defaults to 100.
	Limit int
}

// Schedules returns a page of what is due, sorted by due time. The error is an
// [*Error].
func (h *Handler) Schedules(ctx context.Context, q ScheduleQuery) (Page[Schedule], error) {
	var out Page[Schedule]
	if q.Channel != "" {
		if err := validateChannel(q.Channel); err != nil {
			return out, err
		}
	}
	limit, err := pageLimit(q.Limit)
	if err != nil {
		return out, err
	}
	sq := store.SchedulesRequest{Channel: q.Channel, Limit: limit + 1} // one to see if there are more
	if q.After != "" {
		var ok bool
		if sq.AfterDue, sq.AfterID, ok = wire.ParseScheduleCursor(q.After); !ok {
			return out, refuseBecause(CodeInvalidRequest, "After must be the Next of the page before")
		}
	}
	limited := newLazyTimeout(ctx, h.opts.StoreTimeout)
	defer limited.end()
	page, err := h.opts.Scheduler.Schedules(limited, sq)
	if err != nil {
		return out, asError(err)
	}
	if len(page.Schedules) > limit {
		page.Schedules, page.More = page.Schedules[:limit], true
	}
	if page.More {
		last := page.Schedules[len(page.Schedules)-1]
		out.Next = wire.ScheduleCursor(last.Due, last.ID)
	}
	for _, s := range page.Schedules {
		o := Schedule{
			ARN: wire.ScheduleARN(s.Group, s.ID), Due: s.Due, Channel: s.Channel(), UID: s.UID, ConnectionID: s.Connection,
		}
		if s.Publish != nil {
			o.Event, o.Data = s.Publish.Event, s.Publish.Data
		} else {
			o.Event, o.Key, o.Data = wire.EventChannelStorageSet, s.Set.Key, s.Set.Value
		}
		out.Items = append(out.Items, o)
	}
	return out, nil
}

// CancelSchedule cancels a schedule: when it returns without error, it will
// not be carried out. The error is an [*Error], with [CodeScheduleNotFound] if
// it was carried out or cancelled already.
func (h *Handler) CancelSchedule(ctx context.Context, arn string) error {
	return h.writes.onSchedule(ctx, arn, func(ctx context.Context, group string, id ulid.ULID) error {
		return h.opts.Scheduler.Cancel(ctx, group, id)
	})
}

// MoveSchedule changes when a schedule is due. With a time that has passed, it is
// carried out at once. Errors are those of CancelSchedule, and
// [CodeInvalidScheduleExpression] for a time not in the years 1970 to 2261.
func (h *Handler) MoveSchedule(ctx context.Context, arn string, due time.Time) error {
	if err := validateDue(due); err != nil {
		return err
	}
	return h.writes.onSchedule(ctx, arn, func(ctx context.Context, group string, id ulid.ULID) error {
		return h.opts.Scheduler.Move(ctx, group, id, due)
	})
}

func (sw *storeWriter) onSchedule(ctx context.Context, arn string, f func(ctx context.Context, group string, id ulid.ULID) error) error {
	group, id, ok := wire.ParseScheduleARN(arn)
	if !ok {
		return refuse(CodeScheduleNotFound)
	}
	limited := newLazyTimeout(ctx, sw.opts.StoreTimeout)
	defer limited.end()
	err := f(limited, group, id)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(CodeScheduleNotFound)
	}
	return hostError(err)
}

// Disconnect closes a connection, on whichever node it is, and returns whether there was
// one. The client comes back with a new token if it can get one, unless [StayAway] is
// given; [Because] says what its user is told. The codes are 1012 and 4403. A connection
// that this node holds is closed also if the store is away. The error is an [*Error],
// with [CodeUnavailable] if the other node did not answer: then the connection may be
// closed nevertheless. A node of 0.2 closes with 1008 and its own reason.
func (h *Handler) Disconnect(ctx context.Context, connectionID string, how ...EndOption) (bool, error) {
	e, err := newEndNotice(how)
	if err != nil {
		return false, err
	}
	node, ok := nodeOf(connectionID)
	if !ok {
		return false, nil
	}
	a, err := h.peers.ask(ctx, node, &peerRequest{Op: peerDisconnect, Connection: connectionID, Reason: e.reason, StayAway: e.stayAway})
	if errors.Is(err, store.ErrNoPeer) {
		return false, nil
	}
	if err != nil {
		return false, asError(err)
	}
	return a.Count > 0, nil
}

// DisconnectUser closes all connections of a user as [Handler.Disconnect] does, and
// returns how many there were. The user can connect again with a token that is still
// valid, unless [Handler.Revoke] has it refused. If some nodes did not answer, the error
// says so, and the count is that of the others; those may carry it out nevertheless.
func (h *Handler) DisconnectUser(ctx context.Context, uid string, how ...EndOption) (int, error) {
	e, err := newEndNotice(how)
	if err != nil {
		return 0, err
	}
	if uid == "" {
		return 0, refuseBecause(CodeInvalidRequest, "the user id is empty")
	}
	n, err := h.peers.askAll(ctx, &peerRequest{Op: peerDisconnect, UID: uid, Reason: e.reason, StayAway: e.stayAway})
	return n, hostError(err)
}

// UnsubscribeUser ends a user's subscriptions to a channel, also those of connections
// that are this user only there, by a subscribe token. It returns how many there were.
// Their clients get hotsock.unsubscribed, with the reason that [Because] gives. If some
// nodes did not answer, the error says so, and the count is that of the others; those may
// carry it out nevertheless.
func (h *Handler) UnsubscribeUser(ctx context.Context, uid, channel string, how ...EndOption) (int, error) {
	e, err := newEndNotice(how)
	if err != nil {
		return 0, err
	}
	if uid == "" || !protocol.ValidChannel(channel) {
		return 0, refuseBecause(CodeInvalidRequest, "the user id is empty or the channel invalid")
	}
	n, err := h.peers.askAll(ctx, &peerRequest{Op: peerUnsubscribe, UID: uid, Channel: channel, Reason: e.reason})
	return n, hostError(err)
}
