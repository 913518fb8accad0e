package socket

import (
	"encoding/binary"
	"sync"
)

// headerRoom is the longest header of a frame that a server sends.
const headerRoom = 10

// A Frame is one text message, ready to be written to any number of sockets.
// It is immutable.
type Frame struct {
	// One word, since there is one in the queue of each subscriber.
	b *frameBytes
}

type frameBytes struct {
	wire []byte // header and payload
	// secret is true if the frame must not be compressed.
	secret bool
	// deflated is the same compressed, or nil if that is not worth it; once it is
	// wanted.
	deflate  sync.Once
	deflated []byte
}

// Len is the number of bytes the frame takes on the wire, uncompressed.
func (f Frame) Len() int { return len(f.b.wire) }

// IsZero reports whether the frame is the zero value, and so none.
func (f Frame) IsZero() bool { return f.b == nil }

// Start returns the beginning of a frame, with room for about size bytes of
// payload. Append the payload to it and call Finish.
func Start(size int) []byte {
	return make([]byte, headerRoom, headerRoom+size)
}

// Finish makes a frame of what Start returned and the payload appended to it.
func Finish(b []byte) Frame { return Frame{&frameBytes{wire: finish(b, finText)}} }

// FinishSecret is Finish for what has a secret in it. Compressed together with
// something that an attacker can choose, its length would tell of it.
func FinishSecret(b []byte) Frame {
	return Frame{&frameBytes{wire: finish(b, finText), secret: true}}
}

// First bytes of a frame: a whole text message, and the same compressed.
const (
	finText     = 0x81
	finDeflated = 0xc1
)

func finish(b []byte, first byte) []byte {
	n := len(b) - headerRoom
	switch {
	case n <= 125:
		b = b[headerRoom-2:]
		b[1] = byte(n)
	case n <= 0xffff:
		b = b[headerRoom-4:]
		b[1] = 126
		binary.BigEndian.PutUint16(b[2:], uint16(n))
	default:
		b[1] = 127
		binary.BigEndian.PutUint64(b[2:], uint64(n))
	}
	b[0] = first
	return b
}

// payload is what follows the header.
func (f Frame) payload() []byte {
	switch b := f.b.wire; b[1] {
	case 127:
		return b[10:]
	case 126:
		return b[4:]
	default:
		return b[2:]
	}
}
