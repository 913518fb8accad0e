package wire

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/oklog/ulid/v2"
)

// An Append is the data of hotsock.messageAppend.
type Append struct {
	MessageID ulid.ULID
	Text      string
	// IfVersion is 0 for any version.
	IfVersion int64
}

// DecodeAppend reads the data of a [Publish].
func DecodeAppend(data []byte) (Append, error) {
	var a Append
	var version *int64
	hasText := false
	r := openData(data)
	for r.next() {
		switch string(r.name) {
		case "messageId":
			r.id(&a.MessageID)
		case "text":
			r.string(&a.Text)
			hasText = r.value.Kind() == '"'
		case "ifVersion":
			r.integer(&version, 1, 1<<53-1)
		}
	}
	r.require("messageId", !a.MessageID.IsZero())
	r.require("text", hasText)
	if version != nil {
		a.IfVersion = *version
	}
	return a, r.close()
}

// DecodeStreamStop reads the data of a [Command], of a [PublishMessage] or of a
// [Publish]: the id of the message.
func DecodeStreamStop(data []byte) (id ulid.ULID, err error) {
	r := openData(data)
	for r.next() {
		if string(r.name) == "messageId" {
			r.id(&id)
		}
	}
	r.require("messageId", !id.IsZero())
	return id, r.close()
}

// An Appended is what an append's notice tells besides the text.
type Appended struct {
	MessageID ulid.ULID
	// Offset is where in the message's text the new one begins, in UTF-16 code units.
	Offset int
	// Version is that of the message, with the new text.
	Version int64
	// Stream is what becomes of the stream, as JSON, nil if nothing does.
	Stream []byte
}

// AppendAppendData appends the data of an append's notice, with the text as
// [AppendText] has it between both parts.
func AppendAppendData(b []byte, a Appended) (data, end []byte) {
	b = append(b, `{"messageId":`...)
	b = appendID(b, a.MessageID)
	b = append(b, `,"offset":`...)
	b = strconv.AppendInt(b, int64(a.Offset), 10)
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, a.Version, 10)
	if a.Stream != nil {
		b = append(b, `,"stream":`...)
		b = append(b, a.Stream...)
	}
	return append(b, `,"text":"`...), endOfAppend
}

var endOfAppend = []byte(`"}`)

// AppendText appends what stands between the quotes of a JSON string, and returns how
// many UTF-16 code units it has. Invalid UTF-8 is replaced.
func AppendText(b []byte, text string) (out []byte, units int) {
	start := len(b)
	b = appendString(b, text)
	b = append(b[:start], b[start+1:len(b)-1]...)
	for _, r := range text {
		units += unitsOf(r)
	}
	return b, units
}

// unitsOf is how many UTF-16 code units a character has.
func unitsOf(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

// TextUnits returns how many UTF-16 code units a text has that [AppendText] has
// appended.
func TextUnits(text []byte) (units int) {
	quoted := append(append([]byte{'"'}, text...), '"')
	unquoted, _ := jsontext.AppendUnquote(nil, quoted)
	for _, r := range string(unquoted) {
		units += unitsOf(r)
	}
	return units
}

// FindText looks for what can be appended to in a message's data: a string, or the
// member "text" of an object that is one. It returns how many bytes follow the text, its
// closing quote among them, and how many UTF-16 code units it has.
func FindText(data []byte) (tail, units int, ok bool) {
	d := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
	depth := 0
	if d.PeekKind() == '{' {
		if _, err := d.ReadToken(); err != nil {
			return 0, 0, false
		}
		depth = 1
	}
	for depth == 1 {
		if d.PeekKind() != '"' {
			return 0, 0, false
		}
		name, err := d.ReadToken()
		if err != nil {
			return 0, 0, false
		}
		if name.String() == "text" {
			break
		}
		if d.SkipValue() != nil {
			return 0, 0, false
		}
	}
	if d.PeekKind() != '"' {
		return 0, 0, false
	}
	text, err := d.ReadToken()
	if err != nil {
		return 0, 0, false
	}
	for _, r := range text.String() {
		units += unitsOf(r)
	}
	return len(data) - int(d.InputOffset()) + 1, units, true
}

// The states of a stream as JSON; that of an aborted one has a reason, which
// [AppendAborted] appends.
var (
	StreamOpen     = []byte(`{"state":"open"}`)
	StreamComplete = []byte(`{"state":"complete"}`)
	StreamLost     = []byte(`{"state":"lost"}`)
)

// AppendAborted appends the state of a stream that was aborted.
func AppendAborted(b []byte, reason string) []byte {
	b = append(b, `{"state":"aborted","reason":`...)
	b = appendString(b, reason)
	return append(b, '}')
}

// IsStreamOpen reports whether the state of a stream, nil for a message that is none, is
// that of one that goes on.
func IsStreamOpen(state []byte) bool { return bytes.Equal(state, StreamOpen) }
