package hotsock

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/hotsock-go/hotsock/internal/socket"
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
		h.responder.writeError(w, r, fmt.Errorf("panic: %v", p), "stack", string(debug.Stack()))
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
	if h.serverAPI.keys.any() {
		do, args, allow = findRoute(r.Method, segments)
	}
	switch {
	case isUpgrade(r):
		h.upgrader.serve(w, r)
	case do != nil:
		h.serverAPI.serve(w, r, do, args)
	case allow != "" && !isOperation(last(0)):
		h.responder.refuseMethod(w, r, allow)
	case last(1) == "connection":
		h.clientAPI.serve(w, r, last(0))
	case last(0) == "stream":
		h.upgrader.serveFeed(w, r)
	case last(0) == "client.js":
		serveClient(h.responder, w, r)
	default:
		h.responder.writeError(w, r, h.responder.refuseAddress(r))
	}
}

// isUpgrade reports whether a request asks for a WebSocket: over HTTP/1.1, or by
// extended CONNECT (RFC 8441), which net/http passes on but cannot serve.
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && socket.HasToken(r.Header, "Upgrade", "websocket") ||
		r.Method == http.MethodConnect && r.Header.Get(":protocol") == "websocket"
}

// serveClient answers with the client for browsers.
func serveClient(p *responder, w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		p.refuseMethod(w, r, http.MethodGet+", "+http.MethodHead)
		return
	}
	js.Serve(w, r)
}
