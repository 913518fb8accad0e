// Package socket is a server's side of a WebSocket (RFC 6455), or of a feed, which takes
// its place: the handshake, messages and control frames, a queue of frames that are
// written ready-made and as many at once as are waiting, and the closing.
package socket

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Options of a connection. All but PingInterval, Budget, Compress, Flusher, Answered
// and Tolerate are required.
type Options struct {
	// ReadLimit is the length of the longest message accepted, in bytes,
	// uncompressed.
	ReadLimit int
	// QueueLimit is how many bytes may wait to be written.
	QueueLimit int
	// Budget bounds what waits for all connections together; nil is for no bound.
	Budget *Budget
	// WriteTimeout is how long the client may receive nothing of what waits for
	// it.
	WriteTimeout time.Duration
	// PingInterval is how long the client may send nothing until [Conn.Attend]
	// pings it, and the first time perhaps half as long, so that clients which
	// came together are not pinged together; 0 for never. PongTimeout is how long
	// after that it may still send nothing.
	PingInterval, PongTimeout time.Duration
	// Compress accepts permessage-deflate from clients that offer it.
	Compress bool
	// Flusher writes the frames of many connections; nil for a goroutine of each
	// connection's own, while there is something to write.
	Flusher *Flusher
	// TooSlow is called once, if a frame would exceed QueueLimit, the client has
	// received nothing for WriteTimeout, or the Budget is exceeded and this client
	// would need the longest to receive what waits. It must not block. The connection
	// takes no more frames.
	TooSlow func()
	// Answered is called by Wait or Read when the client has answered a ping. It is a
	// good time to call [Conn.Attend], which else would be called for that. It must not
	// block.
	Answered func()
	// Tolerate is called for each message, each control frame and each short
	// fragment that the client sends, but not for pongs that it was asked for. If
	// it returns false, Read fails with ErrFlood. nil is for any number.
	Tolerate func() bool
}

// A Conn is one accepted WebSocket or feed. Send, SendAll, Close and Cut may be called
// concurrently; Wait and Read by one goroutine at a time.
type Conn struct {
	// What every frame needs is together, since it is seldom in the CPU's cache.

	mu      sync.Mutex
	closing atomic.Bool // no more frames are taken, and no messages given
	writing bool        // somebody has been asked to write what is queued; mu guards it
	deflate bool        // both sides have agreed on permessage-deflate
	direct  bool        // kernel may be written to and read past net
	shared  bool        // workers of the Flusher may write to it
	shard   uint8       // of the Flusher, in which it waits to be written to
	feed    *feed       // nil for a WebSocket
	flusher *Flusher
	// kernel is for asking the system about below, nil if it knows nothing.
	kernel   syscall.RawConn
	lastSent atomic.Int64 // nanoseconds since in.made

	// Guarded by mu.
	out     queue
	written int64 // bytes that the network has taken
	// arrives is when all of them have arrived even over the slowest link, as a time
	// since in.made.
	arrives time.Duration
	flushed chan struct{} // closed when nobody writes any more, if Close waits for that

	in  input
	net net.Conn
	// below is the connection that TLS uses, and else net.
	below net.Conn

	limit    int // of bytes in a message
	tolerate func() bool
	answered func()

	timeout time.Duration
	tooSlow func()
	slow    sync.Once // for tooSlow

	// gone is set when the connection was closed or has failed: no handshake is
	// possible any more.
	gone atomic.Bool

	// Guarded by mu.
	deaf  error         // why nothing is read any more, nil if it is
	heard chan struct{} // closed when nothing is read any more, if Close waits for that
	stall stall
	ping  ping

	flushes   sync.WaitGroup // goroutines that flush
	closeOnce sync.Once
}

// Bits of a frame's first byte (RFC 6455, 5.2).
const (
	fin  = 0x80
	rsv1 = 0x40 // compressed (RFC 7692)
	rsv  = 0x30 // never set

	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa
)

// maxControl is how long the payload of a control frame may be.
const maxControl = 125
