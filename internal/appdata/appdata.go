// Package appdata makes JSON of the data that an app passes as a value of any
// type, to the server and to the client alike.
package appdata

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
)

// ErrNotJSON is returned for bytes that are not JSON.
var ErrNotJSON = errors.New("the data is not valid JSON: a []byte is taken as JSON text; pass a string to send text, or base64 of bytes")

// Marshal returns the JSON of v, as [json.Marshal] does, except that bytes are
// JSON already: a []byte, a type of that kind without a method that marshals it,
// and a pointer to one are returned as they are, or refused with [ErrNotJSON]. A
// [json.RawMessage] is returned unchecked. Bytes inside of v are base64.
func Marshal(v any) (json.RawMessage, error) {
	if raw, ok := v.(json.RawMessage); ok && raw != nil {
		return raw, nil
	}
	text, ok := bytesOf(v)
	switch {
	case !ok || text == nil:
		return json.Marshal(v)
	case !json.Valid(text):
		return nil, ErrNotJSON
	}
	return text, nil
}

var marshalers = []reflect.Type{reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()}

// bytesOf returns the bytes that v is, if [json.Marshal] would make base64 of
// it.
func bytesOf(v any) ([]byte, bool) {
	for r := reflect.ValueOf(v); r.IsValid() && !marshalsItself(r.Type()); r = r.Elem() {
		switch r.Kind() {
		case reflect.Pointer:
			continue
		case reflect.Slice:
			elem := r.Type().Elem()
			if elem.Kind() == reflect.Uint8 && !marshalsItself(reflect.PointerTo(elem)) {
				return r.Bytes(), true
			}
		}
		return nil, false
	}
	return nil, false
}

func marshalsItself(t reflect.Type) bool {
	return t.Implements(marshalers[0]) || t.Implements(marshalers[1])
}
