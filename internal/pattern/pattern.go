// Package pattern matches names with the keys of a token's permissions. A key
// is an exact name, a name with * wildcards, or "#regex:" and a regular
// expression.
package pattern

import (
	"cmp"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	wildcard    = "*"
	regexPrefix = "#regex:"
)

// IsPattern reports whether a key can match other names than itself.
func IsPattern(key string) bool {
	return IsRegexp(key) || strings.Contains(key, wildcard)
}

// IsRegexp reports whether a key is a regular expression.
func IsRegexp(key string) bool { return strings.HasPrefix(key, regexPrefix) }

// kind is in order of specificity.
type kind uint8

const (
	exact kind = iota
	wild
	regex
)

// A matcher is a compiled key.
type matcher struct {
	key      string
	kind     kind
	literals int32          // wild: characters that are not wildcards
	parts    []string       // wild: what is between wildcards, at least two
	regexp   *regexp.Regexp // regex
	prefix   string         // regex: what it matches begins with this
}

func (m *matcher) match(name string) bool {
	switch m.kind {
	case exact:
		return m.key == name
	case wild:
		return matchParts(m.parts, name)
	default:
		return m.regexp.MatchString(name)
	}
}

// matchParts reports whether the name starts with the first part, ends with the
// last, and has the others between them in order. Each is looked for only after
// the one before it: the first place where it fits leaves most to the rest, so
// that no choice must ever be taken back.
func matchParts(parts []string, name string) bool {
	last := len(parts) - 1
	name, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	name, ok = strings.CutSuffix(name, parts[last])
	if !ok {
		return false
	}
	for _, part := range parts[1:last] {
		if _, name, ok = strings.Cut(name, part); !ok {
			return false
		}
	}
	return true
}

// wildcards compiles a key that has wildcards.
func wildcards(key string) matcher {
	parts := strings.Split(key, wildcard)
	literals := utf8.RuneCountInString(key) - len(parts) + 1
	return matcher{key: key, kind: wild, literals: int32(literals), parts: parts}
}

// compare returns a negative number if a is more specific than b: an exact name
// before wildcards, more literal characters before fewer, and those before
// regular expressions. Among equals the key that sorts first wins.
func compare(a, b *matcher) int {
	return cmp.Or(
		cmp.Compare(a.kind, b.kind),
		cmp.Compare(b.literals, a.literals),
		strings.Compare(a.key, b.key),
	)
}
