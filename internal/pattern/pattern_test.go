package pattern

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newSet(t testing.TB, keys ...string) Set[string] {
	t.Helper()
	values := make(map[string]string)
	for _, k := range keys {
		values[k] = k
	}
	s, err := NewSet(NewCompiler().Token(), values)
	if err != nil {
		t.Fatalf("NewSet(%q): %v", keys, err)
	}
	return s
}

// matches returns the keys that match.
func matches[T any](s *Set[T], name string) []string {
	var keys []string
	for key := range s.Match(name) {
		keys = append(keys, key)
	}
	return keys
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		key, name string
		want      bool
		why       string
	}{
		{"room", "room", true, "exact"},
		{"room", "Room", false, "case counts"},
		{"room", "rooms", false, "exact is not a prefix"},
		{"", "", true, "exact, of nothing"},
		{"*", "", true, "a wildcard takes the empty run"},
		{"*", "any thing/at\nall", true, "a wildcard takes anything, a newline too"},
		{"room.*", "room.1", true, "at the end"},
		{"room.*", "room.", true, "empty run at the end"},
		{"room.*", "room", false, "the literal part is needed in full"},
		{"*.room", "a.room", true, "at the start"},
		{"*.room", "a.rooms", false, "what is last must end the name"},
		{"a*b*c", "abc", true, "two empty runs"},
		{"a*b*c", "aXbYc", true, "two runs"},
		{"a*b*c", "acb", false, "order counts"},
		{"a*a", "a", false, "literal parts do not share characters"},
		{"a*a", "aa", true, "but may touch"},
		{"ab*ba", "aba", false, "nor do start and end"},
		{"*ab*", "aab", true, "the first place that fits is not the first letter that fits"},
		{"*aab*b", "aaabb", true, "nor does a partial fit mislead"},
		{"a**b", "ab", true, "two wildcards are one"},
		{"a**b", "aXb", true, "two wildcards are one"},
		{"*é*", "caféine", true, "non-ASCII literals"},
		{"a.b", "axb", false, "a dot is a dot outside of regular expressions"},
		{"#regex:^room\\.[0-9]+$", "room.12", true, "anchored"},
		{"#regex:^room\\.[0-9]+$", "room.x", false, "anchored"},
		{"#regex:oo", "room", true, "unanchored, as Go matches"},
		{"#regex:", "anything", true, "the empty expression matches, as in Go"},
		{"#regex:a*", "zzz", true, "* within a regex is the regex's"},
		{"#regex", "#regex", true, "without the colon it is a name"},
		{"x#regex:a", "x#regex:a", true, "the prefix is one only at the start"},
	} {
		s := newSet(t, test.key)
		got := matches(&s, test.name)
		if (len(got) == 1) != test.want {
			t.Errorf("key %q matches %q: %t, want %t: %s", test.key, test.name, !test.want, test.want, test.why)
		}
	}
}

func TestMatchIsBySpecificity(t *testing.T) {
	s := newSet(t,
		"#regex:b", "*", "room.*", "#regex:a", "room.bar", "*bar", "r*", "*ar", "room.b*", "roo*bar*", "other", "*öbar")
	want := []string{
		"room.bar",            // the exact name
		"roo*bar*", "room.b*", // six literal characters: the one that sorts first
		"room.*", "*bar", "*ar", "r*", "*", // five, three, two, one, none
		"#regex:a", "#regex:b", // then regular expressions
	}
	if diff := cmp.Diff(want, matches(&s, "room.bar")); diff != "" {
		t.Errorf("order of keys (-want +got):\n%s", diff)
	}
}

func TestMatchCountsCharactersNotBytes(t *testing.T) {
	s := newSet(t, "ééé*", "*abcd")
	want := []string{"*abcd", "ééé*"}
	if diff := cmp.Diff(want, matches(&s, "éééabcd")); diff != "" {
		t.Errorf("order of keys (-want +got):\n%s", diff)
	}
}

func TestMatchCanBeLeft(t *testing.T) {
	s := newSet(t, "a", "a*", "*")
	for n := range 3 {
		var got []string
		for key, value := range s.Match("a") {
			if value != key {
				t.Errorf("key %q has the value %q", key, value)
			}
			got = append(got, key)
			if len(got) == n+1 {
				break
			}
		}
		if want := []string{"a", "a*", "*"}[:n+1]; !slices.Equal(got, want) {
			t.Errorf("the first %d matches are %q, want %q", n+1, got, want)
		}
	}
}

func TestHas(t *testing.T) {
	s := newSet(t, "b", "a", "x*", "#regex:c")
	for name, want := range map[string]bool{
		"a": true, "b": true, // exact keys
		"c": false, "x1": false, // only matched
		"x*": false, "#regex:c": false, // patterns are no names
		"": false, "ab": false,
	} {
		if got := s.Has(name); got != want {
			t.Errorf("Has(%q) = %t", name, got)
		}
	}
}

func TestZeroSet(t *testing.T) {
	var s Set[int]
	if s.Has("a") || len(matches(&s, "a")) > 0 {
		t.Error("the zero Set has keys")
	}
}

func TestIsPattern(t *testing.T) {
	for key, want := range map[string]bool{
		"a": false, "": false, "#a": false, "a#regex:": false,
		"*": true, "a*b": true, "#regex:a": true,
	} {
		if got := IsPattern(key); got != want {
			t.Errorf("IsPattern(%q) = %t", key, got)
		}
	}
}

// A matcher that backtracks needs longer than the age of the world here.
func TestWildcardsDoNotBacktrack(t *testing.T) {
	s := newSet(t, strings.Repeat("a*", 60)+"b")
	for range s.Match(strings.Repeat("a", 256)) {
		t.Error("matched without the b")
	}
}

// naive is the definition of a wildcard, word for word.
func naive(key, name string) bool {
	if key == "" {
		return name == ""
	}
	if key[0] == '*' {
		for i := range len(name) + 1 {
			if naive(key[1:], name[i:]) {
				return true
			}
		}
		return false
	}
	return name != "" && key[0] == name[0] && naive(key[1:], name[1:])
}

func FuzzWildcards(f *testing.F) {
	f.Add("a*b*c", "aXbYc")
	f.Add("*ab*ab*", "aababab")
	f.Add("**", "")
	f.Add("a*a", "a")
	f.Fuzz(func(t *testing.T, key, name string) {
		// The oracle is exponential.
		if strings.HasPrefix(key, regexPrefix) || strings.Count(key, "*") > 4 || len(name) > 24 {
			return
		}
		s := newSet(t, key)
		if got, want := len(matches(&s, name)) == 1, naive(key, name); got != want {
			t.Errorf("key %q matches %q: %t, want %t", key, name, got, want)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	s := newSet(b, "room.1", "room.*", "*.private.*", "#regex:^user\\.[0-9]+$")
	b.ReportAllocs()
	for b.Loop() {
		for range s.Match("room.1") {
		}
	}
}
