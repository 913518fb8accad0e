package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// PresencePrefix begins the names of presence channels.
const PresencePrefix = "presence."

// IsPresence reports whether a channel of that name is a presence channel.
func IsPresence(channel string) bool { return strings.HasPrefix(channel, PresencePrefix) }

// ValidChannel reports whether name can be a channel's: 1 to most characters,
// no white space, control characters, '*', '#' or ','.
func ValidChannel(name string, most int) bool {
	return clean(name, most, false) && !strings.ContainsAny(name, "*#,")
}

// ValidKey reports whether name can be a storage key's. The rules are those
// of channels.
func ValidKey(name string, most int) bool { return ValidChannel(name, most) }

// ValidEvent reports whether name can be the event of a message that a client
// or a server publishes: 1 to most characters, no control characters or '*',
// and neither [EventPrefix] nor '#' at the beginning.
func ValidEvent(name string, most int) bool {
	return clean(name, most, true) &&
		name[0] != '#' && !strings.HasPrefix(name, EventPrefix) && strings.IndexByte(name, '*') < 0
}

// clean reports whether s is UTF-8 of 1 to most characters without control
// characters and line separators, and without white space unless spaces are
// allowed.
func clean(s string, most int, spaces bool) bool {
	if s == "" || len(s)/utf8.UTFMax > most { // no need to count
		return false
	}
	n := 0
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			return false
		}
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || !spaces && unicode.IsSpace(r) {
			return false
		}
		n++
	}
	return n <= most
}
