package wire

import (
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// The bodies of the HTTP APIs. In each of them null stands for an absent
// member, an absent string is "", and required members are never empty. Types
// are checked, and nothing else unless the field says so: not whether a name
// is valid. Data is nil if it was absent, else compact JSON, null included; it
// may be a part of the body. Data longer than maxData bytes as sent is
// refused.

// MaxKeys is how many keys connection/channelStorageList may ask for.
const MaxKeys = 100

// A Schedule says when something is to be done, in the language of package at.
type Schedule struct {
	// Expression is "" for now.
	Expression string
	// Timezone is "" for UTC. It means nothing without an Expression.
	Timezone string
}

// A PublishMessage is the body of connection/publishMessage.
type PublishMessage struct {
	Channel  string // required
	Event    string // required
	Data     []byte
	EagerID  bool // eagerIdGeneration
	Schedule Schedule
	// DeduplicationID is "" if there is none. Its length is not checked.
	DeduplicationID string
}

// DecodePublishMessage reads the body of connection/publishMessage.
func DecodePublishMessage(body []byte, maxData int) (PublishMessage, error) {
	var m PublishMessage
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "channel":
			r.string(&m.Channel)
		case "event":
			r.string(&m.Event)
		case "data":
			r.data(&m.Data, maxData)
		case "eagerIdGeneration":
			r.bool(&m.EagerID)
		case "deduplicationId":
			r.string(&m.DeduplicationID)
		default:
			r.schedule(&m.Schedule)
		}
	}
	r.require("channel", m.Channel != "")
	r.require("event", m.Event != "")
	return m, r.close()
}

// A ListMessages is the body of connection/listMessages.
type ListMessages struct {
	Channel string // required
	// After and Before are zero for none.
	After, Before   ulid.ULID
	Reverse         bool
	ExpandReactions bool
	// Limit is 1 to [MaxPage], which is the default.
	Limit int
}

// DecodeListMessages reads the body of connection/listMessages.
func DecodeListMessages(body []byte) (ListMessages, error) {
	var m ListMessages
	var limit *int64
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "channel":
			r.string(&m.Channel)
		case "after":
			r.cursor(&m.After)
		case "before":
			r.id(&m.Before)
		case "reverse":
			r.bool(&m.Reverse)
		case "expandReactions":
			r.bool(&m.ExpandReactions)
		case "limit":
			r.integer(&limit, 1, MaxPage)
		}
	}
	if m.Limit = MaxPage; limit != nil {
		m.Limit = int(*limit)
	}
	r.require("channel", m.Channel != "")
	return m, r.close()
}

// A Reactions is the body of connection/listReactions.
type Reactions struct {
	Channel   string    // required
	MessageID ulid.ULID // required
	After     ulid.ULID // zero for none
}

// DecodeListReactions reads the body of connection/listReactions.
func DecodeListReactions(body []byte) (Reactions, error) {
	var m Reactions
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "channel":
			r.string(&m.Channel)
		case "messageId":
			r.id(&m.MessageID)
		case "after":
			r.cursor(&m.After)
		}
	}
	r.require("channel", m.Channel != "")
	r.require("messageId", !m.MessageID.IsZero())
	return m, r.close()
}

// A StorageGet is the body of connection/channelStorageGet.
type StorageGet struct {
	Channel     string // required
	Key         string // required
	WithVersion bool
}

// DecodeStorageGet reads the body of connection/channelStorageGet.
func DecodeStorageGet(body []byte) (StorageGet, error) {
	var m StorageGet
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "channel":
			r.string(&m.Channel)
		case "key":
			r.string(&m.Key)
		case "version":
			r.bool(&m.WithVersion)
		}
	}
	r.require("channel", m.Channel != "")
	r.require("key", m.Key != "")
	return m, r.close()
}

// A StorageSet is the body of connection/channelStorageSet, or of
// connection/channelStorageAdd.
type StorageSet struct {
	Channel  string // required
	Key      string // required
	Data     []byte
	Schedule Schedule
	// IfVersion is as in a [Command].
	IfVersion *ulid.ULID
}

// DecodeStorageSet reads such a body.
func DecodeStorageSet(body []byte, maxData int) (StorageSet, error) {
	var m StorageSet
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "channel":
			r.string(&m.Channel)
		case "key":
			r.string(&m.Key)
		case "data":
			r.data(&m.Data, maxData)
		case "ifVersion":
			r.condition(&m.IfVersion)
		default:
			r.schedule(&m.Schedule)
		}
	}
	r.require("channel", m.Channel != "")
	r.require("key", m.Key != "")
	return m, r.close()
}

// A StorageList is the body of connection/channelStorageList.
type StorageList struct {
	Channel string // required
	// Keys are at most MaxKeys; none were given if it is empty. The same key
	// may be there twice.
	Keys  []string
	After string
}

// DecodeStorageList reads the body of connection/channelStorageList.
func DecodeStorageList(body []byte) (StorageList, error) {
	var m StorageList
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "channel":
			r.string(&m.Channel)
		case "keys":
			r.strings(&m.Keys, MaxKeys)
		case "after":
			r.string(&m.After)
		}
	}
	r.require("channel", m.Channel != "")
	return m, r.close()
}

// DecodeChannelInfo reads the body of connection/getChannelInfo, and returns
// its channel, which is required.
func DecodeChannelInfo(body []byte) (channel string, err error) {
	r := open(body)
	for r.next() {
		if string(r.name) == "channel" {
			r.string(&channel)
		}
	}
	r.require("channel", channel != "")
	return channel, r.close()
}

// A UMDUpdate is the body of connection/umdUpdate.
type UMDUpdate struct {
	Channel string
	Token   string // required
}

// DecodeUMDUpdate reads the body of connection/umdUpdate.
func DecodeUMDUpdate(body []byte) (UMDUpdate, error) {
	var m UMDUpdate
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "channel":
			r.string(&m.Channel)
		case "token":
			r.string(&m.Token)
		}
	}
	r.require("token", m.Token != "")
	return m, r.close()
}

// DecodeCallBody reads the body of connection/call. Params longer than maxParams
// bytes as sent are refused.
func DecodeCallBody(body []byte, maxParams int) (Call, error) {
	var c Call
	r := open(body)
	for r.next() {
		if string(r.name) == "channel" {
			r.string(&c.Channel)
		}
		r.call(&c, maxParams)
	}
	r.require("method", c.Method != "")
	return c, r.close()
}

// DecodeCancelSchedule reads the body of connection/cancelSchedule, and
// returns the two parts of its scheduleArn, which is required.
func DecodeCancelSchedule(body []byte) (group string, id ulid.ULID, err error) {
	var arn string
	r := open(body)
	for r.next() {
		if string(r.name) == "scheduleArn" {
			r.string(&arn)
			var ok bool
			if group, id, ok = ParseScheduleARN(arn); !ok && arn != "" {
				r.fail("must be the ARN of a schedule")
			}
		}
	}
	r.require("scheduleArn", arn != "")
	return group, id, r.close()
}

// A ServerSubscribe is the body of the server API's subscribe.
type ServerSubscribe struct {
	ConnectionID, UID string // one is required
	Claims            []byte // JSON that is no null, nil for none
}

// DecodeServerSubscribe reads the body of the server API's subscribe.
func DecodeServerSubscribe(body []byte) (ServerSubscribe, error) {
	var s ServerSubscribe
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "connectionId":
			r.string(&s.ConnectionID)
		case "uid":
			r.string(&s.UID)
		case "claims":
			r.data(&s.Claims, len(body))
		}
	}
	r.require("uid", s.UID != "" || s.ConnectionID != "")
	if string(s.Claims) == "null" {
		s.Claims = nil
	}
	return s, r.close()
}

// A Publish is the body of the server API's publish.
type Publish struct {
	Channel         string // required
	Event           string // required
	Key             string
	Data            []byte
	DeduplicationID string
	EagerID         bool // eagerIdGeneration
	EmitPubSubEvent bool
	Schedule        Schedule
	// Store is nil if it was absent, else from -1 to protocol.MaxStore.
	Store *int64
	// UID and UMD are of the user in whose name it is done, "" and nil for the
	// server. UMD is nil for null, too.
	UID string
	UMD []byte
	// ExcludeConnection is the id of a connection that does not get the message.
	ExcludeConnection string
	// IfVersion is as in a [Command].
	IfVersion *ulid.ULID
}

// DecodePublish reads the body of the server API's publish.
func DecodePublish(body []byte, maxData int) (Publish, error) {
	var m Publish
	if c, ok := quick(body, maxData, &m.Store); ok && c.Channel != "" { // A ref means nothing here.
		m.Channel, m.Event, m.Key, m.Data, m.DeduplicationID = c.Channel, c.Event, c.Key, c.Data, c.DeduplicationID
		return m, nil
	}
	m = Publish{}
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "channel":
			r.string(&m.Channel)
		case "event":
			r.string(&m.Event)
		case "key":
			r.string(&m.Key)
		case "data":
			r.data(&m.Data, maxData)
		case "deduplicationId":
			r.string(&m.DeduplicationID)
		case "eagerIdGeneration":
			r.bool(&m.EagerID)
		case "emitPubSubEvent":
			r.bool(&m.EmitPubSubEvent)
		case "store":
			r.integer(&m.Store, -1, protocol.MaxStore)
		case "uid":
			r.string(&m.UID)
		case "umd":
			r.data(&m.UMD, maxData)
		case "excludeConnectionId":
			r.string(&m.ExcludeConnection)
		case "ifVersion":
			r.condition(&m.IfVersion)
		default:
			r.schedule(&m.Schedule)
		}
	}
	r.require("channel", m.Channel != "")
	if string(m.UMD) == "null" {
		m.UMD = nil
	}
	r.require("event", m.Event != "")
	return m, r.close()
}

func (r *reader) schedule(s *Schedule) {
	switch string(r.name) {
	case "scheduleExpression":
		r.string(&s.Expression)
	case "scheduleExpressionTimezone":
		r.string(&s.Timezone)
	}
}
