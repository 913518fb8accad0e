// Package socket is a server's side of a WebSocket: handshake, reading and
// control frames by the WebSocket library, and text frames written straight to
// the connection, ready-made and as many at once as are waiting.
package socket

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// Options of a connection. All are required.
type Options struct {
	// ReadLimit is the length of the longest message accepted, in bytes.
	ReadLimit int
	// QueueLimit is how many bytes may wait to be written.
	QueueLimit int
	// WriteTimeout is how long a write may make no progress, and how long a
	// close may take.
	WriteTimeout time.Duration
	// Overflow is called once, if a frame would exceed QueueLimit. It must not
	// block. The connection takes no more frames.
	Overflow func()
}

// Errors that Read returns for what a client must not send.
var (
	ErrBinary  = errors.New("socket: binary message")
	ErrNotUTF8 = errors.New("socket: text message is not UTF-8")
)

// A Conn is one accepted WebSocket. Send and Close may be called concurrently;
// Read by one goroutine at a time.
type Conn struct {
	ws  *websocket.Conn
	net *atomicConn
	o   Options

	lastSent atomic.Int64 // Unix nanoseconds

	mu      sync.Mutex
	queue   []Frame       // waiting, in order
	spare   []Frame       // an empty queue, to be used again
	queued  int           // bytes in queue
	writing bool          // a flush is under way
	closing bool          // no more frames are taken
	flushed chan struct{} // closed when nothing is queued, if Close waits for that

	flushes   sync.WaitGroup
	closeOnce sync.Once
}

// Send queues a frame. It never blocks. Frames are written in the order of the
// calls; on a connection that is closing they are dropped.
func (c *Conn) Send(f Frame) {
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return
	}
	if c.queued+len(f.b) > c.o.QueueLimit && c.queued > 0 {
		c.closing = true
		c.mu.Unlock()
		c.o.Overflow()
		return
	}
	c.queue = append(c.queue, f)
	c.queued += len(f.b)
	if c.writing {
		c.mu.Unlock()
		return
	}
	c.writing = true
	c.flushes.Add(1)
	c.mu.Unlock()
	go c.flush()
}

// LastSent is when frames were last written.
func (c *Conn) LastSent() time.Time { return time.Unix(0, c.lastSent.Load()) }

// flush writes what is queued until nothing is.
func (c *Conn) flush() {
	defer c.flushes.Done()
	var batch []Frame
	for {
		c.mu.Lock()
		if clear(batch); batch != nil && cap(batch) <= maxKept {
			c.spare = batch[:0]
		}
		if len(c.queue) == 0 {
			c.writing = false
			if c.flushed != nil {
				close(c.flushed)
			}
			c.mu.Unlock()
			return
		}
		batch = c.queue
		c.queue, c.spare = c.spare, nil
		c.queued = 0
		c.mu.Unlock()

		now := time.Now()
		c.lastSent.Store(now.UnixNano())
		if err := c.net.writeFrames(batch, now); err != nil {
			// Whatever the reason, the reader finds the connection closed.
			c.mu.Lock()
			c.closing = true
			clear(c.queue)
			c.queue, c.queued = nil, 0
			c.mu.Unlock()
			_ = c.net.Close()
		}
	}
}

// Read waits for the next text message and returns it in the buffer that it
// then asks for, or in a longer one. Control frames are answered meanwhile. It
// fails when the connection is closed, by either side. After an error the
// connection is to be closed with CloseCode of the error.
func (c *Conn) Read(buffer func() []byte) ([]byte, error) {
	typ, r, err := c.ws.Reader(context.Background())
	if err != nil {
		return nil, err
	}
	if typ != websocket.MessageText {
		return nil, ErrBinary
	}
	b, err := readAll(r, buffer())
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) {
		return nil, ErrNotUTF8
	}
	return b, nil
}

func readAll(r io.Reader, b []byte) ([]byte, error) {
	for b = b[:0]; ; {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// CloseCode is the status to close with after an error of Read.
func CloseCode(err error) websocket.StatusCode {
	switch {
	case errors.Is(err, ErrBinary):
		return websocket.StatusUnsupportedData
	case errors.Is(err, ErrNotUTF8):
		return websocket.StatusInvalidFramePayloadData
	case errors.Is(err, websocket.ErrMessageTooBig):
		return websocket.StatusMessageTooBig
	}
	return websocket.StatusNormalClosure
}

// Close ends the connection: no more frames are taken, those queued are
// written, then the close handshake is made. If that takes longer than the
// write timeout, or ctx ends, the connection is cut. It returns when all is
// over; Read then fails. Only the first call's code and reason count; the
// others wait for it.
func (c *Conn) Close(ctx context.Context, code websocket.StatusCode, reason string) {
	c.closeOnce.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, c.o.WriteTimeout)
		defer cancel()
		c.mu.Lock()
		c.closing = true
		if code == websocket.StatusTryAgainLater {
			// The peer does not read: what waits would only delay the reason.
			clear(c.queue)
			c.queue, c.queued = c.queue[:0], 0
		}
		c.flushed = make(chan struct{})
		if !c.writing {
			close(c.flushed)
		}
		c.mu.Unlock()

		stop := context.AfterFunc(ctx, func() { _ = c.net.Close() })
		defer stop()
		select {
		case <-c.flushed:
		case <-ctx.Done():
		}
		_ = c.ws.Close(code, reason)
		_ = c.ws.CloseNow()
		c.flushes.Wait()
	})
}

// Cut ends the connection at once, without a word.
func (c *Conn) Cut() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	_ = c.net.Close()
}

// atomicConn lets frames be written by two writers: the WebSocket library
// writes each control frame with one Write, and writeFrames writes the others.
type atomicConn struct {
	net.Conn
	timeout time.Duration

	mu       sync.Mutex
	deadline time.Time
	iov      [][]byte
}

// Write is the library's.
func (c *atomicConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.extend(time.Now()); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// extend gives the next write at least the timeout. Setting a deadline costs a
// tenth of a write, so it is not done for each.
func (c *atomicConn) extend(now time.Time) error {
	if c.deadline.Sub(now) >= c.timeout {
		return nil
	}
	c.deadline = now.Add(2 * c.timeout)
	return c.SetWriteDeadline(c.deadline)
}

func (c *atomicConn) writeFrames(frames []Frame, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.extend(now); err != nil {
		return err
	}
	if len(frames) == 1 {
		_, err := c.Conn.Write(frames[0].b)
		return err
	}
	iov := c.iov[:0]
	for _, f := range frames {
		iov = append(iov, f.b)
	}
	buffers := net.Buffers(iov)
	_, err := buffers.WriteTo(c.Conn)
	clear(iov)
	if cap(iov) <= maxKept {
		c.iov = iov[:0]
	} else {
		c.iov = nil
	}
	return err
}

// maxKept bounds the memory that an idle connection keeps for its next batch.
const maxKept = 16
