package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/oklog/ulid/v2"
)

// What the server sends, besides messages.
const (
	eventConnected       = "hotsock.connected"
	eventSubscribed      = "hotsock.subscribed"
	eventUnsubscribed    = "hotsock.unsubscribed"
	eventError           = "hotsock.error"
	eventPong            = "hotsock.pong"
	eventReactionAdded   = "hotsock.messageReactionAdded"
	eventReactionRemoved = "hotsock.messageReactionRemoved"
	eventMessageUpdated  = "hotsock.messageUpdated"
	eventMessageDeleted  = "hotsock.messageDeleted"
	eventMessageAppended = "hotsock.messageAppended"
	eventMemberAdded     = "hotsock.memberAdded"
	eventMemberUpdated   = "hotsock.memberUpdated"
	eventMemberRemoved   = "hotsock.memberRemoved"
	eventMemberChanged   = "hotsock.memberChanged"  // any of these, without the list
	eventMembers         = "hotsock.members"        // a further page of a list
	eventMembersChanged  = "hotsock.membersChanged" // what has changed since the last one
	eventStorageUpdated  = "hotsock.channelStorageUpdated"
	eventChannelInfo     = "hotsock.channelInfo"
	eventChannelErased   = "hotsock.channelErased"
)

// A frame is what the server sent, the data still as JSON.
type frame struct {
	Event     string          `json:"event"`
	ID        string          `json:"id"`
	Channel   string          `json:"channel"`
	Key       string          `json:"key"`
	Ref       string          `json:"ref"`
	Data      json.RawMessage `json:"data"`
	Meta      meta            `json:"meta"`
	Error     *errorBody      `json:"error"`
	Version   json.RawMessage `json:"version"`
	UpdatedAt time.Time       `json:"updatedAt"`
	Stream    StreamState     `json:"stream"`

	size int // of the frame, in bytes
}

// A version is what a message has besides that was updated.
type version struct {
	Version   int64     `json:"version"` // 0 for 1
	UpdatedAt time.Time `json:"updatedAt"`
}

// of sets the version of a message.
func (v version) of(m *Message) { m.Version, m.Updated = max(1, v.Version), v.UpdatedAt }

// setVersion sets that of a message.
func (f *frame) setVersion(m *Message) error {
	v := version{UpdatedAt: f.UpdatedAt}
	if f.Version != nil && decode(f.Version, &v.Version) != nil {
		return errors.New("hotsock: the server sent a message of a malformed version")
	}
	v.of(m)
	return nil
}

type meta struct {
	UID   string          `json:"uid"`
	UMD   json.RawMessage `json:"umd"`
	Alias string          `json:"channelAlias"`
}

func (m meta) user() User { return User{UID: m.UID, UMD: m.UMD} }

type errorBody struct {
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Current *current `json:"current"`
}

// A current entry is what stands in the way of a write.
type current struct {
	Version json.RawMessage `json:"version"`
	Data    json.RawMessage `json:"data"`
	Meta    meta            `json:"meta"`
}

func (e *errorBody) asError() error {
	return &Error{Code: e.Code, Message: e.Message, current: e.Current}
}

// decode reads JSON of the server. Names are matched exactly, and unknown ones
// ignored. What is nested deeper than 10,000 levels is refused.
func decode(b []byte, v any) error {
	// The app may publish what it likes: one of its messages must not be able
	// to end connections.
	return jsonv2.Unmarshal(b, v, jsontext.AllowDuplicateNames(true))
}

// decodeFrame reads a frame and makes sure that its members fit together.
func decodeFrame(b []byte) (*frame, error) {
	f := &frame{size: len(b)}
	if err := decode(b, f); err != nil {
		return nil, errors.New("hotsock: the server sent something that is not a frame")
	}
	switch {
	case f.Event == "":
		return nil, errors.New("hotsock: the server sent a frame without an event")
	case f.Event == eventError && f.Error == nil:
		return nil, errors.New("hotsock: the server sent an error without a code")
	default:
		return f, validID(f.ID)
	}
}

var errInvalidID = errors.New("hotsock: the server sent an invalid id")

// validID makes sure that ids can be compared as strings. "" is none.
func validID(id string) error {
	if id == "" {
		return nil
	}
	if u, err := ulid.ParseStrict(id); err != nil || u.String() != id {
		return errInvalidID
	}
	return nil
}

// data reads the data of a frame.
func (f *frame) data(v any) error {
	if len(f.Data) == 0 {
		return nil
	}
	if err := decode(f.Data, v); err != nil {
		return fmt.Errorf("hotsock: the server sent a malformed %s", f.Event)
	}
	return nil
}

type connectedData struct {
	ConnectionID     string `json:"connectionId"`
	ConnectionSecret string `json:"connectionSecret"`
}

type subscribedData struct {
	Members   []User          `json:"members"`
	More      bool            `json:"more"` // pages of members follow
	Recovered bool            `json:"recovered"`
	Rewound   rewoundData     `json:"rewound"`
	LastID    json.RawMessage `json:"lastId"` // nil if absent
}

// lastID returns "" for none.
func (d *subscribedData) lastID() (string, error) {
	var id string
	if d.LastID == nil {
		return "", nil
	}
	if err := decode(d.LastID, &id); err != nil {
		return "", errInvalidID
	}
	return id, validID(id)
}

type unsubscribedData struct {
	Reason string `json:"reason"`
}

type membersData struct {
	Members []User `json:"members"`
	More    bool   `json:"more"`
}

type membersChangedData struct {
	Removed []string `json:"removed"`
	Updated []User   `json:"updated"`
	Added   []User   `json:"added"`
}

type memberChangedData struct {
	Change string `json:"change"`
	Member User   `json:"member"`
}

type memberData struct {
	Member  User   `json:"member"`
	Members []User `json:"members"`
}

type reactionData struct {
	MessageID string `json:"messageId"`
	Reaction  string `json:"reaction"`
}

type editData struct {
	MessageID string          `json:"messageId"`
	Data      json.RawMessage `json:"data"`
	Version   int64           `json:"version"`
}

type ackData struct {
	ID          string `json:"id"`
	ScheduleARN string `json:"scheduleArn"`
}

// event makes an event of a frame that is one, or returns nil.
func (f *frame) event() (Event, error) {
	switch f.Event {
	case eventReactionAdded, eventReactionRemoved:
		var d reactionData
		err := f.data(&d)
		return Reaction{
			ID: f.ID, Channel: f.Channel, MessageID: d.MessageID, Reaction: d.Reaction,
			Removed: f.Event == eventReactionRemoved, From: f.Meta.user(),
		}, err
	case eventMessageUpdated, eventMessageDeleted:
		var d editData
		err := f.data(&d)
		if f.Event == eventMessageDeleted {
			return Deletion{ID: f.ID, Channel: f.Channel, MessageID: d.MessageID, From: f.Meta.user()}, err
		}
		return Update{
			ID: f.ID, Channel: f.Channel, MessageID: d.MessageID, Data: orNull(d.Data), Version: d.Version, From: f.Meta.user(),
		}, err
	case eventMessageAppended:
		var d appendData
		err := f.data(&d)
		return Append{ID: f.ID, Channel: f.Channel, MessageID: d.MessageID, Text: d.Text, Version: d.Version, Stream: d.Stream}, err
	case eventMemberAdded, eventMemberUpdated, eventMemberRemoved:
		var d memberData
		err := f.data(&d)
		return MemberChange{Kind: changeKinds[f.Event], Member: d.Member, Members: d.Members}, err
	case eventMemberChanged:
		var d memberChangedData
		err := f.data(&d)
		return MemberChange{Kind: changeKinds[d.Change], Member: d.Member}, err
	case eventStorageUpdated:
		return f.entry(), nil
	case eventChannelErased:
		return Erasure{ID: f.ID, Channel: f.Channel}, nil
	case eventChannelInfo:
		info := ChannelInfo{}
		err := f.data(&info)
		info.Channel, info.Members = f.Channel, nil
		return info, err
	default:
		if f.ID == "" {
			return nil, nil // an event of the protocol that is not known yet
		}
		m := Message{ID: f.ID, Channel: f.Channel, Event: f.Event, Data: orNull(f.Data), From: f.Meta.user(), Stream: f.Stream}
		return m, f.setVersion(&m)
	}
}

func (f *frame) entry() Entry {
	return Entry{Channel: f.Channel, Key: f.Key, Data: orNull(f.Data), By: f.Meta.user()}
}

var changeKinds = map[string]ChangeKind{
	eventMemberAdded: MemberAdded, eventMemberUpdated: MemberUpdated, eventMemberRemoved: MemberRemoved,
	"added": MemberAdded, "updated": MemberUpdated, "removed": MemberRemoved, // of eventMemberChanged
}

var null = json.RawMessage("null")

func orNull(data json.RawMessage) json.RawMessage {
	if len(data) == 0 {
		return null
	}
	return data
}
