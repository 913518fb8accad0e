package wire

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// A Command is one message that a client sent over the WebSocket.
type Command struct {
	Event string
	// Channel and Key are "" if they were absent or null.
	Channel string
	Key     string
	// Data is nil if it was absent, else compact JSON, null included. It may
	// be a part of the frame.
	Data     []byte
	Schedule Schedule
	// DeduplicationID is "" if there is none. Its length is not checked.
	DeduplicationID string
	// IfVersion is the version that an entry must have, zero for no entry; nil for none.
	IfVersion *ulid.ULID
	// WithVersion asks for the version of an entry.
	WithVersion bool
	// Ref is what the answer must repeat, "" for nothing.
	Ref string
}

// DecodeCommand reads a frame. Of the command only the types and the presence
// of event are checked, not the names in it. Data longer than maxData bytes as
// sent is refused.
//
// With an error, the command holds what could be read, so that the error can
// be sent with Channel and Ref; these may be "".
func DecodeCommand(frame []byte, maxData int) (Command, error) {
	c, ok := quick(frame, maxData, nil)
	if ok {
		return c, nil
	}
	c = Command{}
	r := open(frame)
	for r.next() {
		switch string(r.name) {
		case "event":
			r.string(&c.Event)
		case "channel":
			r.string(&c.Channel)
		case "key":
			r.string(&c.Key)
		case "data":
			r.data(&c.Data, maxData)
		case "ref":
			r.string(&c.Ref)
			if utf8.RuneCountInString(c.Ref) > MaxRef {
				c.Ref = ""
				r.fail("must not be longer than " + strconv.Itoa(MaxRef) + " characters")
			}
		case "deduplicationId":
			r.string(&c.DeduplicationID)
		case "ifVersion":
			r.condition(&c.IfVersion)
		case "version":
			r.bool(&c.WithVersion)
		default:
			r.schedule(&c.Schedule)
		}
	}
	r.require("event", c.Event != "")
	return c, r.close()
}

// quick reads a frame as almost every client writes it: no white space around
// members, nothing but printable ASCII without escapes in strings, no unknown
// members. Of anything else, and of anything wrong, it says that it is not ok;
// then the frame must be read from its beginning by a [reader], which knows
// all of JSON and all errors, but takes half as long again. store is for that of a
// [Publish], nil where that is an unknown member.
func quick(frame []byte, maxData int, store **int64) (c Command, ok bool) {
	if len(frame) == 0 || frame[0] != '{' || manyBrackets(frame, protocol.MaxDepth+1) {
		return c, false
	}
	rest := frame[1:]
	for {
		switch {
		case c.Event == "" && cut(&rest, `"event":"`):
			c.Event, ok = quickString(&rest)
		case c.Channel == "" && cut(&rest, `"channel":"`):
			c.Channel, ok = quickString(&rest)
		case c.Key == "" && cut(&rest, `"key":"`):
			c.Key, ok = quickString(&rest)
		case c.Ref == "" && cut(&rest, `"ref":"`):
			c.Ref, ok = quickString(&rest)
		case c.DeduplicationID == "" && cut(&rest, `"deduplicationId":"`):
			c.DeduplicationID, ok = quickString(&rest)
		case c.Data == nil && cut(&rest, `"data":`):
			c.Data, ok = quickData(&rest, maxData)
		case store != nil && *store == nil && cut(&rest, `"store":`):
			*store, ok = quickSeconds(&rest)
		default:
			return c, false
		}
		if !ok || len(rest) == 0 {
			return c, false
		}
		next := rest[0]
		rest = rest[1:]
		if next != ',' {
			ok = next == '}' && len(rest) == 0 && c.Event != "" && len(c.Ref) <= MaxRef
			return c, ok
		}
	}
}

func cut(text *[]byte, prefix string) bool {
	if !bytes.HasPrefix(*text, []byte(prefix)) {
		return false
	}
	*text = (*text)[len(prefix):]
	return true
}

// quickString takes a string whose opening quote has been taken. Empty ones it
// leaves to others, so that a member that was seen is not "".
func quickString(text *[]byte) (string, bool) {
	for i, c := range *text {
		if c < ' ' || c > '~' || c == '\\' {
			return "", false
		}
		if c == '"' {
			s := string((*text)[:i])
			*text = (*text)[i+1:]
			return s, i > 0
		}
	}
	return "", false
}

// quickSeconds takes a number of up to eight digits, which is less than may be.
func quickSeconds(text *[]byte) (*int64, bool) {
	var n int64
	digits := 0
	for digits < len(*text) && '0' <= (*text)[digits] && (*text)[digits] <= '9' && digits < 9 {
		n = 10*n + int64((*text)[digits]-'0')
		digits++
	}
	ok := 0 < digits && digits <= 8 && ((*text)[0] != '0' || digits == 1)
	*text = (*text)[digits:]
	return &n, ok
}

func quickData(text *[]byte, limit int) (jsontext.Value, bool) {
	r := readers.Get().(*reader)
	r.buf = *bytes.NewBuffer(*text)
	value, err := r.dec.ReadValue()
	n := int(r.dec.InputOffset())
	data := (*text)[n-len(value) : n]
	_ = r.close()
	*text = (*text)[n:]
	return compact(data), err == nil && len(data) <= limit
}

// A Subscribe is the data of hotsock.subscribe.
type Subscribe struct {
	// Token is "" if there is none.
	Token string
	// CatchUp is true if there was an after, even null.
	CatchUp bool
	// After is the id of the last message that the client has seen, zero for
	// none.
	After ulid.ULID
	// MemberChanges asks for changes of members instead of lists.
	MemberChanges bool
	// Info asks for the channel's info, and each change of it.
	Info   bool
	Rewind Rewind
}

// DecodeSubscribe reads the data of a [Command], which may be nil.
func DecodeSubscribe(data []byte) (Subscribe, error) {
	var s Subscribe
	r := openData(data)
	for r.next() {
		switch string(r.name) {
		case "token":
			r.string(&s.Token)
		case "after":
			s.CatchUp = true
			r.id(&s.After)
		case "presence":
			var form string
			r.string(&form)
			if s.MemberChanges = form == "changes"; !s.MemberChanges && form != "" {
				r.fail(`must be "changes"`)
			}
		case "info":
			r.bool(&s.Info)
		case "rewind":
			r.rewind(&s.Rewind)
		}
	}
	return s, r.close()
}

// A Reaction is the data of hotsock.messageReaction.
type Reaction struct {
	MessageID ulid.ULID
	// Reaction is as [protocol.NormalReaction] makes it.
	Reaction string
	Remove   bool
}

// DecodeReaction reads the data of a [Command] or of a [PublishMessage].
func DecodeReaction(data []byte) (Reaction, error) {
	var re Reaction
	var action string
	r := openData(data)
	for r.next() {
		switch string(r.name) {
		case "messageId":
			r.id(&re.MessageID)
		case "reaction":
			var text string
			var ok bool
			r.string(&text)
			if re.Reaction, ok = protocol.NormalReaction(text); !ok && text != "" {
				r.fail("must be 1 to " + strconv.Itoa(protocol.MaxReaction) + ` bytes with something visible, without control characters, and "#" only as a keycap emoji`)
			}
		case "action":
			r.string(&action)
			re.Remove = action == "remove"
			if !re.Remove && action != "add" {
				r.fail(`must be "add" or "remove"`)
			}
		}
	}
	r.require("messageId", !re.MessageID.IsZero())
	r.require("reaction", re.Reaction != "")
	r.require("action", action != "")
	return re, r.close()
}

// A Call is the data of hotsock.call, or the body of connection/call.
type Call struct {
	Channel string // of the body, "" for none
	Method  string // required
	// Params are nil if they were absent, else compact JSON, null included. They may
	// be a part of the input.
	Params []byte
}

// DecodeCall reads the data of a [Command]. Its length was checked.
func DecodeCall(data []byte) (Call, error) {
	var c Call
	r := openData(data)
	for r.next() {
		r.call(&c, len(data))
	}
	r.require("method", c.Method != "")
	return c, r.close()
}

func (r *reader) call(c *Call, maxParams int) {
	switch string(r.name) {
	case "method":
		r.string(&c.Method)
	case "params":
		r.data(&c.Params, maxParams)
	}
}

// DecodeToken reads the data of hotsock.umdUpdate or hotsock.refresh, and returns its
// token.
func DecodeToken(data []byte) (string, error) {
	var token string
	r := openData(data)
	for r.next() {
		if string(r.name) == "token" {
			r.string(&token)
		}
	}
	r.require("token", token != "")
	return token, r.close()
}
