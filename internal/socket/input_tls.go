package socket

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Who waits for a record inside of crypto/tls keeps a stack that has grown. So the wait is
// for the kernel to have something, and only then is crypto/tls asked to read. Before the
// wait it must have given all that is in its buffer. A read whose deadline is over tells: it
// gives what is there, and takes nothing from the kernel. Unlike a write, a read over TLS
// survives its deadline; net/http relies on that, too.

// recordPatience is for how long crypto/tls waits for the rest of a record. After that the
// kernel is waited for again.
const recordPatience = 50 * time.Millisecond

// over is a deadline that is over.
var over = time.Unix(1, 0)

// A tlsInput is what TLS adds to an input.
type tlsInput struct {
	below syscall.RawConn
	quiet bool  // crypto/tls has nothing whole, and nothing has come since
	come  bool  // the kernel has something that crypto/tls has not taken
	err   error // what ended the connection, behind the last bytes
}

// await returns when the kernel has something.
func (t *tlsInput) await(blocked *atomic.Bool) error {
	if err := waitUnread(t.below, blocked); err != nil {
		return err
	}
	t.quiet, t.come = false, true
	return nil
}

// fetchRecord reads what has come, which may be a part of a record, or for TLS alone. It
// leaves no deadline for reading: whoever sets one elsewhere, to wake who reads, must
// tell why in another way, too.
func (in *input) fetchRecord() error {
	t := in.tls
	if t.err != nil {
		return t.err
	}
	deadline := over
	if t.come {
		deadline = time.Now().Add(recordPatience)
	}
	t.come = false
	in.buffer = readBuffers.Get().(*[readAhead]byte)
	_ = in.conn.SetReadDeadline(deadline)
	n, err := in.conn.Read(in.buffer[:])
	_ = in.conn.SetReadDeadline(time.Time{})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err, t.quiet = nil, true
	}
	t.err = err
	if n == 0 {
		in.release()
		return err
	}
	in.unread = in.buffer[:n]
	in.note(n)
	return nil
}

// drain is pending when crypto/tls has given all that it has.
func (in *input) drain() bool {
	if t := in.tls; t != nil && !t.quiet && !t.come {
		_ = in.fetch() // Its error is kept.
	}
	return in.pending()
}
