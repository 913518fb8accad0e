package hotsock

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hotsock-go/hotsock/internal/socket"
)

// An EndOption says how clients are told that the app ends their connection or
// subscription.
type EndOption func(*endNotice)

// Because gives the reason, a text that a page can show: at most 123 bytes of UTF-8,
// without control characters. Without it, clients are told none.
func Because(reason string) EndOption { return func(e *endNotice) { e.reason = reason } }

// StayAway has clients not connect again: client.js and the Go client close themselves.
// Without it they come back, with a new token if they can get one. It asks them, and
// keeps nobody out: hotsock-js connects again after any close. So let the app issue no
// more tokens, and see [Handler.Revoke]. A subscription that was ended is not renewed by
// clients anyway.
func StayAway() EndOption { return func(e *endNotice) { e.stayAway = true } }

// An endNotice is what clients are told.
type endNotice struct {
	reason   string
	stayAway bool
}

// newEndNotice returns an error for a reason that cannot be told.
func newEndNotice(options []EndOption) (*endNotice, error) {
	var e endNotice
	for _, o := range options {
		o(&e)
	}
	if len(e.reason) > maxReason || !utf8.ValidString(e.reason) || strings.ContainsFunc(e.reason, unicode.IsControl) {
		return nil, refuseBecause(CodeInvalidRequest, "the reason must be at most 123 bytes of UTF-8, without control characters")
	}
	return &e, nil
}

func (e *endNotice) code() socket.Code {
	if e.stayAway {
		return socket.StatusStayAway
	}
	return reasonHost.code()
}
