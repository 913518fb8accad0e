package wire

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// quick reads a frame as almost every client writes it: no white space around
// members, nothing but printable ASCII without escapes in strings, no unknown
// members. Of anything else, and of anything wrong, it says that it is not ok;
// then the frame must be read from its beginning by a [reader], which knows
// all of JSON and all errors, but takes half as long again.
func quick(frame []byte, maxData int) (c Command, ok bool) {
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
		case c.Data == nil && cut(&rest, `"data":`):
			c.Data, ok = quickData(&rest, maxData)
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
