// Package socket is a server's side of a WebSocket (RFC 6455): the handshake,
// messages and control frames, a queue of frames that are written ready-made and
// as many at once as are waiting, and the closing.
package socket

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Options of a connection. All but Compress, Flusher and Tolerate are required.
type Options struct {
	// ReadLimit is the length of the longest message accepted, in bytes,
	// uncompressed.
	ReadLimit int
	// QueueLimit is how many bytes may wait to be written.
	QueueLimit int
	// WriteTimeout is how long the client may receive nothing of what waits for
	// it.
	WriteTimeout time.Duration
	// Compress accepts permessage-deflate from clients that offer it.
	Compress bool
	// Flusher writes the frames of many connections; nil for a goroutine of each
	// connection's own, while there is something to write.
	Flusher *Flusher
	// TooSlow is called once, if a frame would exceed QueueLimit, or the client
	// has received nothing for WriteTimeout. It must not block. The connection
	// takes no more frames.
	TooSlow func()
	// Tolerate is called for each message, each control frame and each short
	// fragment that the client sends. If it returns false, Read fails with
	// ErrFlood. nil is for any number.
	Tolerate func() bool
}

// A Conn is one accepted WebSocket. Send, SendAll, Close and Cut may be called
// concurrently; Wait and Read by one goroutine at a time.
type Conn struct {
	net net.Conn
	// below is the connection that TLS uses, and else net.
	below net.Conn
	// raw is for writing and reading past net, nil if that may not be done.
	raw syscall.RawConn
	// kernel is for asking the system about below, nil if it knows nothing.
	kernel syscall.RawConn

	in       input
	limit    int // of bytes in a message
	tolerate func() bool
	deflate  bool // both sides have agreed on permessage-deflate

	flusher *Flusher
	timeout time.Duration
	tooSlow func()
	slow    sync.Once // for tooSlow

	made     time.Time
	lastSent atomic.Int64 // nanoseconds since made

	closing atomic.Bool // no more frames are taken, and no messages given
	// gone is set when the connection was closed or has failed: no handshake is
	// possible any more.
	gone atomic.Bool

	mu      sync.Mutex
	out     queue
	writing bool          // somebody has been asked to write what is queued
	flushed chan struct{} // closed when nobody writes any more, if Close waits for that
	deaf    error         // why nothing is read any more, nil if it is
	heard   chan struct{} // closed when nothing is read any more, if Close waits for that
	stall   stall

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
	if c.closing.Load() {
		c.mu.Unlock()
		return
	}
	if !c.out.add(f) {
		c.closing.Store(true)
		c.mu.Unlock()
		c.slow.Do(c.tooSlow)
		return
	}
	c.flush()
	c.mu.Unlock()
}

// SendAll queues what the client has asked for at once, such as what it missed:
// all of it, or nothing, and then it returns false. It does not count against
// QueueLimit, but neither may there wait more of it than that.
func (c *Conn) SendAll(frames []Frame) bool {
	if c.deflate {
		for _, f := range frames {
			f.compress()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing.Load() {
		return true
	}
	if !c.out.addAll(frames) {
		return false
	}
	c.flush()
	return true
}

// Room is how many bytes SendAll would take now.
func (c *Conn) Room() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.limit - c.out.asked
}

// Queued is how many bytes wait to be written.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.bytes
}

// LastSent is when frames were last written, by the monotonic clock.
func (c *Conn) LastSent() time.Time { return c.made.Add(time.Duration(c.lastSent.Load())) }

func (c *Conn) sentAt(now time.Time) { c.lastSent.Store(int64(now.Sub(c.made))) }
