package appdata

import (
	"encoding/json"
	"errors"
	"testing"
)

type (
	blob     []byte
	octet    byte
	hex      []byte
	document struct{ Body []byte }
)

func (hex) MarshalText() ([]byte, error) { return []byte("7b7d"), nil }

func TestMarshal(t *testing.T) {
	text := []byte(`{"a":1}`)
	var none []byte
	for _, tt := range []struct {
		why  string
		v    any
		want string // "" if refused
	}{
		{"nothing", nil, "null"},
		{"text", "{}", `"{}"`},
		{"JSON", json.RawMessage(`{"a":1}`), `{"a":1}`},
		{"a pointer to JSON", new(json.RawMessage(`{"a":1}`)), `{"a":1}`},
		{"no JSON", json.RawMessage(nil), "null"},
		{"bytes", text, `{"a":1}`},
		{"a pointer to bytes", &text, `{"a":1}`},
		{"a pointer to a pointer to bytes", new(&text), `{"a":1}`},
		{"a named type of bytes", blob(text), `{"a":1}`},
		{"a type of named bytes", []octet(`[1]`), `[1]`},
		{"no bytes", none, "null"},
		{"a pointer to no bytes", &none, "null"},
		{"no pointer", (*[]byte)(nil), "null"},
		{"bytes that are no JSON", []byte("hello"), ""},
		{"named bytes that are no JSON", blob("hello"), ""},
		{"empty bytes", []byte{}, ""},
		{"a pointer to bytes that are no JSON", new([]byte("\xff")), ""},
		{"bytes that marshal themselves", hex(text), `"7b7d"`},
		{"an array", [2]byte{1, 2}, "[1,2]"},
		{"bytes inside", document{[]byte("hello")}, `{"Body":"aGVsbG8="}`},
		{"bytes in a list", [][]byte{[]byte("{}")}, `["e30="]`},
	} {
		got, err := Marshal(tt.v)
		if tt.want == "" {
			if !errors.Is(err, ErrNotJSON) {
				t.Errorf("%s: got %s, %v, want ErrNotJSON", tt.why, got, err)
			}
			continue
		}
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.why, got, err, tt.want)
		}
	}
}
