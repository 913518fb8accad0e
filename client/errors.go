package client

import (
	"errors"
	"fmt"

	"github.com/coder/websocket"
)

// A Code names what went wrong. Codes are stable; docs/protocol.md says what
// each means.
type Code string

// The codes of the server.
const (
	CodeInvalidJSON               Code = "INVALID_JSON"
	CodeInvalidRequest            Code = "INVALID_REQUEST"
	CodeUnknownEvent              Code = "UNKNOWN_EVENT"
	CodeInvalidScheduleExpression Code = "INVALID_SCHEDULE_EXPRESSION"
	CodeUnauthorized              Code = "UNAUTHORIZED"
	CodeInvalidSubscribeToken     Code = "INVALID_SUBSCRIBE_TOKEN"
	CodeInvalidUMDToken           Code = "INVALID_UMD_TOKEN"
	CodeSubscribePermissionDenied Code = "SUBSCRIBE_PERMISSION_DENIED"
	CodePublishPermissionDenied   Code = "PUBLISH_PERMISSION_DENIED"
	CodeSchedulePermissionDenied  Code = "SCHEDULE_PERMISSION_DENIED"
	CodeStoragePermissionDenied   Code = "STORAGE_PERMISSION_DENIED"
	CodeInfoPermissionDenied      Code = "INFO_PERMISSION_DENIED"
	CodeUpdatePermissionDenied    Code = "UPDATE_PERMISSION_DENIED"
	CodeDeletePermissionDenied    Code = "DELETE_PERMISSION_DENIED"
	CodeStopPermissionDenied      Code = "STOP_PERMISSION_DENIED"
	CodeReactionPermissionDenied  Code = "REACTION_PERMISSION_DENIED"
	CodeUMDUpdatePermissionDenied Code = "UMD_UPDATE_PERMISSION_DENIED"
	CodeHistoryPermissionDenied   Code = "HISTORY_PERMISSION_DENIED"
	CodeCallPermissionDenied      Code = "CALL_PERMISSION_DENIED"
	CodeOriginDenied              Code = "ORIGIN_DENIED"
	CodeNotSubscribed             Code = "NOT_SUBSCRIBED"
	CodeAlreadySubscribed         Code = "ALREADY_SUBSCRIBED"
	CodePresenceUserIDRequired    Code = "PRESENCE_CHANNEL_USER_ID_REQUIRED"
	CodePresenceCapacityReached   Code = "PRESENCE_CHANNEL_CAPACITY_REACHED"
	CodeConflict                  Code = "CONFLICT"
	CodeInvalidParams             Code = "INVALID_PARAMS"
	CodeUnknownMethod             Code = "UNKNOWN_METHOD"
	CodeMessageNotFound           Code = "MESSAGE_NOT_FOUND"
	CodeScheduleNotFound          Code = "SCHEDULE_NOT_FOUND"
	CodeNotFound                  Code = "NOT_FOUND"
	CodeMethodNotAllowed          Code = "METHOD_NOT_ALLOWED"
	CodePayloadTooLarge           Code = "PAYLOAD_TOO_LARGE"
	CodeRateLimited               Code = "RATE_LIMITED"
	CodeUnavailable               Code = "UNAVAILABLE"
	CodeInternal                  Code = "INTERNAL"
)

// An Error is a refusal by the server. Use errors.As, or compare codes with
// errors.Is:
//
//	errors.Is(err, &client.Error{Code: client.CodeNotSubscribed})
type Error struct {
	Code Code
	// Message is for people.
	Message string

	current *current // nil unless the server has sent it
}

func (e *Error) Error() string { return "hotsock: " + string(e.Code) + ": " + e.Message }

// Is makes errors.Is(err, &Error{Code: c}) true for every Error with that code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == ""
}

var (
	// ErrClosed is what all methods return after [Client.Close].
	ErrClosed = errors.New("hotsock: the client is closed")
	// ErrUnsubscribed ends a subscription that was left, or that the server
	// ended.
	ErrUnsubscribed = errors.New("hotsock: unsubscribed")
	// ErrStayAway closes a client that the app has disconnected for good. [Reason] says
	// why, if the app does.
	ErrStayAway = errors.New("hotsock: disconnected by the server, to stay away")
	// ErrUnknownOutcome means that a command was sent, and the connection broke
	// or the context ended before the answer came. The server may have carried it out,
	// or not. If the server was shut down in an orderly way, the command is sent again
	// instead, and so is a message that a user publishes: see [Client.Publish].
	ErrUnknownOutcome = errors.New("hotsock: sent, but not answered: the outcome is unknown")
)

// Reason returns what the app said, for its user to read, when it ended the connection
// or the subscription: the error is that of a [State], or of any method after that. It
// returns "" if the app said nothing, or something else has happened.
func Reason(err error) string {
	if e, ok := errors.AsType[*endedError](err); ok {
		return e.reason
	}
	if e, ok := errors.AsType[*closedError](err); ok && (e.frame.Code == websocket.StatusServiceRestart || e.frame.Code == statusStayAway) {
		return e.frame.Reason
	}
	return ""
}

// An endedError is the end of a subscription that the app gives a reason for.
type endedError struct{ reason string }

func (e *endedError) Error() string { return ErrUnsubscribed.Error() + ": " + e.reason }

func (e *endedError) Unwrap() error { return ErrUnsubscribed }

// unknownOutcome says why there was no answer.
func unknownOutcome(cause error) error { return fmt.Errorf("%w: %w", ErrUnknownOutcome, cause) }

// Permanent wraps an error of [Options.Token] that another attempt will not
// change, for instance because the user has signed out. The client then closes
// itself, and all methods return err.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }

func (e *permanentError) Unwrap() error { return e.err }
