package socket

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// FuzzRead sends bytes to Read and to the reader of another implementation: both
// must read the same messages and end for the same reason, but for what the other
// lets through.
func FuzzRead(f *testing.F) {
	for _, r := range conformance() {
		if len(r.send) < 1000 {
			f.Add(r.send)
		}
	}
	f.Add([]byte("\x01\x81\x00\x00\x00\x00\x97\xf0\x80")) // an end after two bytes that are refused
	f.Fuzz(func(t *testing.T, sent []byte) {
		const limit = 1 << 10
		var got []string
		c, err := acceptOn(script{sent: bytes.NewReader(sent)}, Options{ReadLimit: limit, QueueLimit: 1 << 20, WriteTimeout: time.Minute})
		for err == nil {
			var b []byte
			if b, err = c.Read(readBuffer512); err == nil {
				got = append(got, string(b))
			}
		}
		c.Cut()
		c.Close(context.Background(), StatusNormal, "")

		var want []string
		var next []byte // what the other has read that is no text
		// An end of the connection that is not io.EOF: the library takes that, where a
		// fragment or its payload would begin, for the end of the message.
		gone := io.MultiReader(bytes.NewReader(sent), iotest.ErrReader(net.ErrClosed))
		other, wantErr := oracle(script{sent: gone}, limit)
		for wantErr == nil {
			var typ websocket.MessageType
			if typ, next, wantErr = other.Read(context.Background()); wantErr == nil {
				if typ != websocket.MessageText || !utf8.Valid(next) {
					break
				}
				want = append(want, string(next))
			}
		}
		_ = other.CloseNow()
		if errors.Is(err, ErrProtocol) && strings.Contains(err.Error(), "control frame") {
			// The library takes a length that is not in its shortest form.
			want, wantErr = want[:min(len(want), len(got))], err
		}
		if len(got) != len(want) {
			t.Fatalf("read %q, then %v; want %q, then %v", got, err, want, wantErr)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("message %d is %q, want %q", i, got[i], want[i])
			}
		}
		code := CloseCode(err)
		switch {
		case errors.As(err, new(closedError)):
			if wantCode := websocket.CloseStatus(wantErr); Code(wantCode) != code && (wantCode != websocket.StatusNoStatusRcvd || code != StatusNormal) {
				t.Errorf("closed with %v, want %v", err, wantErr)
			}
		case code == StatusNone:
			// The other may refuse a frame before the end of its header has come.
			if !errors.Is(err, io.EOF) || websocket.CloseStatus(wantErr) > 0 {
				t.Errorf("ended with %v, want %v", err, wantErr)
			}
		case code == StatusProtocolError && wantErr == nil:
			t.Errorf("refused with %v, where %q is read", err, next)
		case code == StatusProtocolError && websocket.CloseStatus(wantErr) > 0:
			t.Errorf("refused with %v, want %v", err, wantErr)
		}
	})
}

// A script is a connection whose client has sent something, and takes everything.
type script struct {
	net.Conn
	sent io.Reader
}

func (s script) Read(b []byte) (int, error)     { return s.sent.Read(b) }
func (script) Write(b []byte) (int, error)      { return len(b), nil }
func (script) Close() error                     { return nil }
func (script) SetReadDeadline(time.Time) error  { return nil }
func (script) SetWriteDeadline(time.Time) error { return nil }
func (script) SetDeadline(time.Time) error      { return nil }

// oracle accepts a WebSocket with the library that clients use.
func oracle(server net.Conn, limit int) (*websocket.Conn, error) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
	} {
		r.Header.Set(name, value)
	}
	c, err := websocket.Accept(&onConn{httptest.NewRecorder(), server}, r, nil)
	if err == nil {
		c.SetReadLimit(int64(limit))
	}
	return c, err
}

// FuzzInflated decompresses what a client may send, and compares what becomes of
// it with what is decompressed in the plain way.
func FuzzInflated(f *testing.F) {
	for _, r := range conformance() {
		if len(r.send) > 6 && r.send[0]&rsv1 != 0 && len(r.send) < 100 {
			f.Add(unmasked(r.send))
		}
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		const limit = 1 << 12
		got, err := inflated(nil, bytes.Clone(message), limit)
		if len(got) > limit {
			t.Fatalf("%d bytes, and %v", len(got), err)
		}
		if err != nil && CloseCode(err) == StatusNone {
			t.Fatalf("no code for %v", err)
		}
		want, wantErr := plainly(message, limit)
		if wantErr == nil && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	})
}

func unmasked(frame []byte) []byte {
	b := bytes.Clone(frame[6:])
	unmask(b, [4]byte(binary.LittleEndian.AppendUint32(nil, binary.LittleEndian.Uint32(frame[2:]))))
	return b
}

// plainly decompresses a message that has one stream, and fails if it has more.
func plainly(message []byte, limit int64) ([]byte, error) {
	in := bytes.NewReader(append(bytes.Clone(message), deflateTail...))
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(in), limit+1))
	if err == nil && (in.Len() > 0 || int64(len(b)) > limit) {
		err = io.ErrShortBuffer
	}
	return b, err
}
