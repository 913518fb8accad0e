package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock/internal/protocol"
)

func TestValue(t *testing.T) {
	tests := []struct {
		why, text string
		limit     int
		want      string
		err       *Error
	}{
		{"compact already", `{"a":1}`, 7, `{"a":1}`, nil},
		{"white space is taken out", " { \"a\" : \"b c\" }\n", 100, `{"a":"b c"}`, nil},
		{"white space counts", ` 1`, 1, "", &Error{CodePayloadTooLarge, `"umd" must not be longer than 1 bytes`}},
		{"too long", `"aaa"`, 4, "", &Error{CodePayloadTooLarge, `"umd" must not be longer than 4 bytes`}},
		{"as deep as allowed", nested(64), 1000, nested(64), nil},
		{"deeper", nested(65), 1000, "", &Error{CodeInvalidJSON, `"umd" must not be nested deeper than 64 levels`}},
		{"nothing", ``, 100, "", &Error{CodeInvalidJSON, `"umd" is not valid JSON: it ends too early`}},
		{"blank", "\n", 100, "", &Error{CodeInvalidJSON, `"umd" is not valid JSON: it ends too early`}},
		{"not JSON", `nil`, 100, "", &Error{CodeInvalidJSON, `"umd" is not valid JSON at byte 1`}},
		{"two values", `1 2`, 100, "", &Error{CodeInvalidJSON, `"umd" is more than one JSON value`}},
		{"something after it", `1}`, 100, "", &Error{CodeInvalidJSON, `"umd" is more than one JSON value`}},
		{"a member twice", `{"a":1,"a":1}`, 100, "", &Error{CodeInvalidJSON, `"umd" is not valid JSON: an object has two members of the same name at byte 7`}},
		{"invalid UTF-8", "\"\xff\"", 100, "", &Error{CodeInvalidJSON, `"umd" is not valid UTF-8`}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			before := tt.text
			text := []byte(tt.text)
			got, err := Value("umd", text, tt.limit)
			if tt.err != nil {
				if diff := cmp.Diff(error(tt.err), err); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			if diff := cmp.Diff(tt.want, string(got)); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
			if string(text) != before {
				t.Errorf("the text was changed to %q", text)
			}
		})
	}
}

func TestIsClear(t *testing.T) {
	tests := []struct {
		why, value string
		want       bool
	}{
		{"null", `null`, true},
		{"an empty object", `{}`, true},
		{"null with space", " null\n", true},
		{"an empty object with space", "\t{ \r\n }", true},
		{"an empty array is a value", `[]`, false},
		{"an empty string is a value", `""`, false},
		{"false is a value", `false`, false},
		{"0 is a value", `0`, false},
		{"the string null is a value", `"null"`, false},
		{"an object", `{"":null}`, false},
		{"an array of an empty object", `[{}]`, false},
		{"no JSON at all", `{`, false},
		{"nothing", ``, false},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := IsClear([]byte(tt.value)); got != tt.want {
				t.Errorf("IsClear(%q) = %v", tt.value, got)
			}
		})
	}
}

func TestDepth(t *testing.T) {
	tests := []struct {
		why, text string
		want      int
	}{
		{"no array or object", `1`, 0},
		{"one", `[]`, 1},
		{"both kinds", `[{"a":[]}]`, 3},
		{"beside each other", `[[],[[]],[]]`, 3},
		{"in a string", `["[[[["]`, 1},
		{"in a string with escapes", `["\\\"[[[["]`, 1},
		{"only the first", `[] [[]]`, 1},
		{"unfinished", `[[[`, 3},
		{"an unfinished string", `["[[`, 1},
		{"an unfinished escape", `["\`, 1},
		{"closed too often", `]]][[`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := depth([]byte(tt.text)); got != tt.want {
				t.Errorf("depth(%q) = %d, want %d", tt.text, got, tt.want)
			}
		})
	}
	// What spares most texts the walk must never spare one that is too deep.
	for _, levels := range []int{1, 5, protocol.MaxDepth} {
		for _, n := range []int{levels, levels + 1} {
			if got, want := manyBrackets([]byte(nested(n)), levels), n > levels; got != want {
				t.Errorf("manyBrackets(%d levels, %d) = %v", n, levels, got)
			}
		}
		if manyBrackets([]byte(strings.Repeat("[", 2*levels)), levels) {
			t.Errorf("%d brackets that are never closed cannot be valid", 2*levels)
		}
	}
}

func TestStringEnd(t *testing.T) {
	for _, row := range []struct {
		why, text string
		end       int
	}{
		{"empty", `"" `, 2},
		{"what follows has quotes, too", `"ab","c"`, 4},
		{"a quote in it", `"a\"b" `, 6},
		{"a backslash at its end", `"a\\" "`, 5},
		{"a backslash and a quote", `"\\\"" `, 6},
		{"a backslash behind it", `"a"\`, 3},
		{"escapes only", `"\\\\\\"`, 8},
		{"it does not end", `"abc`, 4},
		{"its quote is escaped", `"abc\"`, 6},
		{"it ends within an escape", `"abc\`, 5},
		{"it has only begun", `"`, 1},
	} {
		if end := stringEnd([]byte(row.text), 0); end != row.end {
			t.Errorf("%s: %q ends at %d, want %d", row.why, row.text, end, row.end)
		}
	}
}
