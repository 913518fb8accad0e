package wire

import (
	"math"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// An Edit is the data of hotsock.messageUpdate or of hotsock.messageDelete.
type Edit struct {
	MessageID ulid.ULID
	Delete    bool
	// Data is compact JSON, null included. It may be a part of what was decoded.
	Data []byte
	// IfVersion is 0 for any version.
	IfVersion int64
}

// DecodeUpdate reads the data of a [Command], of a [PublishMessage] or of a [Publish].
func DecodeUpdate(data []byte) (Edit, error) {
	var e Edit
	var version *int64
	r := openData(data)
	for r.next() {
		switch string(r.name) {
		case "messageId":
			r.id(&e.MessageID)
		case "data":
			r.data(&e.Data, math.MaxInt) // That of all data has a limit.
		case "ifVersion":
			r.integer(&version, 1, 1<<53-1)
		}
	}
	r.require("messageId", !e.MessageID.IsZero())
	r.require("data", e.Data != nil)
	if version != nil {
		e.IfVersion = *version
	}
	return e, r.close()
}

// DecodeDelete reads the data of a [Command], of a [PublishMessage] or of a [Publish].
func DecodeDelete(data []byte) (Edit, error) {
	e := Edit{Delete: true}
	r := openData(data)
	for r.next() {
		if string(r.name) == "messageId" {
			r.id(&e.MessageID)
		}
	}
	r.require("messageId", !e.MessageID.IsZero())
	return e, r.close()
}

// AppendEditData appends the data of an edit's notice. That of an update has a place
// for the new version, before the end that is returned.
func AppendEditData(b []byte, e Edit) (data, end []byte) {
	b = append(b, `{"messageId":`...)
	b = appendID(b, e.MessageID)
	if e.Delete {
		return append(b, '}'), nil
	}
	b = append(b, `,"data":`...)
	b = appendValue(b, e.Data)
	return append(b, `,"version":`...), endOfUpdate
}

var endOfUpdate = []byte("}")

// millisecond is the form of a time in UTC, to the millisecond.
const millisecond = "2006-01-02T15:04:05.000Z"

// appendVersion appends what tells that a message was updated, or is streamed.
func appendVersion(b []byte, m *store.Message) []byte {
	if m.Updates > 0 {
		b = append(b, `,"version":`...)
		b = strconv.AppendInt(b, m.Version(), 10)
		b = append(b, `,"updatedAt":"`...)
		b = time.UnixMilli(int64(m.Updated.Time())).UTC().AppendFormat(b, millisecond)
		b = append(b, '"')
	}
	if m.Stream != nil {
		b = append(b, `,"stream":`...)
		b = append(b, m.Stream...)
	}
	return b
}
