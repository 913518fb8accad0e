package wire

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

// Value checks a JSON text that a host or a token supplied as strictly as
// what clients send, and returns it without insignificant white space. The
// result is text itself if it had none. A text longer than limit bytes is
// refused with [CodePayloadTooLarge], anything else with [CodeInvalidJSON].
// The name stands for the value in the message.
func Value(name string, text []byte, limit int) ([]byte, error) {
	name = strconv.Quote(name) + " "
	if len(text) > limit {
		return nil, &Error{CodePayloadTooLarge, name + longerThan(limit)}
	}
	if manyBrackets(text, protocol.MaxDepth) && depth(text) > protocol.MaxDepth {
		return nil, &Error{CodeInvalidJSON, name + tooDeep}
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(text))
	value, err := dec.ReadValue()
	if err != nil {
		return nil, &Error{CodeInvalidJSON, name + "is " + syntaxMessage(text, err)}
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, &Error{CodeInvalidJSON, name + "is more than one JSON value"}
	}
	return compact(value), nil
}

// IsClear reports whether a JSON text is null or {}, which both stand for no
// value in channel storage.
func IsClear(value []byte) bool {
	value = bytes.Trim(value, space)
	if string(value) == "null" {
		return true
	}
	n := len(value)
	return n >= 2 && value[0] == '{' && value[n-1] == '}' && len(bytes.Trim(value[1:n-1], space)) == 0
}

// space is what JSON calls white space.
const space = " \t\r\n"

// compact returns a valid JSON text without insignificant white space: the
// same slice if it has none, else a new one.
func compact(value []byte) []byte {
	if !hasSpace(value) {
		return value
	}
	var out []byte
	kept := 0 // what comes before is in out
	for i := 0; i < len(value); {
		switch value[i] {
		case '"':
			i = stringEnd(value, i)
		case ' ', '\t', '\r', '\n':
			if out == nil {
				out = make([]byte, 0, len(value)-1)
			}
			out = append(out, value[kept:i]...)
			i++
			kept = i
		default:
			i++
		}
	}
	if out == nil {
		return value
	}
	return append(out, value[kept:]...)
}

// hasSpace reports whether there is any of [space] in value, strings included.
// It is a good deal faster than bytes.ContainsAny.
func hasSpace(value []byte) bool {
	for i := range len(space) {
		if bytes.IndexByte(value, space[i]) >= 0 {
			return true
		}
	}
	return false
}

// manyBrackets reports whether text, if it is valid, may be nested deeper than
// levels. Most texts have too few brackets for that.
func manyBrackets(text []byte, levels int) bool {
	return len(text) > 2*levels && bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{'{'}) > levels
}

// depth returns how deep the first array or object in text is nested. The
// text need not be valid.
func depth(text []byte) int {
	now, most := 0, 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			i = stringEnd(text, i)
			continue
		case '[', '{':
			now++
			most = max(most, now)
		case ']', '}':
			now--
			if now <= 0 {
				return most
			}
		}
		i++
	}
	return most
}

// stringEnd returns the index after the string that begins at text[start], or
// the length of a text that ends before the string does.
func stringEnd(text []byte, start int) int {
	for i := start + 1; i < len(text); {
		n := bytes.IndexByte(text[i:], '"')
		if n < 0 {
			break
		}
		for quote := i + n; i <= quote; {
			escape := bytes.IndexByte(text[i:quote], '\\')
			if escape < 0 {
				return quote + 1
			}
			i += escape + 2 // That may be the quote.
		}
	}
	return len(text)
}
