package pattern

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// A Range is where names lie that a key can match: only Name itself, or all that
// begin with it.
type Range struct {
	Name   string
	Prefix bool
}

// Ranges appends where the names lie that keys match whose values are wanted.
func (s *Set[T]) Ranges(ranges []Range, wanted func(T) bool) []Range {
	for i := range s.entries {
		if e := &s.entries[i]; wanted(e.value) {
			ranges = append(ranges, e.nameRange())
		}
	}
	return ranges
}

func (m *matcher) nameRange() Range {
	switch m.kind {
	case exact:
		return Range{Name: m.key}
	case wild:
		return Range{Name: m.parts[0], Prefix: true}
	default:
		return Range{Name: m.prefix, Prefix: true}
	}
}

// regexpPrefix returns what all names begin with that a regular expression
// matches, as far as that can be seen easily.
func regexpPrefix(re *syntax.Regexp) string {
	if re.Op != syntax.OpConcat || len(re.Sub) < 2 || re.Sub[0].Op != syntax.OpBeginText {
		return ""
	}
	if l := re.Sub[1]; l.Op == syntax.OpLiteral && l.Flags&syntax.FoldCase == 0 {
		return string(l.Rune)
	}
	return ""
}

// Union sorts ranges and leaves out those that lie within others.
func Union(ranges []Range) []Range {
	slices.SortFunc(ranges, func(a, b Range) int {
		switch c := strings.Compare(a.Name, b.Name); {
		case c != 0 || a.Prefix == b.Prefix:
			return c
		case a.Prefix: // the wider one first
			return -1
		default:
			return 1
		}
	})
	out := ranges[:0]
	for _, r := range ranges {
		if n := len(out); n > 0 && (out[n-1] == r || out[n-1].Prefix && strings.HasPrefix(r.Name, out[n-1].Name)) {
			continue
		}
		out = append(out, r)
	}
	return out
}
