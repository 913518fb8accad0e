package socket

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// ErrNotFlushable says that an answer cannot be sent bit by bit, or that nobody could end
// one that its client does not read, because a middleware's ResponseWriter is in the way.
var ErrNotFlushable = errors.New("socket: the http.ResponseWriter does not support flushing and write deadlines: " +
	"a middleware wraps it without an Unwrap method")

// CheckFeed returns an error if a request can be answered with no feed: if the connection
// below w cannot be taken over, and w cannot be flushed either, or has no deadlines.
func CheckFeed(w http.ResponseWriter, r *http.Request) error {
	if r.ProtoMajor == 1 && CheckWriter(w) == nil {
		return nil
	}
	return checkHeld(w)
}

// checkHeld returns an error if w cannot be held.
func checkHeld(w http.ResponseWriter) error {
	flushes, ends := false, false
	for {
		switch w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			flushes = true
		}
		if _, ok := w.(interface{ SetWriteDeadline(t time.Time) error }); ok {
			ends = true
		}
		if flushes && ends {
			return nil
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return ErrNotFlushable
		}
		w = u.Unwrap()
	}
}

// hijackIfPossible takes the connection of a request over, if that is of HTTP/1 and no
// middleware hides it.
func hijackIfPossible(w http.ResponseWriter, r *http.Request) (net.Conn, []byte, error) {
	if r.ProtoMajor != 1 {
		return nil, nil, ErrNotHijackable
	}
	if err := CheckWriter(w); err != nil {
		return nil, nil, err
	}
	return hijack(w)
}

// A heldConn is the answer to a request as a connection, which ends before the request
// does. From the client it gets nothing but the end.
type heldConn struct {
	net.Conn // nil: nothing else is used of it
	w        http.ResponseWriter
	control  *http.ResponseController
	done     <-chan struct{} // of the request
	wake     chan struct{}   // has an element when the deadline is set
	closed   chan struct{}

	mu            sync.Mutex
	writing, over bool
}

// holdAnswer begins the answer.
func holdAnswer(w http.ResponseWriter, r *http.Request) (*heldConn, error) {
	if err := checkHeld(w); err != nil {
		return nil, err
	}
	control := http.NewResponseController(w)
	// Those of the server are for requests that end. Some writers have the method and
	// cannot keep it, for what they wrap does not.
	if err := control.SetWriteDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotFlushable, err)
	}
	_ = control.SetReadDeadline(time.Time{}) // Without it, that of the server counts.
	w.WriteHeader(http.StatusOK)
	return &heldConn{
		w: w, control: control, done: r.Context().Done(), wake: make(chan struct{}, 1), closed: make(chan struct{}),
	}, nil
}

func (c *heldConn) Read([]byte) (int, error) {
	select {
	case <-c.done:
		return 0, io.EOF
	case <-c.closed:
		return 0, net.ErrClosed
	case <-c.wake:
		return 0, os.ErrDeadlineExceeded
	}
}

// SetReadDeadline ends a Read if the time is not zero: nobody sets one to come.
func (c *heldConn) SetReadDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

func (c *heldConn) Write(b []byte) (int, error) {
	if !c.set(true) {
		return 0, net.ErrClosed
	}
	defer c.set(false)
	n, err := c.w.Write(b)
	if err == nil {
		err = c.control.Flush()
	}
	return n, err
}

// set notes whether a write is under way, and returns false if the connection is closed.
func (c *heldConn) set(writing bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writing = writing && !c.over
	return !c.over
}

// Close ends a write that is under way. Otherwise the answer ends in order, with the
// request.
func (c *heldConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil
	}
	c.over = true
	close(c.closed)
	if c.writing {
		return c.control.SetWriteDeadline(time.Unix(1, 0))
	}
	return nil
}
