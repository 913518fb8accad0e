package wire

import (
	"strings"

	"github.com/oklog/ulid/v2"
)

const (
	arnPrefix   = "arn:hotsock:scheduler:::schedule/"
	maxARNGroup = 32
)

// ScheduleARN names a schedule by the group that its scheduler keeps it in,
// and its id.
func ScheduleARN(group string, id ulid.ULID) string {
	return JoinScheduleARN(group, id.String())
}

// JoinScheduleARN makes an ARN of its two parts, which need not be valid:
// [ParseScheduleARN] finds out.
func JoinScheduleARN(group, id string) string { return arnPrefix + group + "/" + id }

// ParseScheduleARN returns what was given to [ScheduleARN]. It accepts nothing
// but what that function returns for valid groups: 1 to 32 characters of A-Z,
// a-z, 0-9, - and _.
func ParseScheduleARN(arn string) (group string, id ulid.ULID, ok bool) {
	rest, ok := strings.CutPrefix(arn, arnPrefix)
	if !ok {
		return "", ulid.ULID{}, false
	}
	group, text, ok := strings.Cut(rest, "/")
	if !ok || !validGroup(group) {
		return "", ulid.ULID{}, false
	}
	id, err := ulid.ParseStrict(text)
	if err != nil || id.String() != text { // lower case
		return "", ulid.ULID{}, false
	}
	return group, id, true
}

func validGroup(group string) bool {
	if group == "" || len(group) > maxARNGroup {
		return false
	}
	for _, c := range []byte(group) {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
