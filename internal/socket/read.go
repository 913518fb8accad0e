package socket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// Errors that Read returns for what a client must not send.
var (
	ErrProtocol = errors.New("socket: not a WebSocket frame")
	ErrBinary   = errors.New("socket: binary message")
	ErrNotUTF8  = errors.New("socket: text message is not UTF-8")
	ErrTooLong  = errors.New("socket: message is too long")
	ErrFlood    = errors.New("socket: more frames than are tolerated")
)

// A closedError is what Read returns when the client has closed the WebSocket.
type closedError struct{ code Code }

func (e closedError) Error() string {
	return fmt.Sprintf("socket: closed by the client with %d", e.code)
}

// Wait returns when Read may have something to do: a message, a part of one, a
// control frame. Without TLS it is no pong that was asked for, since idle clients send
// nothing else. Where the system does not allow that, it returns at once. A
// connection spends most of its life here, so callers should do it with little
// on their stack. After an error the connection is to be closed.
func (c *Conn) Wait() error {
	if c.feed != nil {
		return c.waitPosted()
	}
	for !c.in.pending() {
		if err := c.in.await(); err != nil {
			c.hearNoMore(err)
			return err
		}
		c.skipPongs()
	}
	return nil
}

// skipPongs takes out of what is unread the pongs that were asked for, if they come
// next and have come whole.
func (c *Conn) skipPongs() {
	for {
		b := c.in.unread
		if len(b) < 6 || b[0] != fin|opPong || b[1] < 0x80 {
			return
		}
		n := 6 + int(b[1]&0x7f)
		if n > 6+maxControl || n > len(b) || !c.ponged() {
			return
		}
		c.in.skip(n)
	}
}

// Pending reports whether there is something for Read that has come already, or nobody
// knows. It is for the goroutine that reads, and may need as much stack as Read.
func (c *Conn) Pending() bool {
	pending := c.in.drain()
	if c.feed != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		pending = c.feed.pending() // From the network nothing may come.
	}
	return pending
}

// Heard returns how many bytes the client has sent so far, and whether all of them
// have been read, and what they ask for is done. It may be called concurrently.
func (c *Conn) Heard() (bytes uint64, all bool) {
	all = !hasUnread(c.kernel) // Who takes something from the kernel is not blocked any more.
	return c.in.total.Load(), c.in.blocked.Load() && all
}

// Read returns the next text message, in the buffer that it then asks for, which must not
// be nil, or in a longer one. It waits for something to come, and for the rest of a message
// of which a part has come. It returns nil if nothing came but control frames, which it
// answers, or with TLS less than a record: then Wait is the place to wait for more. It
// fails when the connection is closed, by either side; messages that come while
// it is being closed are dropped. After an error the connection is to be closed
// with CloseCode of the error.
func (c *Conn) Read(buffer func() []byte) ([]byte, error) {
	if c.feed != nil {
		return c.readPosted(buffer)
	}
	for {
		b, err := c.message(buffer)
		if err != nil {
			c.hearNoMore(err)
			return nil, err
		}
		if b == nil || !c.closing.Load() {
			return b, nil
		}
		buffer = func() []byte { return b[:0] }
	}
}

// hearNoMore notes that nothing more is read, and why.
func (c *Conn) hearNoMore(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deaf != nil {
		return
	}
	c.deaf = err
	if c.heard != nil {
		close(c.heard)
	}
	switch {
	case errors.As(err, new(closedError)):
		c.closing.Store(true)
		if c.feed == nil {
			c.out.drop() // The client takes no more than the answer.
		}
	case CloseCode(err) == StatusNone:
		c.gone.Store(true)
	}
}

// message reads one message, or returns nil when only control frames have come.
func (c *Conn) message(buffer func() []byte) ([]byte, error) {
	var b []byte
	var compressed bool
	limit := c.limit
	for first := true; ; {
		if first {
			if ok, err := c.in.begin(); !ok || err != nil {
				return nil, err
			}
		}
		h, err := c.header()
		if err != nil {
			return nil, err
		}
		if h.opcode >= opClose {
			if err := c.control(h); err != nil {
				return nil, err
			}
			if first && !c.Pending() {
				return nil, nil
			}
			continue
		}
		// Fragments of some length count as what they are a part of.
		if c.tolerate != nil && (first || h.length < shortFragment) && !c.tolerate() {
			return nil, ErrFlood
		}
		if first == (h.opcode == opContinuation) {
			return nil, fmt.Errorf("%w: a fragment out of place", ErrProtocol)
		}
		if first {
			if h.opcode == opBinary {
				return nil, ErrBinary
			}
			// The buffer is for what the message becomes.
			if compressed = h.compressed; compressed {
				limit += compressedRoom
			} else {
				b = buffer()[:0]
			}
			first = false
		}
		if h.length > uint64(limit-len(b)) {
			return nil, ErrTooLong
		}
		if b, err = c.payload(b, h); err != nil {
			return nil, err
		}
		if !h.fin {
			continue
		}
		if compressed {
			if b, err = inflated(buffer()[:0], b, c.limit); err != nil {
				return nil, err
			}
		}
		if !utf8.Valid(b) {
			return nil, ErrNotUTF8
		}
		return b, nil
	}
}

const (
	// shortFragment is from what length on a fragment does not count as another
	// message.
	shortFragment = 1 << 10
	// compressedRoom is how much longer the compressed form of a message may be
	// than the message: it is, if the message cannot be compressed.
	compressedRoom = 1 << 10
)

// A header is that of a client's frame.
type header struct {
	opcode          byte
	fin, compressed bool
	length          uint64
	key             [4]byte
}

// header reads one, and checks all that can be said of it alone.
func (c *Conn) header() (h header, err error) {
	var room [12]byte
	b := room[:2]
	if err := c.in.take(b); err != nil {
		return h, err
	}
	h = header{opcode: b[0] & 0xf, fin: b[0]&fin != 0, compressed: b[0]&rsv1 != 0, length: uint64(b[1] & 0x7f)}
	switch {
	case b[1]&0x80 == 0:
		return h, fmt.Errorf("%w: not masked", ErrProtocol)
	case b[0]&rsv != 0, h.compressed && (!c.deflate || h.opcode != opText && h.opcode != opBinary):
		return h, fmt.Errorf("%w: reserved bits", ErrProtocol)
	case h.opcode > opPong, h.opcode > opBinary && h.opcode < opClose:
		return h, fmt.Errorf("%w: opcode %d", ErrProtocol, h.opcode)
	case h.opcode >= opClose && (!h.fin || h.length > maxControl):
		return h, fmt.Errorf("%w: a control frame that is long or fragmented", ErrProtocol)
	}
	size := 0
	switch h.length {
	case 126:
		size = 2
	case 127:
		size = 8
	}
	b = room[:size+4]
	if err := c.in.take(b); err != nil {
		return h, err
	}
	switch size {
	case 2:
		h.length = uint64(binary.BigEndian.Uint16(b))
	case 8:
		h.length = binary.BigEndian.Uint64(b)
	}
	copy(h.key[:], b[size:])
	return h, nil
}

// payload appends that of a frame to b, which grows with what has come and not
// with what was announced.
func (c *Conn) payload(b []byte, h header) ([]byte, error) {
	begin := len(b)
	for left := h.length; left > 0; {
		if len(b) == cap(b) {
			b = slices.Grow(b, int(min(left, max(512, uint64(len(b))))))
		}
		n, err := c.in.Read(b[len(b):min(uint64(cap(b)), uint64(len(b))+left)])
		b = b[:len(b)+n]
		if left -= uint64(n); err != nil && left > 0 {
			return nil, err
		}
	}
	unmask(b[begin:], h.key)
	return b, nil
}

func unmask(b []byte, key [4]byte) {
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i%4]
	}
}

// control deals with a control frame.
func (c *Conn) control(h header) error {
	var room [maxControl]byte
	b := room[:h.length]
	if err := c.in.take(b); err != nil {
		return err
	}
	unmask(b, h.key)
	if h.opcode == opClose {
		return closed(b)
	}
	if h.opcode == opPong && c.ponged() {
		return nil
	}
	if c.tolerate != nil && !c.tolerate() {
		return ErrFlood
	}
	if h.opcode == opPing {
		// One pong for several pings will do (RFC 6455, 5.5.3), so that a client
		// that reads none makes nothing grow.
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.closing.Load() {
			c.out.pong = controlFrame(opPong, b)
			c.flush()
		}
	}
	return nil
}

// closed is the error of a close frame.
func closed(payload []byte) error {
	if len(payload) == 0 {
		return closedError{StatusNormal}
	}
	if len(payload) == 1 {
		return fmt.Errorf("%w: half a close code", ErrProtocol)
	}
	code := Code(binary.BigEndian.Uint16(payload))
	if !code.Valid() {
		return fmt.Errorf("%w: close code %d", ErrProtocol, code)
	}
	if !utf8.Valid(payload[2:]) {
		return ErrNotUTF8
	}
	return closedError{code}
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
