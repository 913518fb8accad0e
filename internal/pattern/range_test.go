package pattern

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRanges(t *testing.T) {
	name := func(n string) Range { return Range{Name: n} }
	prefix := func(n string) Range { return Range{Name: n, Prefix: true} }
	for _, tt := range []struct {
		why  string
		keys []string
		want []Range
	}{
		{"none", nil, nil},
		{"exact names, sorted", []string{"b", "a"}, []Range{name("a"), name("b")}},
		{"what comes before the first wildcard", []string{"a.*.b", "c*"}, []Range{prefix("a."), prefix("c")}},
		{"anything", []string{"*x", "a", "a.*"}, []Range{prefix("")}},
		{"names within others", []string{"a.*", "a.b", "a", "a.b.*", "ab"}, []Range{name("a"), prefix("a."), name("ab")}},
		{"a name and its prefix", []string{"a", "a*"}, []Range{prefix("a")}},
		{"a regular expression that is anchored", []string{`#regex:^user\.\d+$`}, []Range{prefix("user.")}},
		{"one that is not", []string{`#regex:user\.\d+$`}, []Range{prefix("")}},
		{"a choice", []string{`#regex:^a|b`}, []Range{prefix("")}},
		{"a choice with the same beginning", []string{`#regex:^abc|abd`}, []Range{prefix("")}},
		{"a choice within", []string{`#regex:^a(b|c)`}, []Range{prefix("a")}},
		{"what may be left out", []string{`#regex:^ab?`}, []Range{prefix("a")}},
		{"all of which may be left out", []string{`#regex:^(ab)?`}, []Range{prefix("")}},
		{"whatever the case", []string{`#regex:(?i)^ab`}, []Range{prefix("")}},
		{"whichever line", []string{`#regex:(?m)^ab`}, []Range{prefix("")}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			values := make(map[string]bool)
			for _, k := range tt.keys {
				values[k] = true
			}
			values["not wanted*"] = false
			s, err := NewSet(NewCompiler().Token(), values)
			if err != nil {
				t.Fatal(err)
			}
			got := Union(s.Ranges(nil, func(wanted bool) bool { return wanted }))
			if diff := cmp.Diff(tt.want, slices.Clip(got)); diff != "" && len(got)+len(tt.want) > 0 {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzRanges wants whatever a key matches to lie in its range.
func FuzzRanges(f *testing.F) {
	for _, key := range []string{"a", "a*", "*", "#regex:^ab*", "#regex:^abc|abd", "#regex:(?s)^a.", "#regex:^^a", `#regex:\Aab`} {
		for _, name := range []string{"a", "ab", "abc", "xabd"} {
			f.Add(key, name)
		}
	}
	f.Fuzz(func(t *testing.T, key, name string) {
		s, err := NewSet(NewCompiler().Token(), map[string]int{key: 1})
		if err != nil {
			return
		}
		r := s.Ranges(nil, func(int) bool { return true })[0]
		for range s.Match(name) {
			if name != r.Name && !(r.Prefix && strings.HasPrefix(name, r.Name)) {
				t.Errorf("%q matches %q, which is not in its range %+v", key, name, r)
			}
		}
	})
}
