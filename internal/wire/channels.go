package wire

import (
	"strconv"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// MaxChannels is how many channels a request of the server API can ask about.
const MaxChannels = 1000

// DecodeLatest reads the body of the server API's messages/latest, and returns its
// channels.
func DecodeLatest(body []byte) (channels []string, err error) {
	there := false
	r := open(body)
	for r.next() {
		if string(r.name) == "channels" && r.is('[', "an array of strings") {
			there = true
			r.strings(&channels, MaxChannels)
		}
	}
	r.require("channels", there)
	return channels, r.close()
}

// An AfterMessage is a channel, and where to begin to count, zero for its beginning.
type AfterMessage struct {
	Channel string
	ID      ulid.ULID
}

// DecodeCount reads the body of the server API's messages/count.
func DecodeCount(body []byte) ([]AfterMessage, error) {
	var list []AfterMessage
	there := false
	r := open(body)
	for r.next() {
		if string(r.name) == "after" && r.is('{', "an object") {
			there = true
			r.after(&list)
		}
	}
	r.require("after", there)
	return list, r.close()
}

// after takes an object of ids by channel. Errors do not name the channel, which may
// be as long as the body.
func (r *reader) after(list *[]AfterMessage) {
	inner := open(r.value)
	for inner.next() {
		a := AfterMessage{Channel: string(inner.name)}
		inner.cursor(&a.ID)
		if len(*list) == MaxChannels {
			r.fail("must not have more than " + strconv.Itoa(MaxChannels) + " members")
			break
		}
		*list = append(*list, a)
	}
	if inner.close() != nil {
		r.fail("must have ids of messages")
	}
}

// AppendCounts appends the answer of the server API's messages/count.
func AppendCounts(b []byte, list []AfterMessage, counts map[string]int) []byte {
	b = append(b, `{"counts":{`...)
	for i, a := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, a.Channel)
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(counts[a.Channel]), 10)
	}
	return append(b, `}}`...)
}

// A Latest is the answer of the server API's messages/latest.
type Latest struct {
	Messages []*store.Message
	Origins  []Origin
	// Rest are the channels that were not looked at.
	Rest []string
}

// AppendLatest appends the answer.
func AppendLatest(b []byte, l Latest) []byte {
	b = append(b, `{"messages":[`...)
	for i, m := range l.Messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendStoredMessage(b, m)
		b = appendOrigin(b, l.Origins[i])
		b = append(b, '}')
	}
	b = append(b, ']')
	for i, channel := range l.Rest {
		if i == 0 {
			b = append(b, `,"rest":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendString(b, channel)
	}
	if len(l.Rest) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}
