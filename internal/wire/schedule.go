package wire

import (
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// DecodeMoveSchedule reads the body of the server API's PATCH of a schedule.
// The Expression is required.
func DecodeMoveSchedule(body []byte) (Schedule, error) {
	var s Schedule
	r := open(body)
	for r.next() {
		r.schedule(&s)
	}
	r.require("scheduleExpression", s.Expression != "")
	return s, r.close()
}

// A ListSchedules is the body of connection/listSchedules.
type ListSchedules struct {
	Channel string // required
	// AfterDue and AfterID are those of a cursor, zero for none.
	AfterDue time.Time
	AfterID  ulid.ULID
}

// DecodeListSchedules reads the body of connection/listSchedules.
func DecodeListSchedules(body []byte) (ListSchedules, error) {
	var m ListSchedules
	r := open(body)
	for r.next() {
		switch string(r.name) {
		case "channel":
			r.string(&m.Channel)
		case "after":
			var cursor string
			r.string(&cursor)
			var ok bool
			if m.AfterDue, m.AfterID, ok = ParseScheduleCursor(cursor); !ok && cursor != "" {
				r.fail(`must be the "next" of the page before`)
			}
		}
	}
	r.require("channel", m.Channel != "")
	return m, r.close()
}

// AppendOwnSchedulePage appends the answer of connection/listSchedules: a client's own
// schedules on a channel as it names that. They are as many as fit into maxBytes, but
// for the first, which is always there. The page is followed by the cursor of the last
// one if there was no room for more, and otherwise by next unless that is "".
func AppendOwnSchedulePage(b []byte, channel string, schedules []*store.Schedule, next string, maxBytes int) []byte {
	start := len(b)
	b = append(b, `{"schedules":[`...)
	for i, s := range schedules {
		before := len(b)
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendScheduled(b, channel, s), '}')
		if i > 0 && len(b)-start+maxCursor > maxBytes {
			b = append(b[:before], `],"next":"`...)
			return append(appendCursor(b, schedules[i-1].Due, schedules[i-1].ID), `"}`...)
		}
	}
	return appendNext(b, next)
}

// AppendSchedulePage appends the server API's list of schedules. It ends before
// the one that would make it longer than maxBytes, and is then followed by the
// cursor of the last one, as it is if there may be more anyway. The first
// schedule is always there.
func AppendSchedulePage(b []byte, schedules []*store.Schedule, more bool, maxBytes int) []byte {
	start := len(b)
	b = append(b, `{"schedules":[`...)
	var last *store.Schedule
	for i, s := range schedules {
		before := len(b)
		if i > 0 {
			b = append(b, ',')
		}
		b = appendSchedule(b, s)
		if i > 0 && len(b)-start+maxCursor > maxBytes {
			b, more = b[:before], true
			break
		}
		last = s
	}
	b = append(b, ']')
	if more && last != nil {
		b = append(b, `,"next":"`...)
		b = appendCursor(b, last.Due, last.ID)
		b = append(b, '"')
	}
	return append(b, '}')
}

// maxCursor is more than the end of a page with a cursor takes.
const maxCursor = 100

func appendSchedule(b []byte, s *store.Schedule) []byte {
	b = appendScheduled(b, s.Channel(), s)
	b = append(b, `,"connectionId":`...)
	b = appendStringOrNull(b, s.Connection)
	b = append(b, `,"uid":`...)
	b = appendStringOrNull(b, s.UID)
	return append(b, '}')
}

// appendScheduled appends what will be done and when, without the end.
func appendScheduled(b []byte, channel string, s *store.Schedule) []byte {
	b = append(b, `{"scheduleArn":"`...)
	b = append(b, arnPrefix...)
	b = append(b, s.Group...)
	b = append(b, '/')
	b = appendIDText(b, s.ID)
	b = append(b, `","due":"`...)
	b = s.Due.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","channel":`...)
	b = appendString(b, channel)
	b = append(b, `,"event":`...)
	var data []byte
	if s.Publish != nil {
		b = appendString(b, s.Publish.Event)
		data = s.Publish.Data
	} else {
		b = appendString(b, EventChannelStorageSet)
		b = append(b, `,"key":`...)
		b = appendString(b, s.Set.Key)
		data = s.Set.Value
	}
	b = append(b, `,"data":`...)
	return appendValue(b, data)
}

func appendStringOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendString(b, s)
}

// ScheduleCursor names a place in the order of schedules, which is that of when
// they are due, whether or not there still is one.
func ScheduleCursor(due time.Time, id ulid.ULID) string {
	return string(appendCursor(nil, due, id))
}

func appendCursor(b []byte, due time.Time, id ulid.ULID) []byte {
	b = due.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, '_')
	return appendIDText(b, id)
}

// ParseScheduleCursor returns what was given to [ScheduleCursor].
func ParseScheduleCursor(cursor string) (due time.Time, id ulid.ULID, ok bool) {
	at, text, _ := strings.Cut(cursor, "_")
	due, err := time.Parse(time.RFC3339Nano, at)
	if err == nil {
		id, err = ulid.ParseStrict(text)
	}
	if err != nil || ScheduleCursor(due, id) != cursor {
		return time.Time{}, ulid.ULID{}, false
	}
	return due, id, true
}
