package socket

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"
)

// deflateFrom is the length of the shortest payload that is compressed.
const deflateFrom = 256

// deflaters are flate.Writers, which take half a megabyte each.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // There is no such level: a bug.
	}
	return w
}}

// compress makes the frame's compressed form, if nobody has yet. A message is
// compressed by itself (RFC 7692 calls that no context takeover), so that all
// subscribers can share it and an idle connection keeps no window.
func (f Frame) compress() {
	f.b.deflate.Do(func() {
		if !f.b.secret {
			f.b.deflated = deflated(f.payload())
		}
	})
}

// deflated returns a frame, or nil if it would not be shorter.
func deflated(payload []byte) []byte {
	if len(payload) < deflateFrom {
		return nil
	}
	out := bytes.NewBuffer(Start(len(payload) / 2))
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(out)
	// Writing to a buffer does not fail.
	_, _ = w.Write(payload)
	_ = w.Flush()
	w.Reset(nil) // so that the pool does not keep the buffer
	b := bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
	if len(b) >= headerRoom+len(payload) {
		return nil
	}
	return finish(b, fin|rsv1|opText)
}

// inflaters are flate readers, which take 40 KB each. A message gets one only
// when it is complete.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

const (
	// deflateTail is what a sender has cut off (RFC 7692, 7.2.1), and the end of
	// a stream.
	deflateTail = "\x00\x00\xff\xff" + "\x01\x00\x00\xff\xff"
	// deflateWindow is how far back a compressed message can refer to itself.
	deflateWindow = 32 << 10
	// maxStreams is how many times a compressed message may end before its end
	// (BFINAL, RFC 7692, 7.2.3.4 and 7.2.3.5): each costs a window.
	maxStreams = 8
)

// inflated appends what a compressed message becomes to b, up to limit bytes.
func inflated(b, message []byte, limit int) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	in := bytes.NewReader(append(message, deflateTail...))
	for range maxStreams {
		// The reader takes single bytes of in, and so not more than it needs.
		if err := r.(flate.Resetter).Reset(in, b[max(0, len(b)-deflateWindow):]); err != nil {
			return nil, err
		}
		for {
			if len(b) == cap(b) {
				b = append(b, 0)[:len(b)]
			}
			n, err := r.Read(b[len(b):min(cap(b), limit+1)])
			if b = b[:len(b)+n]; len(b) > limit {
				return nil, ErrTooLong
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
			}
		}
		if in.Len() == 0 {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%w: a compressed message of too many parts", ErrProtocol)
}
