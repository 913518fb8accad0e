package hotsock

import (
	"errors"
	"net/http"
	"time"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A Code names what went wrong, to clients and to hosts
// (docs/protocol.md#16-errors-limits-close-codes).
type Code string

// All codes. docs/protocol.md says what each means; a test holds it to this list.
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
	CodeReactionPermissionDenied  Code = "REACTION_PERMISSION_DENIED"
	CodeUpdatePermissionDenied    Code = "UPDATE_PERMISSION_DENIED"
	CodeDeletePermissionDenied    Code = "DELETE_PERMISSION_DENIED"
	CodeStopPermissionDenied      Code = "STOP_PERMISSION_DENIED"
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

// codes is the error table: the HTTP status of each code, and the text that a
// client is given where the place of the error has nothing better to say.
var codes = map[Code]struct {
	status int
	text   string
}{
	CodeInvalidJSON:               {http.StatusBadRequest, "the input is not valid JSON"},
	CodeInvalidRequest:            {http.StatusBadRequest, "the request is malformed"},
	CodeUnknownEvent:              {http.StatusBadRequest, "there is no such hotsock command"},
	CodeInvalidScheduleExpression: {http.StatusBadRequest, "the schedule expression is invalid"},
	CodeUnauthorized:              {http.StatusUnauthorized, "the credentials are missing or invalid"},
	CodeInvalidSubscribeToken:     {http.StatusUnauthorized, "the subscribe token is not valid for this connection"},
	CodeInvalidUMDToken:           {http.StatusUnauthorized, "the umd token is not valid for this connection"},
	CodeSubscribePermissionDenied: {http.StatusForbidden, "not permitted to subscribe to this channel"},
	CodePublishPermissionDenied:   {http.StatusForbidden, "not permitted to publish this event on this channel"},
	CodeSchedulePermissionDenied:  {http.StatusForbidden, "not permitted to schedule this far ahead"},
	CodeStoragePermissionDenied:   {http.StatusForbidden, "not permitted to use this storage key of this channel"},
	CodeInfoPermissionDenied:      {http.StatusForbidden, "not permitted to get this channel's info"},
	CodeReactionPermissionDenied:  {http.StatusForbidden, "not permitted to react to this message in this way"},
	CodeUpdatePermissionDenied:    {http.StatusForbidden, "not permitted to update this message"},
	CodeDeletePermissionDenied:    {http.StatusForbidden, "not permitted to delete this message"},
	CodeStopPermissionDenied:      {http.StatusForbidden, "not permitted to stop this stream"},
	CodeUMDUpdatePermissionDenied: {http.StatusForbidden, "not permitted to update this user metadata"},
	CodeHistoryPermissionDenied:   {http.StatusForbidden, "not permitted to read this part of the history"},
	CodeCallPermissionDenied:      {http.StatusForbidden, "not permitted to call this method"},
	CodeOriginDenied:              {http.StatusForbidden, "this origin is not allowed"},
	CodeNotSubscribed:             {http.StatusForbidden, "not subscribed to this channel"},
	CodeAlreadySubscribed:         {http.StatusConflict, "already subscribed to this channel"},
	CodePresenceUserIDRequired:    {http.StatusForbidden, "presence channels require a user id"},
	CodePresenceCapacityReached:   {http.StatusConflict, "the presence channel is full"},
	CodeConflict:                  {http.StatusConflict, "somebody has changed it meanwhile"},
	CodeInvalidParams:             {http.StatusBadRequest, "the parameters of the call are not valid"},
	CodeUnknownMethod:             {http.StatusNotFound, "there is no such method"},
	CodeMessageNotFound:           {http.StatusNotFound, "there is no such stored message"},
	CodeScheduleNotFound:          {http.StatusNotFound, "there is no such pending schedule"},
	CodeNotFound:                  {http.StatusNotFound, "there is nothing at this address"},
	CodeMethodNotAllowed:          {http.StatusMethodNotAllowed, "this address does not support the request's method"},
	CodePayloadTooLarge:           {http.StatusRequestEntityTooLarge, "the payload is too large"},
	CodeRateLimited:               {http.StatusTooManyRequests, "over the rate limit, try again later"},
	CodeUnavailable:               {http.StatusServiceUnavailable, "temporarily unavailable, nothing was accepted: try again"},
	CodeInternal:                  {http.StatusInternalServerError, "internal error"},
}

// status is the code's over HTTP. Codes of the app itself are refusals.
func (c Code) status() int {
	if e, ok := codes[c]; ok {
		return e.status
	}
	return http.StatusForbidden
}

// An Error is why something was refused. The methods of [Handler] return it,
// possibly wrapped; use errors.As.
type Error struct {
	Code Code
	// Message is safe to show to clients.
	Message string

	cause error
	// retry is after how long to try again what was over a rate limit, or with a token that
	// is not good yet.
	retry time.Duration
	// current is the entry that stands in the way of a write, if whoever is told may read
	// it.
	current *store.Entry
}

// failure is what a client is told.
func (e *Error) failure() wire.Failure {
	return wire.Failure{Code: string(e.Code), Message: e.Message, Current: e.current}
}

func (e *Error) Error() string {
	s := "hotsock: " + string(e.Code) + ": " + e.Message
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap returns what caused the error, such as [store.ErrUnavailable]. It may be
// nil, and clients never see it.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, &Error{Code: c}) true for every Error with that code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Message == "" && t.cause == nil
}

// refuse makes an error with the code's own text.
func refuse(c Code) *Error { return &Error{Code: c, Message: codes[c].text} }

// refuseBecause makes one with a text of its own.
func refuseBecause(c Code, message string) *Error { return &Error{Code: c, Message: message} }

// unavailable makes an error of why the store or the host's keys cannot be
// asked.
func unavailable(cause error) *Error {
	return &Error{Code: CodeUnavailable, Message: codes[CodeUnavailable].text, cause: cause}
}

// hostError makes what a host is told of an error: always an [*Error] or nil.
func hostError(err error) error {
	if err == nil {
		return nil
	}
	return asError(err)
}

// asError turns any error into what a client may be told. Those that nobody
// foresaw become INTERNAL.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if w, ok := errors.AsType[*wire.Error](err); ok {
		return &Error{Code: Code(w.Code), Message: w.Message}
	}
	c := CodeInternal
	if errors.Is(err, store.ErrUnavailable) {
		c = CodeUnavailable
	}
	return &Error{Code: c, Message: codes[c].text, cause: err}
}
