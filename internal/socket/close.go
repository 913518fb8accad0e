package socket

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// A Code says why a WebSocket is closed (RFC 6455, 7.4).
type Code uint16

// Codes that a server closes with.
const (
	StatusNormal          Code = 1000
	StatusGoingAway       Code = 1001
	StatusProtocolError   Code = 1002
	StatusUnsupportedData Code = 1003
	StatusInvalidText     Code = 1007
	StatusPolicyViolation Code = 1008
	StatusTooLong         Code = 1009
	StatusServiceRestart  Code = 1012
	StatusTryAgainLater   Code = 1013

	// StatusStayAway is the protocol's own: who gets it does not connect again.
	StatusStayAway Code = 4403

	// StatusComingBack is what a client closes with that connects again: browsers let
	// a page send no other code than 1000 and those from 3000 on.
	StatusComingBack Code = 4001

	// StatusNone is none: the network failed.
	StatusNone Code = 0
)

// Valid reports whether a client may send the code.
func (c Code) Valid() bool {
	switch c {
	case 1004, 1005, 1006:
		return false
	}
	return 1000 <= c && c <= 1014 || 3000 <= c && c <= 4999
}

// CloseCode is the status to close with after an error of Wait or Read: that of
// the client, if it has closed. An error of the network leaves nobody to tell.
func CloseCode(err error) Code {
	var closed closedError
	switch {
	case errors.As(err, &closed):
		return closed.code
	case errors.Is(err, ErrProtocol):
		return StatusProtocolError
	case errors.Is(err, ErrBinary):
		return StatusUnsupportedData
	case errors.Is(err, ErrNotUTF8):
		return StatusInvalidText
	case errors.Is(err, ErrTooLong):
		return StatusTooLong
	case errors.Is(err, ErrFlood):
		return StatusPolicyViolation
	}
	return StatusNone
}

const (
	// closePatience is how long the client may receive nothing, and answer
	// nothing, when it has been sent the close frame. What the connection had is
	// taken back only then, and others wait for that.
	closePatience = time.Second
	// closeFactor is how many times the write timeout a close may take in all,
	// for a client that receives what waits for it very slowly.
	closeFactor = 10
)

// Close ends the connection: no more frames are taken, those queued are
// written for as long as the client receives something, then the close handshake
// is made. With StatusTryAgainLater, StatusPolicyViolation and StatusStayAway, what is
// queued is dropped. The connection is cut if that takes ten times the write timeout, or ctx
// ends; at once if the client has gone without a word. Close returns when all is
// over; Read then fails. Only the first call's code and reason count; the others
// wait for it.
func (c *Conn) Close(ctx context.Context, code Code, reason string) {
	c.closeOnce.Do(func() {
		if !c.gone.Load() && c.shakeHands(ctx, code, reason) {
			_ = c.net.Close() // TLS has a last word of its own.
		}
		c.Cut()
		c.mu.Lock()
		c.out.discard()
		c.mu.Unlock()
		c.flushes.Wait()
	})
}

// shakeHands returns false if there is nobody to shake hands with.
func (c *Conn) shakeHands(ctx context.Context, code Code, reason string) bool {
	ctx, cancel := context.WithTimeout(ctx, closeFactor*c.timeout)
	defer cancel()
	flushed, heard := make(chan struct{}), make(chan struct{})
	c.mu.Lock()
	c.closing.Store(true)
	switch code {
	case StatusTryAgainLater, StatusPolicyViolation, StatusStayAway:
		c.out.drop()
	}
	c.out.pong, c.out.ping, c.out.last = Frame{}, false, c.closeFrame(code, reason)
	c.flushed, c.heard = flushed, heard
	if c.deaf != nil {
		close(heard)
	}
	c.flush()
	c.mu.Unlock()

	select {
	case <-flushed:
	case <-ctx.Done():
		return false
	}
	if c.feed != nil {
		return !c.gone.Load() // The client has nothing to answer.
	}
	patience := time.NewTicker(closePatience)
	defer patience.Stop()
	for !c.gone.Load() {
		select {
		case <-heard:
			return c.linger()
		case <-ctx.Done():
			return false
		case <-patience.C:
			if !c.receiving() {
				return false
			}
		}
	}
	return false
}

// receiving reports whether the kernel still has something for the client, and
// gets rid of it. All is flushed: nobody else looks any more.
func (c *Conn) receiving() bool {
	moved, left := c.progress()
	return moved && left > 0
}

func (c *Conn) closeFrame(code Code, reason string) Frame {
	if c.feed != nil {
		return closeEvent(code, reason)
	}
	b := binary.BigEndian.AppendUint16(nil, uint16(code))
	return controlFrame(opClose, append(b, reason...))
}

// linger lets the client receive why it is closed, if it has not closed by
// itself: the system forgets what it has not sent when a connection is closed on
// which something is unread.
func (c *Conn) linger() bool {
	if errors.As(c.deaf, new(closedError)) { // which was set before heard was closed, once
		return true
	}
	_ = c.net.SetReadDeadline(time.Now().Add(closePatience))
	var b [512]byte
	for {
		if _, err := c.net.Read(b[:]); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// Cut ends the connection at once, without a word.
func (c *Conn) Cut() {
	c.closing.Store(true)
	c.gone.Store(true)
	_ = c.below.Close()
}
