package hotsock

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
)

// publishAnswer is the body of the answer to what was accepted.
func publishAnswer(channel, event string, r *publishResult) []byte {
	const names, id = len(`{"channel":"","event":""}`), len(`,"id":""`) + ulid.EncodedSize
	room := names + len(channel) + len(event)
	if !r.id.IsZero() || r.arn != "" {
		room += id + len(r.arn)
	}
	// By address: to copy it at once would wait for what has just been written of it.
	a := accepted(channel, event, r)
	return wire.AppendAccepted(make([]byte, 0, room), &a)
}

func accepted(channel, event string, r *publishResult) wire.Accepted {
	return wire.Accepted{Channel: channel, Event: event, ID: r.id, ScheduleARN: r.arn, Duplicate: r.duplicate, Written: r.written, Version: r.version}
}

// shortAnswer is a length that net/http has counted before it sends anything.
const shortAnswer = 1 << 10

// writeJSON answers with a body.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	// One piece of memory for all values, but of this answer only: middleware may
	// change them in place. net/http counts a short body itself, without allocating.
	v := []string{"application/json", "no-store", "nosniff"}
	header := w.Header()
	header["Content-Type"] = v[0:1:1]
	header["Cache-Control"] = v[1:2:2]
	header["X-Content-Type-Options"] = v[2:3:3]
	if len(body) > shortAnswer {
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}

// A responder answers requests that are refused.
type responder struct {
	logger *slog.Logger
	errors *errorReporter
}

// Seconds that clients are asked to wait before they try again: spread, so that
// they do not all come back at once.
const (
	leastRetry  = 1
	retrySpread = 5
)

// writeError answers with an error. If it is logged, then with the attributes.
func (p *responder) writeError(w http.ResponseWriter, r *http.Request, err error, attrs ...any) {
	e := p.errors.report(err, append(attrs, "path", r.URL.Path, "request", newRequestID())...)
	switch e.Code {
	case CodeUnavailable, CodeRateLimited:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter(e)))
	case CodeUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
		if e.retry > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(retryAfter(e)))
		}
	}
	writeJSON(w, e.Code.status(), wire.AppendHTTPError(nil, e.failure()))
}

// retryAfter returns the seconds after which a client should try again.
func retryAfter(e *Error) int {
	if e.retry > 0 {
		return int((e.retry + time.Second - 1) / time.Second)
	}
	return leastRetry + rand.IntN(retrySpread)
}

// refuseMethod answers a request whose address supports other methods.
func (p *responder) refuseMethod(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	p.writeError(w, r, refuse(CodeMethodNotAllowed))
}

// refuseAddress answers a request for what is not there. Any address takes
// connections, so a GET may be one whose upgrade a proxy has dropped.
func (p *responder) refuseAddress(r *http.Request) error {
	if r.Method != http.MethodGet {
		return refuse(CodeNotFound)
	}
	if r.Header.Get("Sec-WebSocket-Key") != "" {
		p.logger.Info("hotsock: handshake failed", "path", r.URL.Path,
			"err", "the request has no Upgrade header: a proxy must pass on Upgrade and Connection")
	}
	return refuseBecause(CodeNotFound, "there is nothing at this address without a WebSocket upgrade")
}

// refuseOrigin logs what was compared: where the host is not that of the page,
// a proxy has set another one.
func (p *responder) refuseOrigin(r *http.Request) error {
	p.logger.Info("hotsock: origin refused", "origin", clip(r.Header.Get("Origin")), "host", clip(r.Host), "path", clip(r.URL.Path))
	return refuse(CodeOriginDenied)
}
