package main

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
)

// deflateOffer asks for compression without memory between messages, the only
// kind of which a server can share the result among its clients.
const deflateOffer = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"

// checkDeflate fails unless the server has accepted that.
func checkDeflate(head []byte) {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("sec-websocket-extensions")) &&
			bytes.Contains(value, []byte("permessage-deflate")) && bytes.Contains(value, []byte("server_no_context_takeover")) {
			return
		}
	}
	fatalf("the server does not compress: %s", head)
}

// inflater decompresses messages.
type inflater struct {
	in  bytes.Buffer
	z   io.ReadCloser
	out bytes.Buffer
}

// message returns the decompressed message, which is valid until the next call.
func (f *inflater) message(b []byte) []byte {
	f.in.Reset()
	f.in.Write(b)
	// The end of the block, which is not sent, and an empty last one.
	f.in.WriteString("\x00\x00\xff\xff\x01\x00\x00\xff\xff")
	if f.z == nil {
		f.z = flate.NewReader(&f.in)
	} else if err := f.z.(flate.Resetter).Reset(&f.in, nil); err != nil {
		fatalf("inflate: %v", err)
	}
	f.out.Reset()
	if _, err := f.out.ReadFrom(f.z); err != nil && !errors.Is(err, io.EOF) {
		fatalf("inflate: %v", err)
	}
	return f.out.Bytes()
}
