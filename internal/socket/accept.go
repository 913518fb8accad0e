package socket

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it; nothing rests on it
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrNotHijackable says that the connection cannot be taken over from the HTTP
// server, because a middleware's ResponseWriter hides Hijack, or because the
// request did not come over HTTP/1.1.
var ErrNotHijackable = errors.New("socket: the http.ResponseWriter does not support hijacking: " +
	"a middleware wraps it without an Unwrap method, or the request is not HTTP/1.1")

// A HandshakeError says what is wrong with an upgrade request.
type HandshakeError struct {
	// Status is what to answer, and Header what belongs into the answer.
	Status int
	Header http.Header
	Reason string
}

func (e *HandshakeError) Error() string { return "socket: " + e.Reason }

// CheckRequest returns a [HandshakeError] if the request is no opening handshake
// (RFC 6455, 4.2.1).
func CheckRequest(r *http.Request) error {
	upgrade := func(reason string) error {
		h := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
		return &HandshakeError{http.StatusUpgradeRequired, h, reason}
	}
	bad := func(reason string) error {
		return &HandshakeError{http.StatusBadRequest, http.Header{"Sec-Websocket-Version": {"13"}}, reason}
	}
	keys := r.Header.Values("Sec-WebSocket-Key")
	switch {
	case r.ProtoMajor > 1:
		return nil // HTTP/2 has another handshake, and CheckWriter refuses it.
	case !r.ProtoAtLeast(1, 1):
		return upgrade("a WebSocket takes HTTP/1.1")
	case !HasToken(r.Header, "Connection", "Upgrade"):
		return upgrade("the Connection header does not say Upgrade: a proxy must pass on Upgrade and Connection")
	case !HasToken(r.Header, "Upgrade", "websocket"):
		return upgrade("the Upgrade header does not say websocket")
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return bad("the Sec-WebSocket-Version is not 13")
	case len(keys) != 1:
		return bad("there must be one Sec-WebSocket-Key")
	}
	if key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(keys[0])); err != nil || len(key) != 16 {
		return bad("the Sec-WebSocket-Key is not 16 bytes in base64")
	}
	return nil
}

// HasToken reports whether a header's comma-separated values include one.
func HasToken(header http.Header, name, value string) bool {
	for _, v := range header.Values(name) {
		for part := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(part), value) {
				return true
			}
		}
	}
	return false
}

// CheckWriter returns ErrNotHijackable if the connection below w cannot be taken
// over. It looks for what http.ResponseController would use. Some writers have the
// method and cannot keep it, for what they wrap does not: so the innermost one that
// can be seen counts.
func CheckWriter(w http.ResponseWriter) error {
	for {
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = u.Unwrap()
	}
	if _, ok := w.(http.Hijacker); !ok {
		return ErrNotHijackable
	}
	return nil
}

// Accept takes the connection of an upgrade request over, and only then answers.
// CheckRequest and CheckWriter must have found nothing, and the origin must have
// been checked. If Accept fails, nothing has been written.
func Accept(w http.ResponseWriter, r *http.Request, o Options) (*Conn, error) {
	nc, early, err := hijack(w)
	if err != nil {
		return nil, err
	}
	c := newConn(nc, early, o)
	var extension string
	if o.Compress {
		extension = negotiate(r.Header)
		c.deflate = extension != ""
	}
	c.answer(switching(w.Header(), r.Header.Get("Sec-WebSocket-Key"), extension))
	return c, nil
}

// newConn makes a connection of one of the network, on which something has come early.
func newConn(nc net.Conn, early []byte, o Options) *Conn {
	c := &Conn{
		net: nc, below: nc,
		limit: o.ReadLimit, tolerate: o.Tolerate, answered: o.Answered,
		flusher: o.Flusher, timeout: o.WriteTimeout, tooSlow: o.TooSlow,
		out:  queue{limit: o.QueueLimit, budget: o.Budget},
		ping: ping{interval: o.PingInterval, timeout: o.PongTimeout},
	}
	c.out.conn = c
	if o.Flusher != nil {
		c.shard = o.Flusher.enlist()
	}
	if t, ok := nc.(*tls.Conn); ok {
		c.below = t.NetConn()
	}
	if s, ok := c.below.(syscall.Conn); ok {
		c.kernel, _ = s.SyscallConn() // nil after an error
	}
	c.in = input{conn: nc, unread: early, made: time.Now()}
	if canTry && c.kernel != nil {
		// Only of these is it known that nothing counts, encrypts or changes what
		// goes through them, or keeps it.
		switch c.below.(type) {
		case *net.TCPConn, *net.UnixConn:
			if c.direct = c.below == nc; c.direct {
				c.in.raw = c.kernel
			} else {
				c.in.tls = &tlsInput{below: c.kernel}
			}
		}
	}
	c.shared = c.direct
	if _, ok := c.below.(*net.TCPConn); ok && c.below != nc {
		c.shared = knowsRoom && c.kernel != nil
	}
	if half := o.PingInterval / 2; half > 0 {
		c.in.heard.Store(-int64(rand.N(half)))
	}
	return c
}

// answer sends the answer to the handshake, or queues it where that could block.
func (c *Conn) answer(f Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.frames = append(c.out.frames, f)
	if c.direct {
		c.out.writing = 1
		n, _ := tryWrite(c.kernel, f.b.wire) // The next write fails as well.
		c.wrote(n, false, time.Now())
	}
	switch {
	case len(c.out.frames) == 0:
	case c.out.begun == 0:
		c.flush()
	default: // The Flusher takes no frame that has been begun.
		c.writing = true
		c.flushAlone()
	}
}

// hijack returns the connection, and what the client sent right behind its
// request.
func hijack(w http.ResponseWriter) (_ net.Conn, early []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: panic: %v", ErrNotHijackable, p)
		}
	}()
	c, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNotHijackable, err)
	}
	early, _ = buffered.Reader.Peek(buffered.Reader.Buffered())
	return c, bytes.Clone(early), nil
}

// switching is the answer to an upgrade request. What middleware has added to the
// answer, such as a cookie, goes with it.
func switching(header http.Header, key, extension string) Frame {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	sum := sha1.Sum([]byte(strings.TrimSpace(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // the same
	b.WriteString(base64.StdEncoding.EncodeToString(sum[:]))
	b.WriteString("\r\n")
	if extension != "" {
		b.WriteString("Sec-WebSocket-Extensions: " + extension + "\r\n")
	}
	// Writing to a buffer does not fail.
	_ = header.WriteSubset(&b, notSwitching)
	b.WriteString("\r\n")
	return Frame{&frameBytes{wire: b.Bytes(), secret: true, control: true}}
}

// notSwitching are headers that say something of a body, or that are set here.
var notSwitching = map[string]bool{
	"Connection": true, "Upgrade": true, "Sec-Websocket-Accept": true, "Sec-Websocket-Extensions": true,
	"Content-Length": true, "Content-Type": true, "Content-Encoding": true, "Transfer-Encoding": true, "Trailer": true,
}

// negotiate returns the answer to the first extension offered that can be had, or
// "".
func negotiate(header http.Header) string {
	for _, v := range header.Values("Sec-WebSocket-Extensions") {
		for offer := range strings.SplitSeq(v, ",") {
			if answer := acceptDeflate(strings.Split(offer, ";")); answer != "" {
				return answer
			}
		}
	}
	return ""
}

// acceptDeflate returns the answer to an offer, which is an extension's name and its
// parameters: permessage-deflate without context takeover. What is not understood
// must be declined (RFC 7692, 5.1 and 7.1).
func acceptDeflate(offer []string) string {
	if strings.TrimSpace(offer[0]) != "permessage-deflate" {
		return ""
	}
	window := ""
	var seen []string
	for _, param := range offer[1:] {
		name, value, given := strings.Cut(param, "=")
		name, value = strings.TrimSpace(name), strings.Trim(strings.TrimSpace(value), `"`)
		known := false
		switch name {
		case "client_no_context_takeover", "server_no_context_takeover":
			known = !given
		case "client_max_window_bits": // Any window can be read.
			known = !given || slices.Contains(windowBits, value)
		case "server_max_window_bits": // Ours is 32 KiB.
			known = value == "15"
			window = "; server_max_window_bits=15"
		}
		if !known || slices.Contains(seen, name) {
			return ""
		}
		seen = append(seen, name)
	}
	return "permessage-deflate; client_no_context_takeover; server_no_context_takeover" + window
}

var windowBits = []string{"8", "9", "10", "11", "12", "13", "14", "15"}
