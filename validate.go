package hotsock

import (
	"time"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock/internal/at"
	"github.com/hotsock-go/hotsock/internal/protocol"
)

// invalidChannel and the like are told to clients.
const (
	invalidChannel = `"channel" must be 1 to 256 characters without "*", "#", ",", white space or control characters`
	invalidEvent   = `"event" must be 1 to 128 characters without "*" or control characters, and must not start with "hotsock." or "#"`
	invalidMethod  = `"method" must be 1 to 128 characters without "*", "#", ",", white space or control characters`
	invalidKey     = `"key" must be 1 to 128 characters without "*", "#", ",", white space or control characters`
)

func validateChannel(name string) error {
	if !protocol.ValidChannel(name) {
		return refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	return nil
}

func validateEvent(name string) error {
	if !protocol.ValidEvent(name) {
		return refuseBecause(CodeInvalidRequest, invalidEvent)
	}
	return nil
}

func validateMethod(name string) error {
	if !protocol.ValidMethod(name) {
		return refuseBecause(CodeInvalidRequest, invalidMethod)
	}
	return nil
}

func validateKey(key string) error {
	if !protocol.ValidKey(key) {
		return refuseBecause(CodeInvalidRequest, invalidKey)
	}
	return nil
}

func validateDeduplicationID(id string) error {
	if len(id) > maxDeduplicationID {
		return refuseBecause(CodeInvalidRequest, `"deduplicationId" must not be longer than 128 bytes`)
	}
	return nil
}

func validateUID(uid string) error {
	if uid == "" || !utf8.ValidString(uid) || utf8.RuneCountInString(uid) > protocol.MaxUID {
		return refuseBecause(CodeInvalidRequest, `"uid" must be 1 to 128 characters`)
	}
	return nil
}

// validateExclude refuses what is no id of a connection because of its length: whether
// there is such a connection does not matter.
func validateExclude(connection string) error {
	if len(connection) > randomLength+maxNodeID || !utf8.ValidString(connection) {
		return refuseBecause(CodeInvalidRequest, `"excludeConnectionId" is not the id of a connection`)
	}
	return nil
}

// Schedulers may keep times as nanoseconds since 1970, which end in 2262.
const firstDue, lastDue = 1970, 2261

func validateDue(due time.Time) error {
	if y := due.UTC().Year(); y < firstDue || y > lastDue {
		return refuseBecause(CodeInvalidScheduleExpression, at.ErrYear.Error())
	}
	return nil
}
