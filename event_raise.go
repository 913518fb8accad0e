package hotsock

import (
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// This file raises the backend events, but for those of connections.

// subscribed raises the events of a new subscription.
func (e *emitter) subscribed(s *subscription, r *store.SubscribeResult) {
	if !e.on() {
		return
	}
	e.subscription(EventSubscribed, s.channel, s.conn.id, s.meta())
	if s.counted {
		e.channelCount(EventChannelUpdated, s.channel, r.Info.Count)
	}
	e.memberChanged(s.channel, r.Change)
}

// unsubscribed raises those of its end.
func (e *emitter) unsubscribed(end *store.SubscriptionEnd) {
	if !e.on() {
		return
	}
	e.subscription(EventUnsubscribed, end.Channel, end.Connection, store.Meta{UID: end.UID, UMD: end.UMD})
	if end.Counted {
		e.channelCount(EventChannelUpdated, end.Channel, end.Count)
	}
	e.memberChanged(end.Channel, end.Change)
	if end.Counted {
		e.occupancyChanged(end.Channel, end.Count+1, end.Count)
	}
}

// occupancyChanged raises the event of the first counted subscription of a channel, or
// of the end of the last one.
func (e *emitter) occupancyChanged(channel string, before, after int) {
	if e.on() && before == 0 && after > 0 {
		e.channelCount(EventChannelOccupied, channel, after)
	}
	if e.on() && before > 0 && after == 0 {
		e.channelCount(EventChannelVacated, channel, after)
	}
}

func (e *emitter) subscription(typ, channel, connection string, m store.Meta) {
	e.emit(typ, eventDataSubscription, EventMetadata{Channel: channel}, EventSubscriptionData{
		Channel: channel, ConnectionID: connection, UID: orNil(m.UID), UMD: orNull(m.UMD),
	})
}

func (e *emitter) channelCount(typ, channel string, count int) {
	e.emit(typ, eventDataChannel, EventMetadata{Channel: channel},
		EventChannelData{Name: channel, SubscriptionsCount: count})
}

func (e *emitter) memberChanged(channel string, p *store.PresenceChange) {
	if p == nil || !e.on() {
		return
	}
	typ := map[store.PresenceKind]string{
		store.MemberAdded:   EventMemberAdded,
		store.MemberUpdated: EventMemberUpdated,
		store.MemberRemoved: EventMemberRemoved,
	}[p.Kind]
	d := EventMemberData{UID: p.Member.UID, UMD: orNull(p.Member.UMD)}
	if p.Members != nil {
		d.Members = make([]EventMeta, 0, len(p.Members))
	}
	for _, m := range p.Members {
		d.Members = append(d.Members, eventMeta(store.Meta(m)))
	}
	e.emit(typ, eventDataMember, EventMetadata{Channel: channel}, d)
}

func (e *emitter) messagePublished(who *source, p *store.PublishRequest, id ulid.ULID) {
	if !e.on() {
		return
	}
	d := EventMessageData{Channel: p.Channel, Event: p.Event, ID: id.String(), Data: orNull(p.Data)}
	if p.Meta != nil {
		m := eventMeta(*p.Meta)
		d.Meta = &m
	}
	e.emit(EventMessagePublished, eventDataMessage, who.metadata(EventMetadata{Channel: p.Channel, Event: p.Event}), d)
}

func (e *emitter) messageEdited(who *source, r *store.EditRequest, out *store.EditResult) {
	if !e.on() {
		return
	}
	d := EventEditData{
		Channel: r.Channel, MessageID: r.Message.String(), ID: out.Notice.String(),
		Data: json.RawMessage("null"), Version: out.Version,
	}
	if !r.Delete {
		d.Data = orNull(r.Data)
	}
	if r.Notice.Meta != nil {
		m := eventMeta(*r.Notice.Meta)
		d.Meta = &m
	}
	typ := EventMessageUpdated
	if r.Delete {
		typ = EventMessageDeleted
	}
	e.emit(typ, eventDataEdit, who.metadata(EventMetadata{Channel: r.Channel}), d)
}

func (e *emitter) storageUpdated(who *source, channel, key string, m store.Meta, r *store.SetResult) {
	if !e.on() {
		return
	}
	d := EventStorageData{
		Channel: channel, Key: key,
		Data:         orNull(r.Entry.Value),
		DataPrevious: json.RawMessage("null"),
		ExpiresAt:    orNever(r.Entry.Expires),
		Meta:         eventMeta(m),
	}
	if r.Previous != nil {
		d.DataPrevious = orNull(r.Previous.Value)
	}
	w := who.metadata(EventMetadata{Channel: channel, Key: key})
	w.RequestID = ""
	e.emit(EventChannelStorageUpdated, eventDataStorage, w, d)
}

func (e *emitter) entryExpired(entry *store.Entry) {
	if !e.on() {
		return
	}
	who := sourceOf(entry.Origin)
	w := who.metadata(EventMetadata{Channel: entry.Channel, Key: entry.Key})
	w.RequestID = ""
	e.emit(EventChannelStorageUpdated, eventDataStorage, w, EventStorageData{
		Channel: entry.Channel, Key: entry.Key,
		Data:         json.RawMessage("null"),
		DataPrevious: orNull(entry.Value),
		Expired:      true,
		ExpiresAt:    orNever(entry.Expires),
		Meta:         eventMeta(entry.Meta),
	})
}

func (e *emitter) reactionChanged(typ, channel string, r *store.ReactResult) {
	if !e.on() {
		return
	}
	re := &r.Reaction
	// The event tells of the request that added the reaction, also when it is
	// removed.
	who := sourceOf(re.Origin)
	e.emit(typ, eventDataReaction, who.metadata(EventMetadata{Channel: channel, Reaction: re.Reaction}), EventReactionData{
		Channel: channel, MessageID: re.Message.String(), ID: re.ID.String(), Reaction: re.Reaction,
		UID: re.UID, UMD: orNull(re.UMD), CreatedAt: re.Created.UTC(), ExpiresAt: orNever(r.Expires),
	})
}

func eventMeta(m store.Meta) EventMeta { return EventMeta{UID: orNil(m.UID), UMD: orNull(m.UMD)} }

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orNull(b []byte) json.RawMessage {
	if b == nil {
		return json.RawMessage("null")
	}
	return b
}

func orNever(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
