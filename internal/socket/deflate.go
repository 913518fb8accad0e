package socket

import (
	"bytes"
	"compress/flate"
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
	w.Reset(nil) // lest the pool keep the buffer
	b := bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
	if len(b) >= headerRoom+len(payload) {
		return nil
	}
	return finish(b, finDeflated)
}

// wire is the frame as this connection is sent it.
func (c *Conn) wire(f Frame) []byte {
	if c.deflate && f.b.deflated != nil {
		return f.b.deflated
	}
	return f.b.wire
}
