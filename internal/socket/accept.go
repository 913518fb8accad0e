package socket

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	// readBuffer holds a frame's header; what follows is read past it, from
	// what wait has read.
	readBuffer = 16
	// writeBuffer holds any control frame, the only ones that pass through it.
	writeBuffer = 128
)

// ErrNotHijackable says that the connection cannot be taken over from the HTTP
// server, because a middleware's ResponseWriter hides Hijack, or because the
// request did not come over HTTP/1.1.
var ErrNotHijackable = errors.New("socket: the http.ResponseWriter does not support hijacking: " +
	"a middleware wraps it without an Unwrap method, or the request is not HTTP/1.1")

// Accept answers an upgrade request and takes its connection over. The origin
// must have been checked before. If it fails with ErrNotHijackable, nothing has
// been written yet; after any other error, a response has.
func Accept(w http.ResponseWriter, r *http.Request, o Options) (*Conn, error) {
	if !hijackable(w) {
		return nil, ErrNotHijackable
	}
	h := &hijacker{ResponseWriter: w, timeout: o.WriteTimeout}
	accept := &websocket.AcceptOptions{InsecureSkipVerify: true}
	if o.Compress {
		accept.CompressionMode = websocket.CompressionNoContextTakeover
	}
	ws, err := websocket.Accept(h, r, accept)
	if err != nil {
		if h.conn != nil {
			_ = h.conn.Close()
		}
		return nil, fmt.Errorf("socket: %w", err)
	}
	h.br.Reset(h.conn) // The library has put a reader of what was buffered before it: of nothing.
	ws.SetReadLimit(int64(o.ReadLimit))
	return &Conn{
		ws: ws, net: h.conn, br: h.br,
		limit: o.QueueLimit, overflow: o.Overflow, flusher: o.Flusher,
		deflate: strings.HasPrefix(w.Header().Get("Sec-WebSocket-Extensions"), "permessage-deflate"),
	}, nil
}

// hijackable looks for what http.ResponseController would use. The WebSocket
// library finds out only when it has promised to switch protocols.
func hijackable(w http.ResponseWriter) bool {
	for {
		if _, ok := w.(http.Hijacker); ok {
			return true
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		w = u.Unwrap()
	}
}

// hijacker gives the WebSocket library a connection whose writes are atomic,
// and buffers that are smaller than those of net/http.
type hijacker struct {
	http.ResponseWriter
	timeout time.Duration
	conn    *atomicConn
	br      *bufio.Reader
}

// Unwrap is for http.ResponseController.
func (h *hijacker) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// WriteHeaderNow sends the status at once with writers that wait for the body,
// as gin's does. The WebSocket library calls it before it hijacks.
func (h *hijacker) WriteHeaderNow() {
	w := h.ResponseWriter
	for {
		if waiting, ok := w.(interface{ WriteHeaderNow() }); ok {
			waiting.WriteHeaderNow()
			return
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = u.Unwrap()
	}
}

// Hijack is called by the WebSocket library once the handshake is valid.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, brw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err := brw.Flush(); err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	h.conn = newAtomicConn(c, h.timeout)
	// The client may have sent frames right behind its request.
	early, _ := brw.Reader.Peek(brw.Reader.Buffered())
	h.conn.early = bytes.Clone(early)
	h.br = bufio.NewReaderSize(h.conn, readBuffer)
	return h.conn, bufio.NewReadWriter(h.br, bufio.NewWriterSize(h.conn, writeBuffer)), nil
}
