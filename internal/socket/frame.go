package socket

import "encoding/binary"

// headerRoom is the longest header of a frame that a server sends.
const headerRoom = 10

// A Frame is one text message, ready to be written to any number of sockets.
// It is immutable.
type Frame struct {
	b []byte // header and payload
}

// Len is the number of bytes the frame takes on the wire.
func (f Frame) Len() int { return len(f.b) }

// Payload of the frame. It must not be modified.
func (f Frame) Payload() []byte {
	switch f.b[1] {
	case 127:
		return f.b[10:]
	case 126:
		return f.b[4:]
	}
	return f.b[2:]
}

// NewFrame builds a frame whose payload is what appendPayload appends to the
// slice it is given, which has room for about size bytes.
func NewFrame(size int, appendPayload func([]byte) []byte) Frame {
	return Finish(appendPayload(Start(size)))
}

// Start returns the beginning of a frame, with room for about size bytes of
// payload. Append the payload to it and call Finish.
func Start(size int) []byte {
	return make([]byte, headerRoom, headerRoom+size)
}

// Finish makes a frame of what Start returned and the payload appended to it.
func Finish(b []byte) Frame {
	const finText = 0x81
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
	b[0] = finText
	return Frame{b}
}
