package wire

import (
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"
)

// An Erasure is one as the server API tells of it. UID and Prefix are those of its target.
type Erasure struct {
	ID, Target, Channel string
	UID, Prefix         string
	AcceptedAt          time.Time
	Until               string // "" for null
	Erased              int
	Done                bool
}

// AppendErasure appends the server API's answer to a request to erase.
func AppendErasure(b []byte, e *Erasure) []byte {
	b = append(b, `{"id":`...)
	b = appendString(b, e.ID)
	b = append(b, `,"target":`...)
	b = appendString(b, e.Target)
	b = append(b, `,"channel":`...)
	b = appendString(b, e.Channel)
	switch e.Target {
	case "user":
		b = append(b, `,"uid":`...)
		b = appendString(b, e.UID)
	case "storage":
		b = append(b, `,"prefix":`...)
		b = appendString(b, e.Prefix)
	}
	b = append(b, `,"acceptedAt":"`...)
	b = e.AcceptedAt.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","until":`...)
	b = appendStringOrNull(b, e.Until)
	b = append(b, `,"erased":`...)
	b = strconv.AppendInt(b, int64(e.Erased), 10)
	b = append(b, `,"done":`...)
	b = strconv.AppendBool(b, e.Done)
	return append(b, '}')
}

// AppendErasurePage appends the server API's list of erasures. A next that is not "" is
// the cursor of the next page.
func AppendErasurePage(b []byte, erasures []Erasure, next string) []byte {
	b = append(b, `{"erasures":[`...)
	for i := range erasures {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendErasure(b, &erasures[i])
	}
	return appendNext(b, next)
}

// AppendMessageID appends the data of a notice that a message is deleted.
func AppendMessageID(b []byte, id ulid.ULID) []byte {
	b = append(b, `{"messageId":`...)
	b = appendID(b, id)
	return append(b, '}')
}
