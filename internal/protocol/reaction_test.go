package protocol

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestNormalReaction(t *testing.T) {
	tests := []struct{ why, text, want string }{ // "" for what is no reaction
		{"an emoji", "👍", "👍"},
		{"with a style that it has anyway", "👍\uFE0F", "👍"},
		{"as text", "👍\uFE0E", "👍"},
		{"with a skin tone", "👍🏽", "👍🏽"},
		{"a skin tone after a style", "☝\uFE0F🏽", "☝🏽"},
		{"what needs the style", "❤", "❤\uFE0F"},
		{"and has it", "❤\uFE0F", "❤\uFE0F"},
		{"and is text", "❤\uFE0E", "❤\uFE0F"},
		{"several joined", "👩🏽\u200D🚀", "👩🏽\u200D🚀"},
		{"joined, without the style", "🏳\u200D🌈", "🏳\uFE0F\u200D🌈"},
		{"joined, with the style", "🏳\uFE0F\u200D🌈", "🏳\uFE0F\u200D🌈"},
		{"a flag", "🇩🇪", "🇩🇪"},
		{"a flag of tags", "🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F", "🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F"},
		{"a keycap", "#\uFE0F\u20E3", "#\uFE0F\u20E3"},
		{"a keycap without the style", "#\u20E3", "#\uFE0F\u20E3"},
		{"a keycap with a number", "1\u20E3", "1\uFE0F\u20E3"},
		{"a number", "1", "1"},
		{"a number with a style", "1\uFE0F", "1"},
		{"words", "well done", "well done"},
		{"spaces around", " well\u00a0done\u3000", "well done"},
		{"an asterisk and a comma", "*,", "*,"},
		{"a letter and its accent", "e\u0301", "é"},
		{"with something invisible in between", "e\u200B\u0301", "é"},
		{"something invisible around", "\uFEFF\u200B+1\u200D\u2060", "+1"},
		{"another direction", "\u202Eok\u202C", "ok"},
		{"a joiner that joins nothing", "o\u200Dk", "ok"},
		{"a joiner in a script that has them", "می\u200Cخواهم", "می\u200Cخواهم"},
		{"tags on what is no flag", "👍\U000E0067\U000E007F", "👍"},
		{"100 bytes", strings.Repeat("👍", 25), strings.Repeat("👍", 25)},
		{"100 bytes when it is normal", strings.Repeat("👍\uFE0F", 25), strings.Repeat("👍", 25)},

		{"empty", "", ""},
		{"101 bytes", strings.Repeat("a", 101), ""},
		{"26 characters that are 104 bytes", strings.Repeat("👍", 26), ""},
		{"101 bytes when it is normal", strings.Repeat("❤", 17), ""},
		{"blank", "  ", ""},
		{"blank in another way", "\u3000\u00a0", ""},
		{"of no width", "\u200B\u200D\uFEFF\u2060", ""},
		{"a style alone", "\uFE0F", ""},
		{"tags alone", "\U000E0067\U000E007F", ""},
		{"letters that are blank", "\u3164\u115F\uFFA0", ""},
		{"a blank symbol", "\u2800", ""},
		{"an accent alone", "\u0301", ""},
		{"a number sign", "#1", ""},
		{"a number sign with a style", "#\uFE0F", ""},
		{"a number sign besides a keycap", "##\uFE0F\u20E3", ""},
		{"a newline", "a\nb", ""},
		{"a line separator", "a\u2028b", ""},
		{"invalid UTF-8", "\xff", ""},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, ok := NormalReaction(tt.text)
			if ok != (tt.want != "") || ok && got != tt.want {
				t.Errorf("NormalReaction(%.50q) = %.50q, %v", tt.text, got, ok)
			}
		})
	}
}

// FuzzNormalReaction wants the normal form to be one, short and visible.
func FuzzNormalReaction(f *testing.F) {
	for _, s := range []string{"👍\uFE0F", "❤", "#\u20E3", "e\u200B\u0301", "🏳\u200D🌈", " \u200D a", "\u0301\u200D", "한\u200C", "🏴\U000E0067\u0301\U000E007F"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		normal, ok := NormalReaction(s)
		if !ok {
			return
		}
		if again, ok := NormalReaction(normal); !ok || again != normal {
			t.Errorf("%q becomes %q, and that %q, %v", s, normal, again, ok)
		}
		if len(normal) > 100 || !utf8.ValidString(normal) || strings.TrimSpace(normal) != normal || strings.ContainsFunc(normal, unicode.IsControl) {
			t.Errorf("%q becomes %q", s, normal)
		}
	})
}
