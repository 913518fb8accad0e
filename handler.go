package hotsock

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/js"
)

// ServeHTTP routes by the end of the path, since the host may have mounted the
// handler anywhere, with or without stripping the prefix
// (docs/protocol.md#1-addresses).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler {
			panic(p)
		}
		h.writeError(w, r, fmt.Errorf("panic: %v", p), "stack", string(debug.Stack()))
	}()
	limitBody(w, r)
	var room [16]string // More segments than paths have.
	segments := room[:0]
	for s := range strings.SplitSeq(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/") {
		segments = append(segments, s)
	}
	last := func(i int) string { // from the end; "" beyond the beginning
		if i >= len(segments) {
			return ""
		}
		return segments[len(segments)-1-i]
	}
	var do endpoint
	var args []string
	var allow string
	if len(h.apiKeys) > 0 {
		do, args, allow = findRoute(r.Method, segments)
	}
	switch {
	case isUpgrade(r):
		h.serveSocket(w, r)
	case do != nil:
		h.serveServerAPI(w, r, do, args)
	case allow != "" && operations[last(0)].do == nil:
		h.refuseMethod(w, r, allow)
	case last(1) == "connection":
		h.serveOperation(w, r, last(0))
	case last(0) == "client.js":
		h.serveClient(w, r)
	default:
		h.writeError(w, r, h.refuseAddress(r))
	}
}

// isUpgrade reports whether a request asks for a WebSocket: over HTTP/1.1, or by
// extended CONNECT (RFC 8441), which net/http passes on but cannot serve.
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && socket.HasToken(r.Header, "Upgrade", "websocket") ||
		r.Method == http.MethodConnect && r.Header.Get(":protocol") == "websocket"
}

// refuseAddress answers a request for what is not there. Any address takes
// connections, so a GET may be one whose upgrade a proxy has dropped.
func (h *Handler) refuseAddress(r *http.Request) error {
	if r.Method != http.MethodGet {
		return refuse(CodeNotFound)
	}
	if r.Header.Get("Sec-WebSocket-Key") != "" {
		h.logger.Info("hotsock: handshake failed", "path", r.URL.Path,
			"err", "the request has no Upgrade header: a proxy must pass on Upgrade and Connection")
	}
	return refuseBecause(CodeNotFound, "there is nothing at this address without a WebSocket upgrade")
}

// serveClient answers with the client for browsers.
func (h *Handler) serveClient(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.refuseMethod(w, r, http.MethodGet+", "+http.MethodHead)
		return
	}
	js.Serve(w, r)
}

// refuseMethod answers a request whose address supports other methods.
func (h *Handler) refuseMethod(w http.ResponseWriter, r *http.Request, allow string) {
	w.Header().Set("Allow", allow)
	h.writeError(w, r, refuse(CodeMethodNotAllowed))
}

// firstRead bounds the memory that a client gets for announcing a long body.
const firstRead = 64 << 10

// A slowBody is a long body, which may take longer the more of it has come: so a
// slow link is enough, and a byte now and then is not.
type slowBody struct {
	io.Reader
	control  *http.ResponseController
	deadline time.Time
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.deadline = b.deadline.Add(time.Duration(n) * time.Second / bodyRate)
	_ = b.control.SetReadDeadline(b.deadline) // as in limitBody
	return n, err
}

// limitBody limits how long the body may take, also one that nobody reads: the
// HTTP server reads the rest before it answers. It takes the limit back before
// the next request.
func limitBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Not every ResponseWriter can do it; then the server's own timeouts count.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
}

// smallBody is how long the bodies are, less a byte, that buffers are kept for.
const smallBody = 4 << 10

var bodyBuffers = sync.Pool{New: func() any { return new([smallBody]byte) }}

// readBody reads a request's body, within the limit, into the buffer or a longer
// one.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, buffer []byte) ([]byte, error) {
	var limited io.Reader = http.MaxBytesReader(w, r.Body, int64(h.opts.MaxBodySize))
	if r.ContentLength < 0 || r.ContentLength >= smallBody {
		limited = &slowBody{limited, http.NewResponseController(w), time.Now().Add(bodyTimeout)}
	}
	// The byte more is for learning that nothing follows.
	if room := min(max(r.ContentLength, 0), firstRead) + 1; int64(cap(buffer)) < room {
		buffer = make([]byte, 0, room)
	}
	body, err := socket.ReadAll(limited, buffer)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, refuseBecause(CodePayloadTooLarge, "the body is longer than "+strconv.Itoa(h.opts.MaxBodySize)+" bytes")
		}
		return nil, refuseBecause(CodeInvalidRequest, "the body cannot be read")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}

// acceptedAnswer is the body of the answer to what was accepted.
func acceptedAnswer(channel, event string, a accepted) []byte {
	const around = 64 // with an id, or the rest of the names
	room := around + len(channel) + len(event) + len(a.arn)
	return wire.AppendAccepted(make([]byte, 0, room), channel, event, a.id, a.arn)
}

// writeJSON answers with a body.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	// One piece of memory for all values, but of this answer only: middleware may
	// change them in place.
	v := []string{"application/json", "no-store", "nosniff", strconv.Itoa(len(body))}
	header := w.Header()
	header["Content-Type"] = v[0:1:1]
	header["Cache-Control"] = v[1:2:2]
	header["X-Content-Type-Options"] = v[2:3:3]
	header["Content-Length"] = v[3:4:4]
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}

// Seconds that clients are asked to wait before they try again: spread, so that
// they do not all come back at once.
const (
	leastRetry  = 1
	retrySpread = 5
)

// writeError answers with an error. If it is logged, then with the attributes.
func (h *Handler) writeError(w http.ResponseWriter, r *http.Request, err error, attrs ...any) {
	e := h.reported(err, append(attrs, "path", r.URL.Path, "request", newRequestID())...)
	switch e.Code {
	case CodeUnavailable, CodeRateLimited:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter(e)))
	case CodeUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeJSON(w, codes[e.Code].status, wire.AppendHTTPError(nil, string(e.Code), e.Message))
}

// retryAfter returns the seconds after which a client should try again.
func retryAfter(e *Error) int {
	if e.retry > 0 {
		return int((e.retry + time.Second - 1) / time.Second)
	}
	return leastRetry + rand.IntN(retrySpread)
}

// pathName returns a channel's name from a segment of the path.
func pathName(segment string) (string, error) {
	name, err := url.PathUnescape(segment)
	if err != nil || !protocol.ValidChannel(name) {
		return "", refuseBecause(CodeInvalidRequest, invalidChannel)
	}
	return name, nil
}

func newRequestID() string { return ulid.Make().String() }

func toUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
