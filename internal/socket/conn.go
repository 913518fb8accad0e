// Package socket is a server's side of a WebSocket: handshake, reading and
// control frames by the WebSocket library, and text frames written straight to
// the connection, ready-made and as many at once as are waiting.
package socket

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// Options of a connection. All but Flusher and Compress are required.
type Options struct {
	// ReadLimit is the length of the longest message accepted, in bytes.
	ReadLimit int
	// QueueLimit is how many bytes may wait to be written.
	QueueLimit int
	// WriteTimeout is how long a write may make no progress, and how long a
	// close may take.
	WriteTimeout time.Duration
	// Compress accepts permessage-deflate from clients that offer it.
	Compress bool
	// Flusher writes the frames of many connections; nil for a goroutine of each
	// connection's own, while there is something to write.
	Flusher *Flusher
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
	br  *bufio.Reader // what the library reads from

	limit    int // of bytes in queue, besides those asked for
	overflow func()
	flusher  *Flusher

	lastSent atomic.Int64 // Unix nanoseconds

	mu      sync.Mutex
	queue   []Frame       // waiting, in order
	queued  int           // bytes in queue
	asked   int           // how many of them SendAll has taken
	flushed chan struct{} // closed when nothing is queued, if Close waits for that
	writing bool          // somebody has been asked to write what is queued
	closing bool          // no more frames are taken
	deflate bool          // both sides have agreed on permessage-deflate; not guarded

	flushes   sync.WaitGroup // goroutines that flush
	closeOnce sync.Once
}

// Send queues a frame. It never blocks. Frames are written in the order of the
// calls; on a connection that is closing they are dropped.
func (c *Conn) Send(f Frame) {
	if c.deflate {
		f.compress() // once for all subscribers, and not on the Flusher's time
	}
	c.mu.Lock()
	if c.closing {
		c.mu.Unlock()
		return
	}
	if waiting := c.queued - c.asked; waiting+len(f.b.wire) > c.limit && waiting > 0 {
		c.closing = true
		c.mu.Unlock()
		c.overflow()
		return
	}
	c.queue = append(c.queue, f)
	c.queued += len(f.b.wire)
	c.flush()
	c.mu.Unlock()
}

// SendAll queues what the client has asked for at once, such as what it missed:
// all of it, or nothing, and then it returns false. It does not count against
// QueueLimit, but neither may there wait more of it than that.
func (c *Conn) SendAll(frames []Frame) bool {
	size := 0
	for _, f := range frames {
		if c.deflate {
			f.compress()
		}
		size += len(f.b.wire)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return true
	}
	if c.asked+size > c.limit {
		return false
	}
	c.queue = append(c.queue, frames...)
	c.queued += size
	c.asked += size
	c.flush()
	return true
}

// Room is how many bytes SendAll would take now.
func (c *Conn) Room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit - c.asked
}

// flush sees to it that somebody writes what is queued. c.mu is held.
func (c *Conn) flush() {
	if c.writing {
		return
	}
	c.writing = true
	if c.net.raw == nil || c.flusher == nil || !c.flusher.add(c) {
		c.flushAlone(nil, false)
	}
}

// Queued is how many bytes wait to be written.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

// LastSent is when frames were last written.
func (c *Conn) LastSent() time.Time { return time.Unix(0, c.lastSent.Load()) }

// take moves what is queued to frames.
func (c *Conn) take(frames []Frame) []Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames = append(frames, c.queue...)
	clear(c.queue)
	c.queue, c.queued, c.asked = c.queue[:0], 0, 0
	if cap(c.queue) > maxKept {
		c.queue = nil
	}
	return frames
}

// rest reports whether nothing is queued, and then that nobody writes any more.
// c.mu is held.
func (c *Conn) rest() bool {
	if len(c.queue) > 0 {
		return false
	}
	c.writing = false
	if c.flushed != nil {
		close(c.flushed)
	}
	return true
}

// maxKept bounds the memory that an idle connection keeps for its next batch.
const maxKept = 64

// flushFrom is called by the Flusher.
func (c *Conn) flushFrom(f *Flusher, now time.Time) {
	c.lastSent.Store(now.UnixNano())
	f.taken = c.take(f.taken[:0])
	b := f.join(c, f.taken)
	n, locked, err := c.net.try(b)
	f.wrote += n
	if err != nil {
		c.broken()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil && n < len(b):
		c.flushAlone(bytes.Clone(b[n:]), locked)
	case !c.rest() && !f.add(c):
		c.flushAlone(nil, false)
	}
}

// flushAlone goes on with a flush on a goroutine of its own: first the rest of
// what was begun, if locked with the connection's lock held, and then what is
// queued. c.mu is held.
func (c *Conn) flushAlone(begun []byte, locked bool) {
	c.flushes.Go(func() {
		var frames []Frame
		for b := begun; ; {
			if len(b) > 0 {
				c.lastSent.Store(time.Now().UnixNano())
				if !locked {
					c.net.mu.Lock()
				}
				n, err := c.net.write(b)
				c.net.mu.Unlock()
				if c.flusher != nil {
					c.flusher.written.Add(uint64(n))
				}
				if locked = false; err != nil {
					c.broken()
				}
			}
			c.mu.Lock()
			done := c.rest()
			c.mu.Unlock()
			if done {
				return
			}
			frames = c.take(frames[:0])
			b = b[:0]
			for _, f := range frames {
				b = append(b, c.wire(f)...)
			}
		}
	})
}

// broken drops what is queued, and closes the connection so that its reader
// notices.
func (c *Conn) broken() {
	c.drop()
	_ = c.net.Close()
}

// drop takes no more frames, and forgets those that are queued.
func (c *Conn) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	clear(c.queue)
	c.queue, c.queued, c.asked = c.queue[:0], 0, 0
}

// Wait returns when Read may have something to do: a message, a part of one, a
// control frame. Where the system does not allow that, it returns at once. A
// connection spends most of its life here, so callers should do it with little
// on their stack. After an error the connection is to be closed.
func (c *Conn) Wait() error {
	return c.net.wait(c.br)
}

// Pending reports whether Wait would return at once.
func (c *Conn) Pending() bool { return c.net.pending(c.br) }

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
	b, err := ReadAll(r, buffer())
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) {
		return nil, ErrNotUTF8
	}
	return b, nil
}

// ReadAll reads to the end, into the buffer or a longer one.
func ReadAll(r io.Reader, b []byte) ([]byte, error) {
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

// closePatience is how long the peer may take to answer the close. What the
// connection had is taken back only then, and others wait for that.
const closePatience = time.Second

// Close ends the connection: no more frames are taken, those queued are
// written, then the close handshake is made. If that takes longer than the
// write timeout, or ctx ends, the connection is cut; at once if the peer has
// gone without a word. It returns when all is over; Read then fails. Only the
// first call's code and reason count; the others wait for it.
func (c *Conn) Close(ctx context.Context, code websocket.StatusCode, reason string) {
	c.closeOnce.Do(func() {
		if c.net.gone.Load() {
			c.drop()
		} else {
			c.shakeHands(ctx, code, reason)
		}
		_ = c.ws.CloseNow()
		c.flushes.Wait()
	})
}

func (c *Conn) shakeHands(ctx context.Context, code websocket.StatusCode, reason string) {
	ctx, cancel := context.WithTimeout(ctx, c.net.timeout)
	defer cancel()
	if code == websocket.StatusTryAgainLater {
		// The peer does not read: what waits would only delay the reason.
		c.drop()
	}
	c.mu.Lock()
	c.closing = true
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
	c.net.stopWaiting()
	silent := time.AfterFunc(closePatience, func() { _ = c.net.Close() })
	defer silent.Stop()
	_ = c.ws.Close(code, reason)
}

// Cut ends the connection at once, without a word.
func (c *Conn) Cut() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	_ = c.net.Close()
}
