package protocol

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestValidChannel(t *testing.T) {
	tests := []struct {
		why, name string
		want      bool
	}{
		{"a word", "room", true},
		{"dots, hyphens and so on", "presence.room-1_2/3:4;5|6(7)", true},
		{"one character", "a", true},
		{"256 characters", strings.Repeat("a", 256), true},
		{"256 characters of four bytes", strings.Repeat("👋", 256), true},
		{"not ASCII", "Füße-部屋", true},
		{"a joiner, as in emoji", "👩\u200d🚀", true},
		{"the replacement character itself", "a\uFFFDb", true},
		{"braces, which Redis knows", "{}", true},
		{"quotes and backslashes", `"\`, true},

		{"empty", "", false},
		{"257 characters", strings.Repeat("a", 257), false},
		{"257 characters of two bytes", strings.Repeat("é", 257), false},
		{"far too long", strings.Repeat("a", 1<<20), false},
		{"an asterisk", "room.*", false},
		{"a number sign", "room#1", false},
		{"a comma", "a,b", false},
		{"a space", "a b", false},
		{"a tab", "a\tb", false},
		{"a newline at the end", "a\n", false},
		{"a zero byte", "a\x00", false},
		{"delete", "a\x7f", false},
		{"a control character beyond ASCII", "a\u0081", false},
		{"next line", "a\u0085", false},
		{"a no-break space", "a\u00a0b", false},
		{"an ideographic space", "a\u3000b", false},
		{"a line separator", "a\u2028b", false},
		{"a paragraph separator", "a\u2029b", false},
		{"invalid UTF-8", "a\xff", false},
		{"UTF-8 cut short", "a\xe2\x82", false},
		{"a surrogate as UTF-8", "\xed\xa0\x80", false},
		{"more bytes than needed", "\xc0\xaf", false},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := ValidChannel(tt.name); got != tt.want {
				t.Errorf("ValidChannel(%.50q) = %v", tt.name, got)
			}
			if got := validName(tt.name, MaxChannel); got != tt.want {
				t.Errorf("validName(%.50q) = %v", tt.name, got)
			}
		})
	}
}

func TestValidEvent(t *testing.T) {
	tests := []struct {
		why, name string
		want      bool
	}{
		{"a word", "chat", true},
		{"spaces, commas and number signs", "a new, #hot message", true},
		{"a space of another kind", "a\u3000b", true},
		{"128 characters", strings.Repeat("👋", 128), true},
		{"ours in another case", "Hotsock.subscribe", true},
		{"ours without the dot", "hotsock", true},
		{"ours further on", "my.hotsock.event", true},

		{"empty", "", false},
		{"129 characters", strings.Repeat("a", 129), false},
		{"one of ours", "hotsock.subscribe", false},
		{"nothing but our prefix", "hotsock.", false},
		{"a number sign at the beginning", "#regex:a", false},
		{"an asterisk", "chat.*", false},
		{"a newline", "a\nb", false},
		{"a zero byte", "\x00", false},
		{"a line separator", "a\u2028b", false},
		{"invalid UTF-8", "\xff", false},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := ValidEvent(tt.name); got != tt.want {
				t.Errorf("ValidEvent(%.50q) = %v", tt.name, got)
			}
		})
	}
}

func TestLimitsOfNames(t *testing.T) {
	const most = int(^uint(0) >> 1)
	if !validName("a", most) || !validEvent("a", most) {
		t.Error("an enormous limit refuses everything")
	}
	if validName("ab", 1) || validEvent("ab", 1) {
		t.Error("a limit of 1 is not kept")
	}
	if key := strings.Repeat("a", MaxKey); !ValidKey(key) || ValidKey(key+"a") {
		t.Errorf("the limit of storage keys is not %d characters", MaxKey)
	}
}

func TestNamesAllocateNothing(t *testing.T) {
	name := strings.Repeat("é", 100)
	n := testing.AllocsPerRun(100, func() {
		ValidChannel(name)
		ValidKey(name)
		ValidEvent(name)
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestIsPresence(t *testing.T) {
	for name, want := range map[string]bool{
		"presence.chat": true, "presence.": true, "presence": false, "Presence.chat": false, "a.presence.chat": false,
	} {
		if got := IsPresence(name); got != want {
			t.Errorf("IsPresence(%q) = %v", name, got)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, s := range []string{"room.123", "presence.chat", "hotsock.x", "#a", "a b", "a\u2028", "\xff", "👩🏽‍🚀", "é*", "\u0085"} {
		f.Add(s, 5)
		f.Add(s, 128)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		if most < 1 {
			return
		}
		runes := []rune(s)
		valid := utf8.ValidString(s) && len(runes) > 0
		noSpace := !slices.ContainsFunc(runes, unicode.IsSpace)
		clean := valid && !slices.ContainsFunc(runes, func(r rune) bool {
			return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp)
		})
		channel := clean && noSpace && len(runes) <= most && !strings.ContainsAny(s, "*#,")
		event := clean && len(runes) <= most && !strings.Contains(s, "*") && s[0] != '#' && !strings.HasPrefix(s, "hotsock.")
		got := []bool{validName(s, most), validEvent(s, most)}
		if diff := cmp.Diff([]bool{channel, event}, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", s, diff)
		}
	})
}
