package protocoltest

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// vars are strings that were captured from what the server sent. A pattern is
// a JSON text in which "$name" stands for a string: the one captured under the
// name, or any if there is none yet, which it then captures. Names that begin
// with "id" stand for ULIDs; "$_" is any string, never captured.
type vars struct {
	mu     sync.Mutex
	values map[string]string // as they stand in JSON, without quotes
}

var (
	placeholder = regexp.MustCompile(`"\$\w+"`)
	ulidForm    = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}$`)
	stringStart = regexp.MustCompile(`^"(?:[^"\\]|\\.)*"`)
)

// get returns what was captured.
func (v *vars) get(name string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.values[name]
}

// set makes a value known as if it had been captured.
func (v *vars) set(name, value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.values == nil {
		v.values = make(map[string]string)
	}
	v.values[name] = value
}

// forget makes names free again.
func (v *vars) forget(names ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, name := range names {
		delete(v.values, name)
	}
}

// expand puts in what was captured.
func (v *vars) expand(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		v.mu.Lock()
		defer v.mu.Unlock()
		if value, ok := v.values[strings.Trim(p, `"$`)]; ok {
			return `"` + value + `"`
		}
		return p
	})
}

// match compares a text with a pattern, byte by byte besides placeholders. What
// is captured is known from then on, if all of it matches.
func (v *vars) match(pattern, text string) error {
	pattern = v.expand(pattern)
	captured := make(map[string]string)
	wrong := func(why string) error {
		return fmt.Errorf("%s\ngot  %s\nwant %s", why, shorten(text), shorten(pattern))
	}
	p, rest := pattern, text
	for {
		at := placeholder.FindStringIndex(p)
		if at == nil {
			break
		}
		name := strings.Trim(p[at[0]:at[1]], `"$`)
		var ok bool
		if rest, ok = strings.CutPrefix(rest, p[:at[0]]); !ok {
			return wrong("it differs before $" + name)
		}
		value := stringStart.FindString(rest)
		if value == "" {
			return wrong("there is no string for $" + name)
		}
		p, rest = p[at[1]:], rest[len(value):]
		value = value[1 : len(value)-1]
		if strings.HasPrefix(name, "id") && !ulidForm.MatchString(value) {
			return wrong("not a ULID: $" + name)
		}
		if old, ok := captured[name]; ok && old != value {
			return wrong("two values of $" + name)
		}
		if name != "_" {
			captured[name] = value
		}
	}
	if rest != p {
		return wrong("it differs")
	}
	for name, value := range captured {
		v.set(name, value)
	}
	return nil
}

func shorten(s string) string {
	if len(s) <= 2000 {
		return s
	}
	return fmt.Sprintf("%s … (%d bytes) … %s", s[:1000], len(s), s[len(s)-500:])
}

// The harness is what everything here rests on, so it must be able to fail.
func TestMatch(t *testing.T) {
	const id, other = "01JA3HVNF6E89HDT1ABRFWJ8C8", "01JA3HVNF6E89HDT1ABRFWJ8C9"
	for _, tt := range []struct {
		why, pattern, text string
		ok                 bool
	}{
		{"equal texts match", `{"a":1}`, `{"a":1}`, true},
		{"white space counts", `{"a":1}`, `{"a": 1}`, false},
		{"so does the order", `{"a":1,"b":2}`, `{"b":2,"a":1}`, false},
		{"the end counts", `{"a":1}`, `{"a":1}x`, false},
		{"an id is a ULID", `{"id":"$id"}`, `{"id":"` + id + `"}`, true},
		{"and nothing else", `{"id":"$id"}`, `{"id":"abc"}`, false},
		{"what was captured must come again", `["$id","$id"]`, `["` + id + `","` + id + `"]`, true},
		{"and not another", `["$id","$id"]`, `["` + id + `","` + other + `"]`, false},
		{"any string matches _", `["$_","$_"]`, `["a","b \" c"]`, true},
		{"but not several", `["$_"]`, `["a","b"]`, false},
		{"only strings match", `["$x"]`, `[1]`, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var v vars
			if err := v.match(tt.pattern, tt.text); (err == nil) != tt.ok {
				t.Errorf("match(%s, %s) = %v", tt.pattern, tt.text, err)
			}
		})
	}
}
