package hotsock

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// This file has what a client over a feed sends its connection, by way of any node.

// postSend is connection/send.
func postSend(body []byte) (*peerRequest, error) {
	frames, err := wire.DecodePosted(body)
	return &peerRequest{Op: peerPost, Posted: frames}, err
}

// postClose is connection/close.
func postClose(body []byte) (*peerRequest, error) {
	code, err := wire.DecodeClose(body)
	if err == nil && !socket.Code(code).Valid() {
		err = refuseBecause(CodeInvalidRequest, `"code" is none that a client may close with`)
	}
	return &peerRequest{Op: peerPost, CloseCode: code}, err
}

// post carries a request to the node that holds the connection.
func (a *clientAPI) post(r *http.Request, body []byte, read func(body []byte) (*peerRequest, error)) error {
	q, err := read(body)
	if err != nil {
		// Who sends it is asked first, so that only they learn what is wrong with it.
		if _, unknown := a.caller(r, ""); unknown != nil {
			return unknown
		}
		return err
	}
	hash := sha256.Sum256([]byte(r.URL.Query().Get("connectionSecret")))
	q.ID = ulid.Make().String()
	q.Connection, q.Secret = r.URL.Query().Get("connectionId"), hash[:]
	node, ok := nodeOf(q.Connection)
	if !ok {
		return refuse(CodeUnauthorized)
	}
	_, err = a.h.peers.ask(r.Context(), node, q)
	if errors.Is(err, store.ErrNoPeer) {
		return refuse(CodeUnauthorized)
	}
	return err
}

// post gives the connection what its client has posted.
func (c *connection) post(q *peerRequest) error {
	if len(q.Posted) == 0 && !c.limiter.tolerates() { // others count when they are read
		c.flooded()
		return refuse(CodeRateLimited)
	}
	var err error
	if q.CloseCode != 0 {
		err = c.sock.PostClose(socket.Code(q.CloseCode))
	} else {
		err = c.sock.Post(q.ID, q.Posted)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, socket.ErrNotFeed):
		return refuseBecause(CodeInvalidRequest, "the connection is a WebSocket: send over it")
	case errors.Is(err, socket.ErrTooLong):
		return refuseBecause(CodePayloadTooLarge, "a frame is longer than a message may be")
	case errors.Is(err, socket.ErrBehind):
		return &Error{Code: CodeRateLimited, Message: "too much waits to be carried out", retry: time.Second}
	}
	return refuse(CodeUnauthorized) // It is being closed.
}
