package hotsock

import (
	"encoding/json"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// This file turns what happened into backend events.

// subscribedEvents are those of a new subscription.
func (h *Handler) subscribedEvents(s *subscription, r *store.SubscribeResult) {
	if !h.events.on() {
		return
	}
	h.subscriptionEvent(EventSubscribed, s.channel, s.conn.id, s.meta())
	if s.counted {
		h.channelEvent(s.channel, r.Info.Count)
	}
	h.presenceEvent(s.channel, r.Change)
}

// unsubscribedEvents are those of its end.
func (h *Handler) unsubscribedEvents(e *store.SubscriptionEnd) {
	if !h.events.on() {
		return
	}
	h.subscriptionEvent(EventUnsubscribed, e.Channel, e.Connection, store.Meta{UID: e.UID, UMD: e.UMD})
	if e.Counted {
		h.channelEvent(e.Channel, e.Count)
	}
	h.presenceEvent(e.Channel, e.Change)
}

func (h *Handler) subscriptionEvent(typ, channel, connection string, m store.Meta) {
	h.events.emit(typ, eventDataSubscription, EventMetadata{Channel: channel}, EventSubscriptionData{
		Channel: channel, ConnectionID: connection, UID: orNil(m.UID), UMD: orNull(m.UMD),
	})
}

func (h *Handler) channelEvent(channel string, count int) {
	h.events.emit(EventChannelUpdated, eventDataChannel, EventMetadata{Channel: channel},
		EventChannelData{Name: channel, SubscriptionsCount: count})
}

func (h *Handler) presenceEvent(channel string, p *store.PresenceChange) {
	if p == nil || !h.events.on() {
		return
	}
	typ := map[store.PresenceKind]string{
		store.MemberAdded:   EventMemberAdded,
		store.MemberUpdated: EventMemberUpdated,
		store.MemberRemoved: EventMemberRemoved,
	}[p.Kind]
	d := EventMemberData{UID: p.Member.UID, UMD: orNull(p.Member.UMD), Members: []EventMeta{}}
	for _, m := range p.Members {
		d.Members = append(d.Members, eventMeta(store.Meta(m)))
	}
	h.events.emit(typ, eventDataMember, EventMetadata{Channel: channel}, d)
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
