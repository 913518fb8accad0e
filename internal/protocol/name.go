package protocol

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// EventPrefix begins the names of events that belong to the protocol. Hosts
// and clients cannot publish under them.
const EventPrefix = "hotsock."

// PresencePrefix begins the names of presence channels.
const PresencePrefix = "presence."

// IsPresence reports whether a channel of that name is a presence channel.
func IsPresence(channel string) bool { return strings.HasPrefix(channel, PresencePrefix) }

// ValidChannel reports whether name can be a channel's: 1 to [MaxChannel]
// characters, no white space, control characters, '*', '#' or ','.
func ValidChannel(name string) bool { return validName(name, MaxChannel) }

// ValidKey reports whether name can be a storage key's: 1 to [MaxKey]
// characters, and otherwise as for channels.
func ValidKey(name string) bool { return validName(name, MaxKey) }

// ValidMethod reports whether name can be that of a method which clients call: 1
// to [MaxMethod] characters, and otherwise as for channels.
func ValidMethod(name string) bool { return validName(name, MaxMethod) }

// ValidEvent reports whether name can be the event of a message that a client
// or a server publishes: 1 to [MaxEvent] characters, no control characters or
// '*', and neither [EventPrefix] nor '#' at the beginning.
func ValidEvent(name string) bool { return validEvent(name, MaxEvent) }

// MatchesChannels reports whether a key of permissions, perhaps with '*'
// wildcards, can match the name of a channel.
func MatchesChannels(key string) bool { return matches(key, MaxChannel, validName) }

// MatchesKeys reports the same of storage keys.
func MatchesKeys(key string) bool { return matches(key, MaxKey, validName) }

// MatchesMethods reports the same of methods.
func MatchesMethods(key string) bool { return matches(key, MaxMethod, validName) }

// MatchesEvents reports the same of events, those of the protocol included,
// which nobody can publish whatever a key says.
func MatchesEvents(key string) bool {
	return matches(strings.TrimPrefix(key, EventPrefix), MaxEvent, validEvent)
}

func matches(key string, most int, valid func(name string, most int) bool) bool {
	// Any character will do in the place of a wildcard, and does not count.
	return valid(strings.ReplaceAll(key, "*", "x"), most+strings.Count(key, "*"))
}

func validName(name string, most int) bool {
	return clean(name, most, false) && !strings.ContainsAny(name, "*#,")
}

func validEvent(name string, most int) bool {
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
