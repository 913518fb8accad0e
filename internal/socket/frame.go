package socket

import (
	"encoding/binary"
	"sync"
	"weak"
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
	// control is true of what is no message: control frames, and the answer to
	// the handshake.
	control bool
	// deflated is the same compressed, or nil if that is not worth it; once it is
	// wanted.
	deflate  sync.Once
	deflated []byte
}

// Len is the number of bytes the frame takes on the wire, uncompressed.
func (f Frame) Len() int { return len(f.b.wire) }

// IsZero reports whether the frame is the zero value, and so none.
func (f Frame) IsZero() bool { return f.b == nil }

// A WeakFrame is a frame that it does not keep in memory.
type WeakFrame struct{ p weak.Pointer[frameBytes] }

// Weak returns the frame as one that others keep.
func (f Frame) Weak() WeakFrame { return WeakFrame{weak.Make(f.b)} }

// Frame returns the frame, or the zero value if nobody has it any more.
func (w WeakFrame) Frame() Frame { return Frame{w.p.Value()} }

// wire is the frame as it is sent to connections that compress, or do not.
func (f Frame) wire(deflate bool) []byte {
	if deflate && f.b.deflated != nil {
		return f.b.deflated
	}
	return f.b.wire
}

// Start returns the beginning of a frame, with room for about size bytes of
// payload. Append the payload to it and call Finish.
func Start(size int) []byte {
	return make([]byte, headerRoom, headerRoom+size)
}

// Finish makes a frame of what Start returned and the payload appended to it.
func Finish(b []byte) Frame { return Frame{&frameBytes{wire: finish(b, fin|opText)}} }

// FinishSecret is Finish for what has a secret in it. Compressed together with
// something that an attacker can choose, its length would tell of it.
func FinishSecret(b []byte) Frame {
	return Frame{&frameBytes{wire: finish(b, fin|opText), secret: true}}
}

// controlFrame makes a frame that stands outside of the messages.
func controlFrame(opcode byte, payload []byte) Frame {
	b := append(Start(len(payload)), payload...)
	return Frame{&frameBytes{wire: finish(b, fin|opcode), secret: true, control: true}}
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
