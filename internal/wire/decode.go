package wire

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

const mustBeID = "must be the id of a message"

var tooDeep = "must not be nested deeper than " + strconv.Itoa(protocol.MaxDepth) + " levels"

// A reader walks over the members of one JSON object:
//
//	r := open(text)
//	for r.next() {
//		switch string(r.name) {
//		case "channel":
//			r.string(&channel)
//		}
//	}
//	err := r.close()
//
// The methods that take a member's value treat null as if the member were
// absent. They note the first thing that is wrong and go on, so that the
// members which follow are read too. No reader is used after close.
type reader struct {
	// Of the member that next has come to. They are valid until it moves on.
	name  []byte
	value jsontext.Value

	// path leads to the object's members in messages, "data." say.
	path string

	text    []byte
	buf     bytes.Buffer
	dec     *jsontext.Decoder
	opened  bool
	batch   string // the member that may be deeper, by batchDepth
	deep    bool   // values must be measured before they are read
	tooDeep bool   // one was
	err     *Error

	nameBuf, stringBuf []byte // for what was escaped
}

var readers = sync.Pool{New: func() any {
	r := new(reader)
	r.dec = jsontext.NewDecoder(&r.buf)
	return r
}}

// open begins to read text, which should be a JSON object.
func open(text []byte) *reader {
	r := readers.Get().(*reader)
	r.text = text
	r.buf = *bytes.NewBuffer(text)
	r.deep = manyBrackets(text, protocol.MaxDepth+1)
	return r
}

// openData begins to read the data of a command. If it has none, that is an
// empty object.
func openData(data []byte) *reader {
	var r *reader
	switch {
	case len(data) == 0, string(data) == "null":
		r = open([]byte("{}"))
	case data[0] != '{':
		r = open([]byte("{}"))
		r.err = invalid(`"data" must be an object`)
	default:
		r = open(data)
	}
	r.path = "data."
	return r
}

// close returns the first error that was noted, and gives the reader back.
func (r *reader) close() error {
	err := r.err
	if !r.grown() {
		r.name, r.value, r.path, r.text, r.buf = nil, nil, "", nil, bytes.Buffer{}
		r.batch, r.opened, r.err = "", false, nil
		r.dec.Reset(&r.buf)
		readers.Put(r)
	}
	if err == nil {
		return nil // rather than a nil *Error
	}
	return err
}

// grown reports whether the reader holds so much memory that it should be left
// to the garbage collector.
func (r *reader) grown() bool {
	return r.tooDeep || cap(r.nameBuf)+cap(r.stringBuf) > 4<<10
}

// next goes to the next member and reports whether there is one. After the
// last it makes sure that nothing follows the object.
func (r *reader) next() bool {
	if !r.opened {
		r.opened = true
		if r.dec.PeekKind() != '{' {
			return r.noObject()
		}
		_, _ = r.dec.ReadToken()
	}
	for r.dec.PeekKind() != '}' {
		name, err := r.read()
		if err != nil {
			return r.syntax(err)
		}
		r.nameBuf, r.name = unquote(r.nameBuf, name)

		if r.deep && r.tooDeepNext() {
			if err := r.dec.SkipValue(); err != nil { // which does not recurse
				return r.syntax(err)
			}
			continue
		}
		if r.value, err = r.read(); err != nil {
			return r.syntax(err)
		}
		return true
	}
	_, _ = r.dec.ReadToken()
	if len(bytes.TrimLeft(r.text[r.dec.InputOffset():], space)) > 0 {
		r.malformed("more than one JSON object")
	}
	return false
}

// read returns the next name or value as a part of the text: that of the
// decoder need not last.
func (r *reader) read() (jsontext.Value, error) {
	v, err := r.dec.ReadValue()
	end := r.dec.InputOffset()
	return r.text[end-int64(len(v)) : end], err
}

// tooDeepNext notes an error and returns true if the member's value is nested
// too deeply to be read with a function that recurses.
func (r *reader) tooDeepNext() bool {
	switch r.dec.PeekKind() {
	case '[', '{':
		most := protocol.MaxDepth
		if r.batch != "" && string(r.name) == r.batch {
			most += batchDepth
		}
		if depth(r.text[r.dec.InputOffset():]) <= most {
			return false
		}
		r.fail(tooDeep)
		r.tooDeep = true
		return true
	default:
		return false
	}
}

func (r *reader) noObject() bool {
	if len(bytes.Trim(r.text, space)) == 0 {
		return r.malformed("empty, not a JSON object")
	}
	if r.dec.PeekKind() != jsontext.KindInvalid {
		return r.malformed("not a JSON object")
	}
	_, err := r.dec.ReadToken()
	return r.syntax(err)
}

// syntax notes an error of the decoder, in our own words.
func (r *reader) syntax(err error) bool {
	if r.tooDeep { // which is what the decoder may be complaining of
		return false
	}
	return r.malformed(syntaxMessage(r.text, err))
}

// malformed notes that the text is not JSON. That outweighs what is wrong
// with its members.
func (r *reader) malformed(message string) bool {
	r.err = &Error{CodeInvalidJSON, message}
	return false
}

func syntaxMessage(text []byte, err error) string {
	const not = "not valid JSON"
	if !utf8.Valid(text) {
		return "not valid UTF-8"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return not + ": it ends too early"
	}
	at := ""
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		at = " at byte " + strconv.FormatInt(s.ByteOffset, 10)
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return not + ": an object has two members of the same name" + at
	}
	return not + at
}

// fail notes that the member is not as it must be.
func (r *reader) fail(must string) {
	r.failAs(CodeInvalidRequest, must)
}

func (r *reader) failAs(code, must string) {
	if r.err == nil {
		r.err = &Error{code, strconv.Quote(r.path+string(r.name)) + " " + must}
	}
}

// require notes that a member that must be there is not.
func (r *reader) require(name string, there bool) {
	if !there && r.err == nil {
		r.err = invalid(strconv.Quote(r.path+name) + " is required")
	}
}

// is reports whether the value is of that kind. Null is not, but it is no
// error either.
func (r *reader) is(kind jsontext.Kind, expected string) bool {
	switch r.value.Kind() {
	case kind:
		return true
	case 'n':
	default:
		r.fail("must be " + expected)
	}
	return false
}

func (r *reader) string(s *string) {
	if r.is('"', "a string") {
		var text []byte
		r.stringBuf, text = unquote(r.stringBuf, r.value)
		*s = string(text)
	}
}

func (r *reader) bool(b *bool) {
	switch r.value.Kind() {
	case 't':
		*b = true
	case 'f', 'n':
		*b = false
	default:
		r.fail("must be true or false")
	}
}

// integer takes a number without fraction or exponent.
func (r *reader) integer(n **int64, least, most int64) {
	if !r.is('0', "a number") {
		return
	}
	i, err := strconv.ParseInt(string(r.value), 10, 64)
	if err != nil || i < least || i > most {
		r.fail("must be an integer from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10))
		return
	}
	*n = &i
}

// id takes the id of a message. The empty string is none, as null is. The zero
// id is refused, since it stands for none and no message has it.
func (r *reader) id(id *ulid.ULID) {
	if r.cursor(id) && id.IsZero() {
		r.fail(mustBeID)
	}
}

// cursor takes an id, or the zero id, which comes before all others. It
// reports whether there was one.
func (r *reader) cursor(id *ulid.ULID) bool {
	var s string
	r.string(&s)
	if s == "" {
		return false
	}
	parsed, err := ulid.ParseStrict(s)
	if err != nil {
		r.fail(mustBeID)
		return false
	}
	*id = parsed
	return true
}

func (r *reader) strings(list *[]string, most int) {
	if !r.is('[', "an array of strings") {
		return
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(r.value))
	_, _ = dec.ReadToken()
	for dec.PeekKind() == '"' {
		if len(*list) == most {
			r.fail("must not have more than " + strconv.Itoa(most) + " elements")
			return
		}
		token, _ := dec.ReadToken()
		*list = append(*list, token.String())
	}
	if dec.PeekKind() != ']' {
		r.fail("must be an array of strings")
	}
}

// data takes any value, null too, as compact JSON.
func (r *reader) data(data *[]byte, limit int) {
	if len(r.value) > limit {
		r.failAs(CodePayloadTooLarge, longerThan(limit))
		return
	}
	*data = compact(r.value)
}

func longerThan(limit int) string {
	return "must not be longer than " + strconv.Itoa(limit) + " bytes"
}

// unquote returns the text of a JSON string. It is a part of the string
// unless that has escapes: then it is in buf, which is returned too.
func unquote(buf []byte, quoted jsontext.Value) (newBuf, text []byte) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return buf, quoted[1 : len(quoted)-1]
	}
	buf, _ = jsontext.AppendUnquote(buf[:0], quoted)
	return buf, buf
}
