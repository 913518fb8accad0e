package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nested returns an array that many levels deep.
func nested(levels int) string {
	return strings.Repeat("[", levels) + strings.Repeat("]", levels)
}

func TestDecodeCommandErrors(t *testing.T) {
	const json, request, large = CodeInvalidJSON, CodeInvalidRequest, CodePayloadTooLarge
	tests := []struct {
		why, frame    string
		code, message string
		want          Command // what is known nevertheless
	}{
		{why: "empty", frame: ``, code: json, message: "empty, not a JSON object"},
		{why: "blank", frame: " \n", code: json, message: "empty, not a JSON object"},
		{why: "an array", frame: `[1]`, code: json, message: "not a JSON object"},
		{why: "a string", frame: `"event"`, code: json, message: "not a JSON object"},
		{why: "null", frame: `null`, code: json, message: "not a JSON object"},
		{why: "not JSON", frame: `hello`, code: json, message: "not valid JSON at byte 0"},
		{why: "a byte order mark", frame: "\ufeff{}", code: json, message: "not valid JSON at byte 0"},
		{why: "JavaScript", frame: `{event:"e"}`, code: json, message: "not valid JSON at byte 1"},
		{why: "single quotes", frame: `{'event':'e'}`, code: json, message: "not valid JSON at byte 1"},
		{why: "a trailing comma", frame: `{"event":"e",}`, code: json, message: "not valid JSON at byte 12"},
		{why: "a comment", frame: `{"event":"e"/**/}`, code: json, message: "not valid JSON at byte 12"},
		{why: "cut short", frame: `{"event":"e"`, code: json, message: "not valid JSON: it ends too early"},
		{why: "cut short within a string", frame: `{"event":"ch`, code: json, message: "not valid JSON: it ends too early"},
		{why: "two objects", frame: `{"event":"e"}{"event":"f"}`, code: json, message: "more than one JSON object"},
		{why: "something after it", frame: `{"event":"e"} x`, code: json, message: "more than one JSON object"},
		{why: "a number with a leading zero", frame: `{"data":01}`, code: json, message: "not valid JSON at byte 9"},
		{why: "not a number", frame: `{"data":NaN}`, code: json, message: "not valid JSON at byte 8"},
		{why: "a raw control character", frame: "{\"event\":\"a\nb\"}", code: json, message: "not valid JSON at byte 11"},

		{why: "an event twice", frame: `{"event":"e","event":"f"}`, code: json, message: "not valid JSON: an object has two members of the same name at byte 13"},
		{
			why: "a member twice, hidden by an escape", frame: `{"event":"e","\u0065vent":"f"}`,
			code: json, message: "not valid JSON: an object has two members of the same name at byte 13",
		},
		{why: "an event twice, the second around another member", frame: `{"event":"e","event":""channel":"c"}`, code: json, message: "not valid JSON: an object has two members of the same name at byte 13"},
		{why: "a comma for a value", frame: `{"event":"e","data":,1}`, code: json, message: "not valid JSON at byte 20"},
		{why: "an unknown member twice", frame: `{"x":1,"x":1}`, code: json, message: "not valid JSON: an object has two members of the same name at byte 7"},
		{
			why: "a member of data twice", frame: `{"event":"e","data":[{"a":1,"a":2}]}`,
			code: json, message: "not valid JSON: an object has two members of the same name at byte 28",
		},
		{why: "invalid UTF-8", frame: "{\"event\":\"\xff\"}", code: json, message: "not valid UTF-8"},
		{why: "invalid UTF-8 in data", frame: "{\"event\":\"e\",\"data\":[\"a\xc3\"]}", code: json, message: "not valid UTF-8"},
		{why: "a surrogate as UTF-8", frame: "{\"data\":\"\xed\xa0\x80\"}", code: json, message: "not valid UTF-8"},
		{why: "a lone surrogate", frame: `{"data":"\ud83d"}`, code: json, message: "not valid JSON at byte 9"},
		{why: "surrogates in the wrong order", frame: `{"data":"\udc4b\ud83d"}`, code: json, message: "not valid JSON at byte 9"},

		{why: "no event, but more", frame: `{"channel":"c","data":1}`, code: request, message: `"event" is required`, want: Command{Channel: "c"}},
		{why: "no event", frame: `{}`, code: request, message: `"event" is required`},
		{why: "an event in another case", frame: `{"Event":"e"}`, code: request, message: `"event" is required`},
		{why: "a null event", frame: `{"event":null}`, code: request, message: `"event" is required`},
		{why: "an empty event", frame: `{"event":""}`, code: request, message: `"event" is required`},
		{why: "a number for an event", frame: `{"event":1}`, code: request, message: `"event" must be a string`},
		{why: "an object for a channel", frame: `{"event":"e","channel":{}}`, code: request, message: `"channel" must be a string`},
		{why: "an array for a key", frame: `{"event":"e","key":["k"]}`, code: request, message: `"key" must be a string`},
		{why: "a number for a ref", frame: `{"event":"e","ref":1}`, code: request, message: `"ref" must be a string`},
		{why: "true for a schedule", frame: `{"event":"e","scheduleExpression":true}`, code: request, message: `"scheduleExpression" must be a string`},
		{
			why: "a long ref", frame: `{"event":"e","ref":"` + strings.Repeat("é", 65) + `"}`,
			code: request, message: `"ref" must not be longer than 64 characters`,
		},
		{
			why: "deep data", frame: `{"event":"e","data":` + nested(65) + `}`,
			code: request, message: `"data" must not be nested deeper than 64 levels`,
		},
		{
			why: "far too deep data", frame: `{"event":"e","data":` + nested(50_000) + `}`,
			code: request, message: `"data" must not be nested deeper than 64 levels`,
		},
		{
			why: "a deep unknown member", frame: `{"event":"e","x":` + strings.Repeat(`{"":`, 65) + "1" + strings.Repeat("}", 65) + `}`,
			code: request, message: `"x" must not be nested deeper than 64 levels`,
		},
		{
			why: "long data", frame: `{"event":"e","data":"` + strings.Repeat("a", maxData-1) + `"}`,
			code: large, message: `"data" must not be longer than 1000 bytes`,
		},
		{
			why: "data that would be short without its spaces", frame: `{"event":"e","data":[` + strings.Repeat(" ", maxData-1) + `]}`,
			code: large, message: `"data" must not be longer than 1000 bytes`,
		},

		{
			why: "the channel and ref are read before the error", frame: `{"channel":"c","ref":"r","event":1}`,
			code: request, message: `"event" must be a string`, want: Command{Channel: "c", Ref: "r"},
		},
		{
			why: "and after it", frame: `{"event":1,"channel":"c","ref":"r"}`,
			code: request, message: `"event" must be a string`, want: Command{Channel: "c", Ref: "r"},
		},
		{
			why: "also after data that is too deep", frame: `{"event":"e","data":` + nested(65) + `,"channel":"c","ref":"r"}`,
			code: request, message: `"data" must not be nested deeper than 64 levels`, want: Command{Channel: "c", Ref: "r"},
		},
		{
			why: "but only before what is not JSON, of which the client hears", frame: `{"event":1,"channel":"c",nonsense,"ref":"r"}`,
			code: json, message: "not valid JSON at byte 26", want: Command{Channel: "c"},
		},
		{
			why: "the first of several errors", frame: `{"channel":1,"ref":2}`,
			code: request, message: `"channel" must be a string`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := DecodeCommand([]byte(tt.frame), maxData)
			if diff := cmp.Diff(error(&Error{tt.code, tt.message}), err); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Channel != tt.want.Channel || got.Ref != tt.want.Ref {
				t.Errorf("channel %q and ref %q, want %q and %q", got.Channel, got.Ref, tt.want.Channel, tt.want.Ref)
			}
			// What one hostile frame left behind must not show in the next.
			after, err := DecodeCommand([]byte(`{"event":"e"}`), maxData)
			if diff := cmp.Diff(Command{Event: "e"}, after); err != nil || diff != "" {
				t.Errorf("next frame: error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}
