package hotsock

import (
	"context"
	"encoding/json"
	"time"
)

// Version of the library, as events and requests carry it.
const Version = "0.2.0"

// An EventSink receives what happens inside (docs/protocol.md#15-backend-events).
type EventSink interface {
	// HandleEvent is called with one event at a time, in the order in which
	// they happened on this node, by one goroutine. Each event is raised on one
	// node only. Events wait in a queue: if the sink falls behind by more than
	// 16384, new ones are dropped and counted in the log, so that the sink never
	// slows anything down. An event is handed out once: errors and panics are
	// logged, and nothing is repeated. When the handler is shut down, queued
	// events are handed out within Options.StoreTimeout; then ctx ends, and the
	// rest is lost and counted in the log.
	HandleEvent(ctx context.Context, e Event) error
}

// EventSinkFunc makes a function an [EventSink].
type EventSinkFunc func(ctx context.Context, e Event) error

// HandleEvent calls f.
func (f EventSinkFunc) HandleEvent(ctx context.Context, e Event) error { return f(ctx, e) }

// An Event is something that happened. Its JSON has the form that Hotsock
// defines, and an id at its end. Do not modify what it refers to, because several
// sinks may have it.
type Event struct {
	// Source is "hotsock.v1".
	Source string `json:"source"`
	// Type is [EventConnected] or another of these constants.
	Type     string        `json:"type"`
	Metadata EventMetadata `json:"metadata"`
	// Data is one of the Event…Data types, as DataType says.
	Data any `json:"data"`
	// DataType is "connection", "subscription", "channel", "message", "messageEdit",
	// "channelStorage", "messageReaction" or "channelMember".
	DataType string `json:"dataType"`
	// ID is a ULID, different for each event. A receiver that may get an event
	// twice, for instance after a retry, recognises it by its ID. The ID also
	// tells when the event happened.
	ID string `json:"id"`
}

// UnmarshalJSON sets Data to what the event's sink was given: the Event…Data type
// that DataType names, by value. If this version does not know the DataType, Data
// is the [json.RawMessage].
func (e *Event) UnmarshalJSON(text []byte) error {
	type plain Event // without this method
	var p struct {
		plain

		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	data := orNull(p.Data)
	var err error
	switch p.DataType {
	case eventDataConnection:
		p.plain.Data, err = decodeEventData[EventConnectionData](data)
	case eventDataSubscription:
		p.plain.Data, err = decodeEventData[EventSubscriptionData](data)
	case eventDataChannel:
		p.plain.Data, err = decodeEventData[EventChannelData](data)
	case eventDataMessage:
		p.plain.Data, err = decodeEventData[EventMessageData](data)
	case eventDataEdit:
		p.plain.Data, err = decodeEventData[EventEditData](data)
	case eventDataStorage:
		p.plain.Data, err = decodeEventData[EventStorageData](data)
	case eventDataReaction:
		p.plain.Data, err = decodeEventData[EventReactionData](data)
	case eventDataMember:
		p.plain.Data, err = decodeEventData[EventMemberData](data)
	default:
		p.plain.Data = data
	}
	if err != nil {
		return err
	}
	*e = Event(p.plain)
	return nil
}

func decodeEventData[T any](text []byte) (data T, err error) {
	err = json.Unmarshal(text, &data)
	return data, err
}

// EventMetadata says where an event comes from. Fields that do not apply are "".
type EventMetadata struct {
	Channel        string `json:"channel,omitempty"`
	ConnectionID   string `json:"connectionId,omitempty"`
	Event          string `json:"event,omitempty"`
	HotsockVersion string `json:"hotsockVersion"`
	Key            string `json:"key,omitempty"`
	Reaction       string `json:"reaction,omitempty"`
	RequestID      string `json:"requestId,omitempty"`
	SourceIP       string `json:"sourceIp,omitempty"`
	// Trigger is "client.websocket", "client.http", "server.http" or
	// "server.go".
	Trigger   string `json:"trigger,omitempty"`
	UserAgent string `json:"userAgent,omitempty"`
}

// EventConnectionData is the Data of [EventConnected], [EventDisconnected] and
// [EventConnectionUpdated].
type EventConnectionData struct {
	ID             string          `json:"id"`
	ConnectedAt    time.Time       `json:"connectedAt"`
	DisconnectedAt *time.Time      `json:"disconnectedAt"`
	KeepAlive      bool            `json:"keepAlive"`
	SourceIP       *string         `json:"sourceIp"`
	UID            *string         `json:"uid"`
	UMD            json.RawMessage `json:"umd"`
	UserAgent      *string         `json:"userAgent"`
}

// EventSubscriptionData is the Data of [EventSubscribed] and [EventUnsubscribed].
type EventSubscriptionData struct {
	Channel      string          `json:"channel"`
	ConnectionID string          `json:"connectionId"`
	UID          *string         `json:"uid"`
	UMD          json.RawMessage `json:"umd"`
}

// EventChannelData is the Data of [EventChannelUpdated], [EventChannelOccupied] and
// [EventChannelVacated].
type EventChannelData struct {
	Name               string `json:"name"`
	SubscriptionsCount int    `json:"subscriptionsCount"`
}

// EventMessageData is the Data of [EventMessagePublished].
type EventMessageData struct {
	Channel string          `json:"channel"`
	Event   string          `json:"event"`
	ID      string          `json:"id"`
	Data    json.RawMessage `json:"data"`
	// Meta is nil if the server published it.
	Meta *EventMeta `json:"meta,omitempty"`
}

// EventEditData is the Data of [EventMessageUpdated] and [EventMessageDeleted].
type EventEditData struct {
	Channel   string `json:"channel"`
	MessageID string `json:"messageId"`
	// ID is a ULID that tells when the message was edited. The edits of a message are in
	// the order of their IDs.
	ID string `json:"id"`
	// Data is the new one, and null after a deletion.
	Data json.RawMessage `json:"data"`
	// Version is the new one, and 0 after a deletion.
	Version int64 `json:"version,omitempty"`
	// Meta is nil if the server edited it. It is not the sender of the message, unless
	// that one has edited it.
	Meta *EventMeta `json:"meta,omitempty"`
}

// EventMeta is who did something.
type EventMeta struct {
	UID *string         `json:"uid"`
	UMD json.RawMessage `json:"umd"`
}

// EventStorageData is the Data of [EventChannelStorageUpdated].
type EventStorageData struct {
	Channel string `json:"channel"`
	Key     string `json:"key"`
	// Data is null after a clear and after an expiry.
	Data         json.RawMessage `json:"data"`
	DataPrevious json.RawMessage `json:"dataPrevious"`
	Expired      bool            `json:"expired"`
	ExpiresAt    *time.Time      `json:"expiresAt"`
	Meta         EventMeta       `json:"meta"`
}

// EventReactionData is the Data of [EventMessageReactionAdded] and
// [EventMessageReactionRemoved].
type EventReactionData struct {
	Channel   string `json:"channel"`
	MessageID string `json:"messageId"`
	// ID is that of the reaction: the same when it is removed as when it was
	// added.
	ID        string          `json:"id"`
	Reaction  string          `json:"reaction"`
	UID       string          `json:"uid"`
	UMD       json.RawMessage `json:"umd"`
	CreatedAt time.Time       `json:"createdAt"`
	ExpiresAt *time.Time      `json:"expiresAt"`
}

// EventMemberData is the Data of [EventMemberAdded], [EventMemberUpdated] and
// [EventMemberRemoved].
type EventMemberData struct {
	UID string          `json:"uid"`
	UMD json.RawMessage `json:"umd"`
	// Members are all after the change, nil (null in JSON) if their list is longer
	// than [Options.MaxMembersSize].
	Members []EventMeta `json:"members"`
}
