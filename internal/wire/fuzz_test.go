package wire

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

func FuzzDecodeCommand(f *testing.F) {
	for _, name := range frameNames(f, "command-") {
		f.Add(readFrame(f, name))
	}
	for _, s := range []string{
		` { "event" : "e" , "data" : { "a" : [ 1 , "b c" ] } } `, `{"event":"e","event":"f"}`, `{"\u0065vent":"e"}`,
		`{"event":"e","data":` + nested(65) + `}`, `{"event":1,"channel":"c","ref":"r"}`, "{\"event\":\"\xff\"}", `{"event":"\ud800"}`,
		`{"event":"e","event":""channel":"c"}`, `{"event":"e","data":,1}`, `{"data":1 ,"event":"e"}`, `{"event":"e","ref":""}`,
		`{"ref":"r","key":"k","data": "d","channel":"c","event":"e"}`, `{"event":"e"},`, `{"event":"e","data":1}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		const maxData = 100
		before := string(frame)
		got, err := DecodeCommand(frame, maxData)
		if string(frame) != before {
			t.Fatalf("the frame was changed to %q", frame)
		}
		checkError(t, err)

		// The library's reflection says what the frame means, but for limits.
		var want struct {
			Event     *string        `json:"event"`
			Channel   *string        `json:"channel"`
			Key       *string        `json:"key"`
			Data      jsontext.Value `json:"data"`
			Ref       *string        `json:"ref"`
			Expr      *string        `json:"scheduleExpression"`
			Timezone  *string        `json:"scheduleExpressionTimezone"`
			Dedup     *string        `json:"deduplicationId"`
			IfVersion jsontext.Value `json:"ifVersion"`
			Version   *bool          `json:"version"`
		}
		wantErr := json.Unmarshal(frame, &want)
		deref := func(s *string) string {
			if s == nil {
				return ""
			}
			return *s
		}
		ifVersion, versionErr := versionIn(want.IfVersion)
		if err != nil {
			allowed := wantErr != nil || versionErr != nil || !bytes.HasPrefix(bytes.TrimLeft(frame, space), []byte("{")) || deref(want.Event) == "" ||
				utf8.RuneCountInString(deref(want.Ref)) > MaxRef || len(want.Data) > maxData || memberDepth(frame) > protocol.MaxDepth
			if !allowed {
				t.Errorf("error %v", err)
			}
			return
		}
		if wantErr := errors.Join(wantErr, versionErr); wantErr != nil {
			t.Fatalf("no error, but the library says %v", wantErr)
		}
		if want.Data != nil {
			if err := want.Data.Compact(jsontext.PreserveRawStrings(true)); err != nil {
				t.Fatal(err)
			}
		}
		command := Command{
			Event: deref(want.Event), Channel: deref(want.Channel), Key: deref(want.Key), Data: want.Data, Ref: deref(want.Ref),
			DeduplicationID: deref(want.Dedup), IfVersion: ifVersion, WithVersion: want.Version != nil && *want.Version,
			Schedule: Schedule{deref(want.Expr), deref(want.Timezone)},
		}
		if diff := cmp.Diff(command, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// versionIn is what an "ifVersion" means, by the libraries; nil for one that is not there.
func versionIn(text jsontext.Value) (*ulid.ULID, error) {
	var version ulid.ULID
	switch {
	case text == nil:
		return nil, nil
	case text.Kind() == 'n':
		return &version, nil
	}
	var s string
	err := json.Unmarshal(text, &s)
	if err == nil {
		version, err = ulid.ParseStrict(s)
	}
	if err == nil && version.IsZero() {
		err = errors.New("zero")
	}
	return &version, err
}

// memberDepth is how deep the deepest member of an object is nested.
func memberDepth(object []byte) int { return depth(object) - 1 }

// checkError fails the test unless err is one that may be sent to a client.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("error %v is a %T", err, err)
	}
	if e.Code != CodeInvalidJSON && e.Code != CodeInvalidRequest && e.Code != CodePayloadTooLarge {
		t.Errorf("code %q", e.Code)
	}
	if len(e.Message) > 200 && !strings.Contains(e.Message, "nested") || strings.Contains(e.Message, "json") {
		t.Errorf("message %q", e.Message)
	}
}

func FuzzBodies(f *testing.F) {
	operations := slices.Sorted(maps.Keys(decoders))
	for i, operation := range operations {
		for _, name := range frameNames(f, "body-"+operation) {
			f.Add(uint8(i), readFrame(f, name))
		}
		f.Add(uint8(i), []byte(`{"channel":null,"keys":[1],"store":1e3,"after":"x","scheduleArn":""}`))
		f.Add(uint8(i), []byte(`{"channel":"c","event":"e","key":"k","ref":"`+strings.Repeat("r", MaxRef+1)+`","data":{"a":1}}`))
	}
	f.Fuzz(func(t *testing.T, operation uint8, body []byte) {
		name := operations[int(operation)%len(operations)]
		before := string(body)
		got, err := decoders[name](body)
		if string(body) != before {
			t.Fatalf("the body was changed to %q", body)
		}
		checkError(t, err)

		var members map[string]jsontext.Value
		object := json.Unmarshal(body, &members) == nil && members != nil
		if e, ok := errors.AsType[*Error](err); ok {
			if object && e.Code == CodeInvalidJSON {
				t.Errorf("%v, but it is JSON", err)
			}
			return
		}
		if !object {
			t.Fatalf("no error, but it is no JSON object")
		}
		channel, ok := got.(string)
		if v := reflect.ValueOf(got); v.Kind() == reflect.Struct {
			field := v.FieldByName("Channel")
			if ok = field.IsValid(); ok {
				channel = field.String()
			}
			if data := v.FieldByName("Data"); data.IsValid() {
				checkData(t, data.Bytes(), members["data"])
			}
		}
		if !ok {
			return // that operation has none
		}
		var want string
		if err := json.Unmarshal(orNull(members["channel"]), &want); err != nil || channel != want {
			t.Errorf("channel %q, want %q, error %v", channel, want, err)
		}
	})
}

func orNull(v jsontext.Value) jsontext.Value {
	if v == nil {
		return jsontext.Value("null")
	}
	return v
}

func checkData(t *testing.T, got []byte, want jsontext.Value) {
	t.Helper()
	if want != nil {
		if err := want.Compact(jsontext.PreserveRawStrings(true)); err != nil {
			t.Fatal(err)
		}
	}
	if string(got) != string(want) || (got == nil) != (want == nil) {
		t.Errorf("data %q, want %q", got, want)
	}
}

// FuzzIDs holds what is taken for an id against the definition of ULIDs.
func FuzzIDs(f *testing.F) {
	for _, s := range []string{"", idA.String(), strings.ToLower(idA.String()), "8" + idA.String()[1:], ulid.ULID{}.String(), "x"} {
		f.Add(s)
	}
	pattern := regexp.MustCompile(`^(?i:[0-7][0-9A-HJKMNP-TV-Z]{25})$`)
	f.Fuzz(func(t *testing.T, s string) {
		quoted, err := jsontext.AppendQuote(nil, s)
		if err != nil {
			return
		}
		m, err := DecodeListMessages([]byte(`{"channel":"c","after":` + string(quoted) + `}`))
		checkError(t, err)
		if want := s == "" || pattern.MatchString(s) && isASCII(s); want != (err == nil) {
			t.Errorf("after %q: %v", s, err)
		}
		if err == nil && s != "" && !strings.EqualFold(m.After.String(), s) {
			t.Errorf("after %q is %v", s, m.After)
		}
	})
}

// isASCII is there because the pattern, ignoring case, takes "ſ" for "S".
func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

func FuzzScheduleARN(f *testing.F) {
	for _, s := range []string{arnS, strings.ToLower(arnS), arnS + "/", "arn:hotsock:scheduler:::schedule//" + idS.String()} {
		f.Add(s)
	}
	pattern := regexp.MustCompile(`^arn:hotsock:scheduler:::schedule/[A-Za-z0-9_-]{1,32}/[0-7][0-9A-HJKMNP-TV-Z]{25}$`)
	f.Fuzz(func(t *testing.T, arn string) {
		group, id, ok := ParseScheduleARN(arn)
		if want := pattern.MatchString(arn); ok != want {
			t.Errorf("ParseScheduleARN(%q) = %v", arn, ok)
		}
		if ok && ScheduleARN(group, id) != arn {
			t.Errorf("%q became %q", arn, ScheduleARN(group, id))
		}
	})
}

// FuzzEqual compares two values with what the standard library and exact
// fractions make of them.
func FuzzEqual(f *testing.F) {
	for _, s := range [][2]string{
		{`{"a":1,"b":[2]}`, `{"b":[2.0],"a":1e0}`},
		{`"\u0061"`, `"a"`},
		{`-0`, `0`},
		{`1e3`, `1000`},
		{`0.10`, `1e-1`},
		{`[1,23]`, `[12,3]`},
		{`{"a":1,"a":2}`, `{"a":2}`},
		{` null`, `null `},
		{`10e-3`, `0.01`},
		{`1e400`, `10e399`},
	} {
		f.Add([]byte(s[0]), []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		ta, okA := tree(a)
		tb, okB := tree(b)
		if !okA || !okB {
			return
		}
		if got, want := Equal(a, b), reflect.DeepEqual(ta, tb); got != want {
			t.Errorf("Equal(%q, %q) = %v", a, b, got)
		}
		// In another form.
		if !jsontext.Value(a).IsValid() {
			return
		}
		var v any
		dec := stdjson.NewDecoder(bytes.NewReader(a))
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			t.Fatal(err)
		}
		other, err := stdjson.MarshalIndent(v, "\n", " \t")
		if err != nil {
			t.Fatal(err)
		}
		if !Equal(a, other) {
			t.Errorf("Equal(%q, %q) = false", a, other)
		}
	})
}

// tree returns what a JSON text means, with each number as an exact fraction in
// text. It is not ok if that would be large.
func tree(text []byte) (v any, ok bool) {
	if !jsontext.Value(text).IsValid() || depth(text) > protocol.MaxDepth {
		return "invalid " + string(text), true
	}
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	v, ok = subtree(dec)
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		panic(err)
	}
	return v, ok
}

func subtree(dec *jsontext.Decoder) (v any, ok bool) {
	token, err := dec.ReadToken()
	if err != nil {
		panic(err)
	}
	ok = true
	switch token.Kind() {
	case '"':
		return token.String(), true
	case '0':
		s := token.String()
		if i := strings.IndexAny(s, "eE"); i >= 0 {
			if e, err := strconv.Atoi(s[i+1:]); err != nil || e < -1000 || e > 1000 {
				return nil, false
			}
		}
		r, ok := new(big.Rat).SetString(s)
		return struct{ number string }{r.String()}, ok
	case '[':
		list := []any{}
		for dec.PeekKind() != ']' {
			e, o := subtree(dec)
			list, ok = append(list, e), ok && o
		}
		_, _ = dec.ReadToken()
		return list, ok
	case '{':
		object := map[string]any{}
		for dec.PeekKind() != '}' {
			name, _ := dec.ReadToken()
			key := name.String()
			e, o := subtree(dec)
			object[key], ok = e, ok && o
		}
		_, _ = dec.ReadToken()
		return object, ok
	default:
		return token.Kind(), true
	}
}

// FuzzNumbers compares numbers with big.Rat.
func FuzzNumbers(f *testing.F) {
	for _, s := range [][2]string{
		{"1", "1.0"}, {"-0", "0e5"}, {"123e2", "12300"}, {"0.00120", "12e-4"}, {"1e-300", "1e-299"}, {"-1", "1"}, {"1e+05", "100000"},
	} {
		f.Add(s[0], s[1])
	}
	number := regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)
	f.Fuzz(func(t *testing.T, a, b string) {
		if !number.MatchString(a) || !number.MatchString(b) {
			return
		}
		ra, _ := new(big.Rat).SetString(a)
		rb, _ := new(big.Rat).SetString(b)
		if got, want := Equal([]byte(a), []byte(b)), ra.Cmp(rb) == 0; got != want {
			t.Errorf("Equal(%s, %s) = %v", a, b, got)
		}
	})
}
