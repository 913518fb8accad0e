package hotsock

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Typed makes a method of a function that takes the parameters of a call as a P,
// usually a struct, and returns an R:
//
//	rt.Handle("order.place", hotsock.Typed(func(ctx context.Context, c hotsock.Call, o Order) (Receipt, error) {
//		…
//	}))
//
// Parameters that do not fit are refused with INVALID_PARAMS and a message that says
// what is wrong, such as "params.amount must be a number". They are read strictly:
// unknown members are refused, and names must be written as in the struct's json
// tags. What is absent or null is left zero; what must be there is for the function
// to check, with an [*Error] of CodeInvalidParams. A field may have any type that
// has a form in JSON; a [time.Duration] has none.
func Typed[P, R any](f func(ctx context.Context, c Call, params P) (R, error)) CallFunc {
	return func(ctx context.Context, c Call) (any, error) {
		var params P
		if err := decodeParams(c.Params, &params); err != nil {
			return nil, err
		}
		return f(ctx, c, params)
	}
}

func decodeParams(text json.RawMessage, params any) error {
	if len(text) == 0 {
		return nil
	}
	err := jsonv2.Unmarshal(text, params, jsonv2.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	wrong, ok := errors.AsType[*jsonv2.SemanticError](err)
	if !ok { // the JSON itself is valid
		return &Error{Code: CodeInvalidParams, Message: codes[CodeInvalidParams].text, cause: err}
	}
	where := paramName(wrong.JSONPointer)
	if errors.Is(wrong.Err, jsonv2.ErrUnknownName) {
		return &Error{Code: CodeInvalidParams, Message: where + " is not known", cause: err}
	}
	return &Error{Code: CodeInvalidParams, Message: where + " " + mustBe(wrong.GoType, wrong.JSONKind), cause: err}
}

// paramName is where something is, such as params.items[0].amount.
func paramName(p jsontext.Pointer) string {
	var b strings.Builder
	b.WriteString("params")
	for name := range p.Tokens() {
		if strings.Trim(name, "0123456789") == "" && name != "" {
			b.WriteString("[" + name + "]")
		} else {
			b.WriteString("." + name)
		}
		if b.Len() > maxParamName {
			return strings.ToValidUTF8(b.String()[:maxParamName], "") + "…"
		}
	}
	return b.String()
}

var (
	jsonUnmarshalers = []reflect.Type{
		reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[jsonv2.UnmarshalerFrom](), reflect.TypeFor[encoding.TextUnmarshaler](),
	}
	timeType = reflect.TypeFor[time.Time]()
)

// mustBe says what a value of the type must be, which a value of the kind is not.
func mustBe(t reflect.Type, is jsontext.Kind) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	const notValid = "is not valid"
	if t == nil {
		return notValid
	}
	if t == timeType {
		return "must be a time such as 2030-07-24T09:00:00Z"
	}
	for _, u := range jsonUnmarshalers {
		if t.Implements(u) || reflect.PointerTo(t).Implements(u) {
			return notValid
		}
	}
	switch t.Kind() {
	case reflect.String:
		return "must be a string"
	case reflect.Bool:
		return "must be true or false"
	case reflect.Float32, reflect.Float64:
		if is == jsontext.KindNumber {
			return "is too large a number"
		}
		return "must be a number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if is == jsontext.KindNumber {
			return "must be an integer that is not too large"
		}
		return "must be a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		if is == jsontext.KindNumber {
			return "must be an integer that is not too large, and not negative"
		}
		return "must be a number"
	case reflect.Struct, reflect.Map:
		return "must be an object"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "must be base64 in a string"
		}
		if t.Kind() == reflect.Array {
			return "must be an array of " + strconv.Itoa(t.Len()) + " elements"
		}
		return "must be an array"
	default:
		return notValid
	}
}
