package pattern

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// A Set has a value for each of its keys. The zero Set has none. It is immutable
// and safe for concurrent use.
type Set[T any] struct {
	// entries are the most specific first, so exact names, sorted, come before
	// all patterns.
	entries []entry[T]
	exact   int // how many are exact names
	regexps int // how many are regular expressions
}

// quickKeys is how many keys a set has at most that is quick.
const quickKeys = 4

// Quick reports whether it takes no longer to match a name than to look it up among
// those that were matched before.
func (s *Set[T]) Quick() bool { return len(s.entries) <= quickKeys && s.regexps == 0 }

type entry[T any] struct {
	matcher
	value T
}

// NewSet compiles the keys of a map. The error names the key that is wrong.
func NewSet[T any](t *Token, values map[string]T) (Set[T], error) {
	s := Set[T]{entries: make([]entry[T], 0, len(values))}
	// Sorted, so that it does not depend on luck which key is refused.
	for _, key := range slices.Sorted(maps.Keys(values)) {
		m, err := t.compile(key)
		if err != nil {
			return Set[T]{}, fmt.Errorf("key %q: %w", key, err)
		}
		switch m.kind {
		case exact:
			s.exact++
		case regex:
			s.regexps++
		}
		s.entries = append(s.entries, entry[T]{m, values[key]})
	}
	slices.SortFunc(s.entries, func(a, b entry[T]) int { return compare(&a.matcher, &b.matcher) })
	return s, nil
}

// find returns where an exact key is or would be.
func (s *Set[T]) find(key string) (int, bool) {
	return slices.BinarySearchFunc(s.entries[:s.exact], key, func(e entry[T], key string) int {
		return strings.Compare(e.key, key)
	})
}

// Has reports whether a name that is not a pattern is itself a key.
func (s *Set[T]) Has(name string) bool {
	_, ok := s.find(name)
	return ok
}

// Match returns the keys that match a name, and their values, the most specific
// key first.
func (s *Set[T]) Match(name string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		if i, ok := s.find(name); ok && !yield(s.entries[i].key, s.entries[i].value) {
			return
		}
		for i := range s.entries[s.exact:] {
			e := &s.entries[s.exact+i]
			if e.match(name) && !yield(e.key, e.value) {
				return
			}
		}
	}
}
