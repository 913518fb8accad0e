package wire

import (
	"strings"
	"testing"
)

func TestScheduleARN(t *testing.T) {
	const want = "arn:hotsock:scheduler:::schedule/a-Z_09/01K0WF560Z91WTKMSC892S799W"
	arn := ScheduleARN("a-Z_09", idS)
	if arn != want {
		t.Fatalf("got %s, want %s", arn, want)
	}
	if group, id, ok := ParseScheduleARN(arn); group != "a-Z_09" || id != idS || !ok {
		t.Errorf("parsed %q, %v, %v", group, id, ok)
	}
}

func TestParseScheduleARNRefuses(t *testing.T) {
	const prefix, id = "arn:hotsock:scheduler:::schedule/", "01K0WF560Z91WTKMSC892S799W"
	tests := []struct{ why, arn string }{
		{"empty", ""},
		{"the prefix alone", prefix},
		{"no group", prefix + id},
		{"an empty group", prefix + "/" + id},
		{"a group too long", prefix + strings.Repeat("g", 33) + "/" + id},
		{"a group with a colon", prefix + "g:1/" + id},
		{"a group with a dot", prefix + "../" + id},
		{"a group that is not ASCII", prefix + "größe/" + id},
		{"no id", prefix + "g/"},
		{"an id in lower case would be a second name", prefix + "g/" + strings.ToLower(id)},
		{"an id too short", prefix + "g/" + id[1:]},
		{"an id too long", prefix + "g/" + id + "0"},
		{"an id with a bad letter", prefix + "g/" + id[:25] + "U"},
		{"an id that overflows", prefix + "g/8" + id[1:]},
		{"two groups", prefix + "g/h/" + id},
		{"something before it", " " + prefix + "g/" + id},
		{"a newline after it", prefix + "g/" + id + "\n"},
		{"upper case", strings.ToUpper(prefix) + "g/" + id},
		{"Amazon's", "arn:aws:scheduler:us-east-1:111111111111:schedule/g/" + id},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if group, id, ok := ParseScheduleARN(tt.arn); ok || group != "" || !id.IsZero() {
				t.Errorf("ParseScheduleARN(%q) = %q, %v, %v", tt.arn, group, id, ok)
			}
		})
	}
	longest := prefix + strings.Repeat("g", 32) + "/" + id
	if _, _, ok := ParseScheduleARN(longest); !ok {
		t.Error("a group of 32 characters is refused")
	}
}
