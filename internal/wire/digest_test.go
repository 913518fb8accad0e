package wire

import (
	"strings"
	"testing"
)

func TestEqual(t *testing.T) {
	huge := "1e" + strings.Repeat("9", 1000)
	tests := []struct {
		why, a, b string
		want      bool
	}{
		{"the same", `{"a":1}`, `{"a":1}`, true},
		{"white space", `{"a":[1,2]}`, " { \"a\" : [ 1 ,\n2 ] } ", true},
		{"white space in strings", `"a b"`, `"a  b"`, false},
		{"members in another order", `{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"d":3,"c":2},"a":1}`, true},
		{"members whose order depends on the encoding", `{"\ufb33":1,"\ud83d\ude00":2}`, "{\"😀\":2,\"\ufb33\":1}", true},
		{"elements in another order", `[1,2]`, `[2,1]`, false},
		{"members exchanged", `{"a":1,"b":2}`, `{"a":2,"b":1}`, false},
		{"a member more", `{"a":1}`, `{"a":1,"b":null}`, false},
		{"escapes", `"\u0061\/\u00e9\ud83d\udc4d\n"`, `"a/é👍\u000a"`, true},
		{"escapes in names", `{"\u0061":1}`, `{"a":1}`, true},
		{"case", `"a"`, `"A"`, false},
		{"composed and decomposed", `"é"`, `"e\u0301"`, false},

		{"a number and its string", `1`, `"1"`, false},
		{"null and its string", `null`, `"null"`, false},
		{"null and false", `null`, `false`, false},
		{"0 and false", `0`, `false`, false},
		{"empty array and object", `[]`, `{}`, false},
		{"one in an array", `1`, `[1]`, false},
		{"strings that look like structure", `["a","b"]`, `["a\",\"b"]`, false},
		{"a string with a number, written differently", `"1.0"`, `"1"`, false},
		{"a number in a longer string", `"at 1.50"`, `"at 1.5"`, false},
		{"names that are numbers", `{"1.0":true}`, `{"1":true}`, false},
		{"a number after a string with a quote", `["\"",1.0,"\\",2.0]`, `["\"",1,"\\",2]`, true},
		{"digits side by side", `[1,23]`, `[12,3]`, false},

		{"integer and fraction", `1`, `1.0`, true},
		{"integer and exponent", `1`, `1e0`, true},
		{"exponents in different dress", `1E+2`, `100.00e-00`, true},
		{"numbers in structures", `{"a":[1.50,-2e1]}`, `{"a":[15e-1,-20]}`, true},
		{"minus", `-1`, `1`, false},
		{"minus zero is zero", `-0.0e5`, `0`, true},
		{"zero with a huge exponent is zero", `0e999999999999999999999`, `0`, true},
		{"more digits than a float has", `9007199254740993`, `9007199254740992`, false},
		{"also in fractions", `0.10000000000000000001`, `0.1`, false},
		{"many digits, written in two ways", `123456789012345678901234567890`, `1.23456789012345678901234567890e29`, true},
		{"small", `0.000000000000001`, `1e-15`, true},
		{"smaller than any float", `1e-400`, `2e-400`, false},
		{"larger than any float", `1e400`, `10e399`, true},
		{"larger than any float and different", `1e400`, `1e401`, false},
		{"an exponent that nothing could write out", `1e1000000000`, `10e999999999`, true},
		{"the same but not quite", `1e1000000000`, `1e1000000001`, false},
		{"an exponent near the largest integer", `1e999999999999999999`, `10e999999999999999998`, true},
		{"the largest exponent that counts", `10e999999999999999998`, `1e999999999999999999`, true},
		{"beyond it the same number may differ", `10e1000000000000000000`, `1e1000000000000000001`, false},
		{"zeros do not matter to it", "1.00e+000" + huge[2:], huge, true},
		{"an exponent of a thousand digits and its opposite", "1e-" + huge[2:], huge, false},
		{"different digits before it", "1" + huge, huge, false},
		{"an exponent with zeros in front", `1e000000000000000000000000000005`, `100000`, true},

		{"what is no JSON equals itself", `{"a":1,"a":1}`, `{"a":1,"a":1}`, true},
		{"and nothing else", `{"a":1,"a":1}`, `{"a":1, "a":1}`, false},
		{"and no JSON", `1`, "\x001", false},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			if got := Equal([]byte(tt.a), []byte(tt.b)); got != tt.want {
				t.Errorf("Equal(%.60q, %.60q) = %v", tt.a, tt.b, got)
			}
		})
	}
}

func TestDigestIsStable(t *testing.T) {
	// Stores keep digests, and nodes of two versions may share a store.
	const want = "0FVNDhwwy99x1fx3n6EIf8yyGv1Tqs1P"
	if got := Digest([]byte(`{"b":[1.0,"x"],"a":null}`)); got != want {
		t.Errorf("Digest = %q, want %q", got, want)
	}
}

func TestDigestIsBounded(t *testing.T) {
	// The worst that fits into a value: an exponent of 32 KiB, many long
	// exponents, deep nesting. Written out, their digits would never end.
	const limit = 32 << 10
	for _, value := range []string{
		"1e" + strings.Repeat("9", limit-2),
		"1" + strings.Repeat("0", limit-1),
		"[" + strings.Repeat("1e9999999999999999999,", limit/22-1) + "1]",
		strings.Repeat("[", limit),
		strings.Repeat(`{"":`, limit/4),
	} {
		if Digest([]byte(value)) == Digest([]byte(value+"0")) {
			t.Errorf("the same digest for another value than %.30s…", value)
		}
	}
}
