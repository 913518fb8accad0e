package client

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/coder/websocket"
)

// A link carries frames between a connection and the server: a WebSocket or a feed.
type link interface {
	// read returns the next frame. The error says why there is none, in the server's
	// words if it has closed the connection.
	read(ctx context.Context) ([]byte, error)
	// write sends frames, in their order. One goroutine writes.
	write(n *conn, frames [][]byte) error
	// room is how many bytes of frames are worth waiting for each other: 0 if each is to
	// be written by itself.
	room() int
	// close tells the server that the client leaves.
	close(n *conn)
	// cut ends the link without a word, and with it what waits in read and write.
	cut()
	progress() progress
}

// progress is what a link has carried until a moment. Something may be waiting to be
// written.
type progress struct {
	received, written int64
	waiting           bool
}

// stuck reports whether nothing has been received since, or something waits to be
// written of which nothing was.
func (p progress) stuck(since progress) bool {
	return p.received == since.received || p.waiting && p.written == since.written
}

// A socketLink is a WebSocket.
type socketLink struct {
	ws      *websocket.Conn
	*stream // below it
}

func (l socketLink) read(ctx context.Context) ([]byte, error) {
	typ, b, err := l.ws.Read(ctx)
	if err != nil {
		return nil, disconnected(err)
	}
	if typ != websocket.MessageText {
		return nil, errors.New("hotsock: the server sent binary data")
	}
	return b, nil
}

func (l socketLink) write(n *conn, frames [][]byte) error {
	for _, f := range frames {
		if err := l.ws.Write(n.ctx, websocket.MessageText, f); err != nil {
			return disconnected(err)
		}
	}
	return nil
}

func (socketLink) room() int { return 0 }

func (l socketLink) close(*conn) { _ = l.ws.Close(websocket.StatusNormalClosure, "") }

func (l socketLink) cut() { _ = l.ws.CloseNow() }

// noteReached returns a context for a request, and what becomes true when somebody has got
// it, or does not agree on how to get it: what speaks HTTP/2 only has no WebSockets.
func noteReached(ctx context.Context) (context.Context, *atomic.Bool) {
	reached := new(atomic.Bool)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			if i.Err == nil {
				reached.Store(true)
			}
		},
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				reached.Store(true)
			}
		},
	}), reached
}

// blocked reports whether an attempt to connect may have failed because of what it was
// made with, a WebSocket or a feed: not because the server is away, or does not want the
// client.
func blocked(err error, reached bool) bool {
	if e, ok := errors.AsType[*Error](err); ok {
		// The first is what is left of an upgrade request without its headers; servers of
		// 0.2 have no feeds.
		return e.Code == CodeInvalidRequest || e.Code == CodeNotFound || e.Code == CodeMethodNotAllowed
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		switch r.status {
		case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusTooManyRequests, http.StatusServiceUnavailable:
			return false
		}
		return true
	}
	_, closed := errors.AsType[*closedError](err)
	return errors.Is(err, errNoTunnel) || reached && !closed
}
