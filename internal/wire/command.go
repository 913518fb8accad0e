package wire

import (
	"strconv"
	"unicode/utf8"

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
	c, ok := quick(frame, maxData)
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
		default:
			r.schedule(&c.Schedule)
		}
	}
	r.require("event", c.Event != "")
	return c, r.close()
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

// DecodeUMDToken reads the data of hotsock.umdUpdate, and returns its token.
func DecodeUMDToken(data []byte) (string, error) {
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
