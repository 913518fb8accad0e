package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hotsock-go/hotsock/store"
)

// streamed is a message as it is while it is streamed, and when it was published.
var streamed, streamBegun = &store.Message{
	ID: idA, Event: "answer", Channel: "chat.123", Data: []byte(`"Hello"`), Updates: 2, Updated: idB, Stream: StreamOpen,
}, &store.Message{ID: idA, Event: "answer", Channel: "chat.123", Data: []byte(`""`), Stream: StreamOpen}

// appendNotice does what a store does with the data of an append's notice.
func appendNotice(a Appended, text string) *store.Message {
	data, end := AppendAppendData(nil, a)
	data, _ = AppendText(data, text)
	return &store.Message{ID: idC, Event: EventMessageAppended, Channel: "chat.123", Data: append(data, end...)}
}

// encodedAppends has those of appends and streams.
var encodedAppends = map[string]func(b []byte) []byte{
	"frame-message-stream":         func(b []byte) []byte { return AppendMessage(b, streamBegun) },
	"frame-message-stream-updated": func(b []byte) []byte { return AppendMessage(b, streamed) },
	"frame-messageAppended": func(b []byte) []byte {
		return AppendMessage(b, appendNotice(Appended{MessageID: idA, Offset: 5, Version: 4}, ", \"world\" 👋\n"))
	},
	"frame-messageAppended-complete": func(b []byte) []byte {
		return AppendMessage(b, appendNotice(Appended{MessageID: idA, Offset: 17, Version: 5, Stream: StreamComplete}, ""))
	},
	"frame-messageAppended-aborted": func(b []byte) []byte {
		return AppendMessage(b, appendNotice(Appended{MessageID: idA, Offset: 17, Version: 5, Stream: AppendAborted(nil, "stopped")}, "!"))
	},
	"frame-messageAppended-lost": func(b []byte) []byte {
		return AppendMessage(b, appendNotice(Appended{MessageID: idA, Offset: 17, Version: 5, Stream: StreamLost}, ""))
	},
	"answer-listMessages-stream": func(b []byte) []byte {
		return AppendMessagePage(b, MessagePage{Messages: []*store.Message{streamed}, Tallies: []store.Tally{{}}, MaxBytes: 1 << 20})
	},
}

func TestDecodeAppend(t *testing.T) {
	id := `{"messageId":"` + idA.String() + `"`
	tests := []struct {
		why, data, message string
		want               Append
	}{
		{"any version", id + `,"text":"a \"b\" \u00e4"}`, "", Append{MessageID: idA, Text: `a "b" ä`}},
		{"one version", id + `,"ifVersion":7,"text":"a"}`, "", Append{MessageID: idA, Text: "a", IfVersion: 7}},
		{"nothing is text, too", id + `,"text":""}`, "", Append{MessageID: idA}},
		{"no id", `{"text":"a"}`, `"data.messageId" is required`, Append{}},
		{"no text", id + `}`, `"data.text" is required`, Append{}},
		{"null", id + `,"text":null}`, `"data.text" is required`, Append{}},
		{"a number", id + `,"text":1}`, `"data.text" must be a string`, Append{}},
		{"a version that is none", id + `,"text":"","ifVersion":0}`, `"data.ifVersion" must be an integer from 1 to 9007199254740991`, Append{}},
		{"no object", `"a"`, `"data" must be an object`, Append{}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := DecodeAppend([]byte(tt.data))
			if tt.message != "" {
				if diff := cmp.Diff(error(invalid(tt.message)), err); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestDecodeStreamStop(t *testing.T) {
	if id, err := DecodeStreamStop([]byte(`{"messageId":"` + idA.String() + `"}`)); id != idA || err != nil {
		t.Errorf("got %v, %v", id, err)
	}
	for _, data := range []string{``, `{}`, `{"messageId":1}`, `{"messageId":"x"}`, `[]`} {
		if _, err := DecodeStreamStop([]byte(data)); err == nil {
			t.Errorf("%s is accepted", data)
		}
	}
}

func TestFindText(t *testing.T) {
	tests := []struct {
		why, data   string
		tail, units int
		ok          bool
	}{
		{"a string", `"Hello"`, 1, 5, true},
		{"an empty one", `""`, 1, 0, true},
		{"escapes and other planes", `"\"\u00e4👋\n"`, 1, 5, true},
		{"text at the end", `{"a":[1,{"text":"no"}],"text":"Hi"}`, 2, 2, true},
		{"text before others", `{"text":"Hi","n":1}`, len(`","n":1}`), 2, true},
		{"a name with escapes", `{"te\u0078t":"Hi"}`, 2, 2, true},
		{"text that is no string", `{"text":1}`, 0, 0, false},
		{"no text", `{"Text":"Hi"}`, 0, 0, false},
		{"text deeper down", `{"a":{"text":"Hi"}}`, 0, 0, false},
		{"an array", `["text"]`, 0, 0, false},
		{"a number", `1`, 0, 0, false},
		{"no data", ``, 0, 0, false},
	}
	for _, tt := range tests {
		if tail, units, ok := FindText([]byte(tt.data)); tail != tt.tail || units != tt.units || ok != tt.ok {
			t.Errorf("%s: tail %d, %d units, %v", tt.why, tail, units, ok)
		}
	}
}

func TestAppendText(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		"Hi":                 "Hi",
		"\"\\\n\x00\u2028👋é": `\"\\\n\u0000` + "\u2028👋é",
		"a\xff":              "a\uFFFD",
	} {
		got, units := AppendText([]byte("before"), text)
		if string(got) != "before"+want || units != TextUnits([]byte(want)) {
			t.Errorf("%q: %q with %d units, want %q", text, got, units, want)
		}
	}
	if _, units := AppendText(nil, strings.Repeat("👋", 3)); units != 6 {
		t.Errorf("%d units, want 6", units)
	}
}
