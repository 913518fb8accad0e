package socket

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// readAhead is how much is read at once, where a connection can be waited for
// without a buffer.
const readAhead = 4 << 10

var readBuffers = sync.Pool{New: func() any { return new([readAhead]byte) }}

// An input is what comes from the network. All but the last four is of the
// goroutine that reads.
type input struct {
	conn net.Conn
	raw  syscall.RawConn // nil if conn cannot be waited for

	// unread is what has been read and not used: what came right behind the
	// request, or a part of buffer or of small.
	unread []byte
	buffer *[readAhead]byte // nil unless a part of it is unread
	small  [16]byte         // for connections that raw is nil for: a frame's header

	blocked atomic.Bool   // the goroutine waits for the network
	total   atomic.Uint64 // bytes that have come
	made    time.Time     // the connection was
	heard   atomic.Int64  // nanoseconds since made: when the last bytes came
}

// fill waits until there is something unread.
func (in *input) fill() error {
	if len(in.unread) > 0 {
		return nil
	}
	in.release()
	in.blocked.Store(true)
	defer in.blocked.Store(false)
	var n int
	var err error
	if in.raw != nil {
		if in.buffer, n, err = waitRead(in.raw); n > 0 {
			in.unread = in.buffer[:n]
		}
	} else {
		n, err = in.conn.Read(in.small[:])
		in.unread = in.small[:n]
	}
	if n > 0 {
		in.note(n)
		return nil
	}
	if err == nil {
		err = io.EOF
	}
	return err
}

// note counts bytes that have come.
func (in *input) note(n int) {
	in.total.Add(uint64(n))
	in.heard.Store(int64(time.Since(in.made)))
}

// release gives the buffer back. Nothing is unread.
func (in *input) release() {
	if in.buffer != nil {
		readBuffers.Put(in.buffer)
	}
	in.buffer, in.unread = nil, nil
}

// take reads as much as b is long: a header, which usually is together with more.
func (in *input) take(b []byte) error {
	for len(b) > 0 {
		if err := in.fill(); err != nil {
			return err
		}
		b = b[in.copy(b):]
	}
	return nil
}

func (in *input) copy(b []byte) int {
	n := copy(b, in.unread)
	in.skip(n)
	return n
}

func (in *input) skip(n int) {
	if in.unread = in.unread[n:]; len(in.unread) == 0 {
		in.release()
	}
}

// Read implements [io.Reader]. It is for what may be long.
func (in *input) Read(b []byte) (int, error) {
	if len(in.unread) == 0 && (len(b) >= readAhead || in.raw == nil) {
		// There is no need for a copy.
		in.blocked.Store(true)
		defer in.blocked.Store(false)
		n, err := in.conn.Read(b)
		if n > 0 {
			in.note(n)
		}
		return n, err
	}
	if err := in.fill(); err != nil {
		return 0, err
	}
	return in.copy(b), nil
}
