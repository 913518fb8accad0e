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
	raw  syscall.RawConn // nil if conn cannot be waited for, or is of TLS
	tls  *tlsInput       // nil unless conn is of TLS and what is below it can be waited for

	// unread is what has been read and not used: what came right behind the
	// request, or a part of buffer or of small.
	unread []byte
	buffer *[readAhead]byte // nil unless a part of it is unread
	small  [16]byte         // for connections that cannot be waited for: a frame's header

	// blocked says that the goroutine waits for the network. Unless the connection
	// cannot be waited for, it has used all that it took from the kernel.
	blocked atomic.Bool
	total   atomic.Uint64 // bytes that have come
	made    time.Time     // the connection was
	heard   atomic.Int64  // nanoseconds since made: when the last bytes came
}

// pending reports whether await would return at once.
func (in *input) pending() bool {
	if len(in.unread) > 0 {
		return true
	}
	if in.tls != nil {
		return !in.tls.quiet
	}
	return in.raw == nil
}

// await returns when there is something that fetch can get, if the system allows to
// wait for that. Without TLS it is unread then. It needs little stack.
func (in *input) await() error {
	switch {
	case in.pending():
		return nil
	case in.tls != nil:
		return in.tls.await(&in.blocked)
	}
	in.release()
	var n int
	var err error
	if in.buffer, n, err = waitRead(in.raw, &in.blocked); n > 0 {
		in.unread = in.buffer[:n]
	}
	return in.got(n, err)
}

// fetch reads what has come, if nothing is unread. With TLS, that may be nothing of use.
func (in *input) fetch() error {
	switch {
	case len(in.unread) > 0:
		return nil
	case in.tls != nil:
		return in.fetchRecord()
	}
	in.blocked.Store(true)
	defer in.blocked.Store(false)
	n, err := in.conn.Read(in.small[:])
	in.unread = in.small[:n]
	return in.got(n, err)
}

// got notes n bytes, or returns why there are none.
func (in *input) got(n int, err error) error {
	if n > 0 {
		in.note(n)
		return nil
	}
	if err == nil {
		err = io.EOF
	}
	return err
}

// begin waits until something comes. It returns false if nothing is unread even then,
// which happens only with TLS.
func (in *input) begin() (bool, error) {
	err := in.await()
	if err == nil {
		err = in.fetch()
	}
	return len(in.unread) > 0, err
}

// fill waits until there is something unread.
func (in *input) fill() error {
	for {
		if ok, err := in.begin(); ok || err != nil {
			return err
		}
	}
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
	if len(in.unread) == 0 && in.tls == nil && (len(b) >= readAhead || in.raw == nil) {
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
