package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile has what a terminal would obey, in all forms.
const hostile = "a\x1b]0;title\x07\x1b[2J\u009b31m\u202egnp.exe\u2066\u200b\r\x00\x7f\u2028\U000e0041é👍"

// TestPrintable: what others send cannot command the terminal.
func TestPrintable(t *testing.T) {
	for _, row := range []struct{ why, text, want string }{
		{"words", "a é 👍 日本", "a é 👍 日本"},
		{"escape sequences", "\x1b[2J\u009b2J", `\u001b[2J\u009b2J`},
		{"another direction", "\u202egnp", `\u202egnp`},
		{"what is invisible", "a\u200bb\ufeff", `a\u200bb\ufeff`},
		{"beyond 16 bits", "\U000e0041", `\udb40\udc41`},
		{"no UTF-8", "a\xffb", `a\xffb`},
		{"a replacement character of the sender", "\ufffd", `\ufffd`},
		{"lines", "a\nb", `a\u000ab`},
	} {
		if got := word(row.text); got != row.want {
			t.Errorf("%s: %s, want %s", row.why, got, row.want)
		}
	}
	if got := printable("a\nb\x1b"); got != "a\nb\\u001b" {
		t.Errorf("%q", got)
	}
}

// TestWriteJSON: the same in JSON, which says what it said before.
func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	data, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeJSON(&b, map[string]any{"event": hostile, "data": json.RawMessage(data), "html": "<&>"}); err != nil {
		t.Fatal(err)
	}
	if text := strings.TrimSuffix(b.String(), "\n"); strings.ContainsFunc(text, func(r rune) bool { return !harmless(r) }) || !strings.Contains(text, "<&>") {
		t.Errorf("not harmless, or not readable: %q", text)
	}
	var back map[string]string
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || back["event"] != hostile || back["data"] != hostile {
		t.Errorf("%v: %q", err, back)
	}
}

// TestShown: a line for people has an end.
func TestShown(t *testing.T) {
	long := json.RawMessage(`"` + strings.Repeat("é", maxShown) + `"`)
	if got := shown(long); len(got) > maxShown+60 || !utf8.ValidString(got) || !strings.Contains(got, "4002 bytes") {
		t.Errorf("%d bytes: %s", len(got), got[len(got)-60:])
	}
	if got := shown(nil); got != "null" {
		t.Errorf("nothing is %q", got)
	}
}
