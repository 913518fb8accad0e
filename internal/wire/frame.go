package wire

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/store"
)

// Connected is the first frame on a connection.
type Connected struct {
	ConnectionID string
	Expires      time.Time
	Secret       string
	Meta         store.Meta
}

// AppendConnected appends hotsock.connected. The time is written in UTC, to
// the second.
func AppendConnected(b []byte, c Connected) []byte {
	b = append(b, `{"event":"hotsock.connected","data":{"connectionId":`...)
	b = appendString(b, c.ConnectionID)
	b = append(b, `,"connectionExpiresAt":"`...)
	b = c.Expires.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","connectionSecret":`...)
	b = appendString(b, c.Secret)
	b = append(b, `},"meta":`...)
	b = appendMeta(b, c.Meta)
	return append(b, '}')
}

// AppendRefreshed appends hotsock.refreshed. The time is as in hotsock.connected.
func AppendRefreshed(b []byte, expires time.Time, m store.Meta, ref string) []byte {
	b = append(b, `{"event":"hotsock.refreshed","data":{"connectionExpiresAt":"`...)
	b = expires.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `"},"meta":`...)
	b = appendMeta(b, m)
	return appendEnd(b, ref)
}

// Subscribed is the answer to hotsock.subscribe.
type Subscribed struct {
	Channel        string
	Alias          string // "" for none
	AutoSubscribed bool
	// Members are written if the channel is a presence channel: it appends them with
	// commas between them.
	Members func(b []byte) []byte
	// More is written if it is true: further pages of members follow.
	More bool
	// CatchUp is that of the request. With it, LastID is written: the id of
	// the newest message that the client need not ask for, zero for none.
	CatchUp bool
	LastID  ulid.ULID
	// Recovered is written if the request named a message.
	Recovered Recovery
	// Rewound is nil if nothing was rewound.
	Rewound *Rewound
	Meta    store.Meta
	Ref     string // "" for none
}

// Recovery says what became of a request to catch up.
type Recovery uint8

// What becomes of requests to catch up.
const (
	RecoveryNone   Recovery = iota // no message was named
	RecoveryDone                   // all that was missed follows
	RecoveryFailed                 // something may be missing
)

// AppendSubscribed appends hotsock.subscribed.
func AppendSubscribed(b []byte, s *Subscribed) []byte {
	b = append(b, `{"event":"hotsock.subscribed","channel":`...)
	b = appendString(b, s.Channel)
	b = append(b, `,"data":{`...)
	data := len(b)
	if s.AutoSubscribed {
		b = append(b, `"autoSubscribed":true,`...)
	}
	if protocol.IsPresence(s.Channel) {
		b = append(b, `"members":[`...)
		b = s.Members(b)
		b = append(b, `],`...)
		if s.More {
			b = append(b, `"more":true,`...)
		}
	}
	switch s.Recovered {
	case RecoveryDone:
		b = append(b, `"recovered":true,`...)
	case RecoveryFailed:
		b = append(b, `"recovered":false,`...)
	}
	if s.Rewound != nil {
		b = appendRewound(b, s.Rewound)
	}
	if s.CatchUp {
		b = append(b, `"lastId":`...)
		b = appendIDOrNull(b, s.LastID)
		b = append(b, ',')
	}
	if len(b) > data {
		b = b[:len(b)-1] // the last comma
	}
	b = append(b, `},"meta":`...)
	b = appendSubscriptionMeta(b, s.Alias, s.Meta)
	return appendEnd(b, s.Ref)
}

// AppendUnsubscribed appends hotsock.unsubscribed. The alias, reason and ref are ""
// for none.
func AppendUnsubscribed(b []byte, channel, alias, reason string, meta store.Meta, ref string) []byte {
	b = append(b, `{"event":"hotsock.unsubscribed","channel":`...)
	b = appendString(b, channel)
	b = append(b, `,"data":{`...)
	if reason != "" {
		b = append(b, `"reason":`...)
		b = appendString(b, reason)
	}
	b = append(b, `},"meta":`...)
	b = appendSubscriptionMeta(b, alias, meta)
	return appendEnd(b, ref)
}

func appendSubscriptionMeta(b []byte, alias string, meta store.Meta) []byte {
	if alias == "" {
		return appendMeta(b, meta)
	}
	b = append(b, `{"channelAlias":`...)
	b = appendString(b, alias)
	start := len(b)
	b = appendMeta(b, meta)
	b[start] = ',' // in the place of its brace
	return b
}

// AppendMessage appends a message as it is delivered, a reaction's notice too.
func AppendMessage(b []byte, m *store.Message) []byte {
	b = appendMessage(b, m)
	if m.Meta != nil {
		b = append(b, `,"meta":`...)
		b = appendMeta(b, *m.Meta)
	}
	if m.Updates > 0 || m.Stream != nil {
		b = appendVersion(b, m)
	}
	return append(b, '}')
}

// appendMessage leaves the object open, after data.
func appendMessage(b []byte, m *store.Message) []byte {
	b = append(b, `{"id":`...)
	b = appendID(b, m.ID)
	b = append(b, `,"event":`...)
	b = appendString(b, m.Event)
	b = append(b, `,"channel":`...)
	b = appendString(b, m.Channel)
	b = append(b, `,"data":`...)
	return appendValue(b, m.Data)
}

// AppendReactionData appends the data of a reaction's notice.
func AppendReactionData(b []byte, r Reaction) []byte {
	b = append(b, `{"messageId":`...)
	b = appendID(b, r.MessageID)
	b = append(b, `,"reaction":`...)
	b = appendString(b, r.Reaction)
	if r.Remove {
		return append(b, `,"action":"remove"}`...)
	}
	return append(b, `,"action":"add"}`...)
}

// AppendInfo appends hotsock.channelInfo.
func AppendInfo(b []byte, channel string, count int) []byte {
	b = append(b, `{"event":"hotsock.channelInfo","channel":`...)
	b = appendString(b, channel)
	b = append(b, `,"data":{"subscriptionsCount":`...)
	b = strconv.AppendInt(b, int64(count), 10)
	return append(b, `}}`...)
}

// AppendStorageUpdated appends hotsock.channelStorageUpdated.
func AppendStorageUpdated(b []byte, e *store.Entry) []byte {
	b = append(b, `{"event":"hotsock.channelStorageUpdated","channel":`...)
	b = appendString(b, e.Channel)
	b = append(b, ',')
	b = appendEntry(b, e)
	return append(b, '}')
}

// AppendStorageData appends hotsock.channelStorageData, which is also the
// answer of connection/channelStorageGet. The entry is nil if there is none,
// and ref "".
func AppendStorageData(b []byte, channel, key string, e *store.Entry, withVersion bool, ref string) []byte {
	b = append(b, `{"event":"hotsock.channelStorageData","channel":`...)
	b = appendString(b, channel)
	b = append(b, ',')
	if e != nil {
		b = appendEntry(b, e)
	} else {
		b = append(b, `"key":`...)
		b = appendString(b, key)
		b = append(b, `,"data":null,"meta":null`...)
	}
	if withVersion {
		b = appendEntryVersion(append(b, ','), e)
	}
	return appendEnd(b, ref)
}

// appendEntry appends the members of an entry.
func appendEntry(b []byte, e *store.Entry) []byte {
	b = append(b, `"key":`...)
	b = appendString(b, e.Key)
	b = append(b, `,"data":`...)
	b = appendValue(b, e.Value)
	b = append(b, `,"meta":`...)
	return appendMeta(b, e.Meta)
}

// A Failure is an error as a client is told of it.
type Failure struct {
	Code, Message string
	// Current is what stands in the way of a write, nil for other errors. Its Value is nil
	// if there is no entry.
	Current *store.Entry
}

// AppendError appends hotsock.error. The channel and ref are "" for none.
func AppendError(b []byte, channel string, f Failure, ref string) []byte {
	b = append(b, `{"event":"hotsock.error",`...)
	if channel != "" {
		b = append(b, `"channel":`...)
		b = appendString(b, channel)
		b = append(b, ',')
	}
	b = appendFailure(b, f)
	return appendEnd(b, ref)
}

func appendFailure(b []byte, f Failure) []byte {
	b = append(b, `"error":{"code":`...)
	b = appendString(b, f.Code)
	b = append(b, `,"message":`...)
	b = appendString(b, f.Message)
	if f.Current != nil {
		b = appendCurrent(b, f.Current)
	}
	return append(b, '}')
}

// Ack is the answer to a command that has no answer of its own but a ref.
type Ack struct {
	Channel     string    // "" for none
	ID          ulid.ULID // of the message, if it has one already
	ScheduleARN string    // "" for none
	Duplicate   bool      // of an earlier message, whose id this is
	Written     Written
	Version     int64 // of the message that was updated, which then is all; 0 for none
	Ref         string
}

// AppendAck appends hotsock.ack.
func AppendAck(b []byte, a Ack) []byte {
	b = append(b, `{"event":"hotsock.ack",`...)
	if a.Channel != "" {
		b = append(b, `"channel":`...)
		b = appendString(b, a.Channel)
		b = append(b, ',')
	}
	b = append(b, `"data":{`...)
	if !a.ID.IsZero() {
		b = append(b, `"id":`...)
		b = appendID(b, a.ID)
	}
	if a.ScheduleARN != "" {
		if !a.ID.IsZero() {
			b = append(b, ',')
		}
		b = append(b, `"scheduleArn":`...)
		b = appendString(b, a.ScheduleARN)
	}
	if a.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	if a.Written.Entry != nil {
		b = a.Written.append(b)
	}
	if a.Version > 0 {
		b = append(b, `"version":`...)
		b = strconv.AppendInt(b, a.Version, 10)
	}
	b = append(b, '}')
	return appendEnd(b, a.Ref)
}

// AppendResult appends hotsock.result, which is also the answer of connection/call.
// The result is JSON. The channel and ref are "" for none.
func AppendResult(b []byte, channel string, result []byte, ref string) []byte {
	b = append(b, `{"event":"hotsock.result",`...)
	if channel != "" {
		b = append(b, `"channel":`...)
		b = appendString(b, channel)
		b = append(b, ',')
	}
	b = append(b, `"data":`...)
	b = appendValue(b, result)
	return appendEnd(b, ref)
}

// AppendPong appends hotsock.pong. The ref is "" for none.
func AppendPong(b []byte, ref string) []byte {
	b = append(b, `{"event":"hotsock.pong","data":{}`...)
	return appendEnd(b, ref)
}

// AppendKeepAlive appends hotsock.keepAlive.
func AppendKeepAlive(b []byte) []byte {
	return append(b, `{"event":"hotsock.keepAlive","data":{}}`...)
}

// appendEnd ends a frame's object, with the ref if there is one.
func appendEnd(b []byte, ref string) []byte {
	if ref != "" {
		b = append(b, `,"ref":`...)
		b = appendString(b, ref)
	}
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	// The only error is invalid UTF-8, which is replaced.
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// appendValue appends a JSON text, or null for nil.
func appendValue(b, value []byte) []byte {
	if value == nil {
		return append(b, "null"...)
	}
	return append(b, value...)
}

func appendID(b []byte, id ulid.ULID) []byte {
	b = append(b, '"')
	b = appendIDText(b, id)
	return append(b, '"')
}

func appendIDText(b []byte, id ulid.ULID) []byte {
	var text [ulid.EncodedSize]byte
	_ = id.MarshalTextTo(text[:]) // fails only for a wrong length
	return append(b, text[:]...)
}

func appendIDOrNull(b []byte, id ulid.ULID) []byte {
	if id.IsZero() {
		return append(b, "null"...)
	}
	return appendID(b, id)
}
