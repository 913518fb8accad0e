package socket

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

const conformLimit = 1 << 16

// What clients send is understood or refused as RFC 6455 and RFC 7692 have it,
// however the network cuts it.
func TestConformance(t *testing.T) {
	for name, connect := range map[string]func(t *testing.T) (server, client net.Conn){
		"TCP": tcpPipe, "pipe": func(*testing.T) (net.Conn, net.Conn) { return net.Pipe() }, "TLS": tlsPipe,
	} {
		for cut, pieces := range map[string]func([]byte) [][]byte{
			"whole": func(b []byte) [][]byte { return [][]byte{b} },
			"bytes": func(b []byte) [][]byte {
				if len(b) > 1000 { // Its beginning and end will do.
					return append(append(singly(b[:40]), b[40:len(b)-20]), singly(b[len(b)-20:])...)
				}
				return singly(b)
			},
			"cut anywhere": cutAnywhere,
		} {
			t.Run(name+" "+cut, func(t *testing.T) {
				t.Parallel()
				for _, r := range conformance() {
					server, client := connect(t)
					obeys(t, r, server, client, pieces)
				}
			})
		}
	}
}

// goesOn is the close code of a client that could go on.
const goesOn = 4999

// obeys checks a rule.
func obeys(t *testing.T, r rule, server, client net.Conn, pieces func([]byte) [][]byte) {
	t.Helper()
	type outcome struct {
		messages []string
		err      error
	}
	over := make(chan outcome, 1)
	go func() {
		var o outcome
		c, err := acceptOn(server, Options{ReadLimit: conformLimit, QueueLimit: 1 << 20, WriteTimeout: 10 * time.Second, Compress: true})
		for o.err = err; o.err == nil; {
			var b []byte
			if b, o.err = nextMessage(c); o.err == nil {
				o.messages = append(o.messages, string(b))
			}
		}
		if c != nil {
			c.Close(context.Background(), CloseCode(o.err), "")
		}
		over <- o
	}()
	frames := make(chan frame, 1000)
	go func() {
		defer client.Close()
		defer close(frames)
		in := bufio.NewReader(client)
		if _, err := http.ReadResponse(in, nil); err != nil {
			return
		}
		for {
			f, err := readFrame(in)
			if err != nil {
				return
			}
			frames <- f
			if f.first == fin|opClose {
				return
			}
		}
	}()
	send := func(pieces [][]byte) {
		for _, p := range pieces {
			if _, err := client.Write(p); err != nil {
				return // It has been closed already: the outcome tells whether rightly.
			}
		}
	}
	send(pieces(r.send))
	var ponged string
	var closed Code
	last := func(f frame) {
		switch f.first {
		case fin | opPong:
			ponged = string(f.payload)
		case fin | opClose:
			closed = Code(binary.BigEndian.Uint16(f.payload))
		default:
			t.Errorf("%s: sent frame %x", r.what, f.first)
		}
	}
	for r.pong != "" && ponged != r.pong {
		f, ok := <-frames
		if !ok {
			break
		}
		last(f)
	}
	want := r.code
	if want == 0 {
		want = goesOn
		send([][]byte{masked(fin|opClose, binary.BigEndian.AppendUint16(nil, goesOn))})
	}
	for f := range frames {
		last(f)
	}
	if o := <-over; !slices.Equal(o.messages, r.read) || closed != want || ponged != r.pong && r.pong != "" {
		t.Errorf("%s: read %.40q, then %v; answered with pong %q and close %d, want %.40q, %q, %d",
			r.what, o.messages, o.err, ponged, closed, r.read, r.pong, want)
	}
}

type frame struct {
	first   byte
	payload []byte
}

// readFrame reads one of a server's, up to 64 KB.
func readFrame(in *bufio.Reader) (frame, error) {
	var h [4]byte
	if _, err := io.ReadFull(in, h[:2]); err != nil {
		return frame{}, err
	}
	n := int(h[1])
	if n == 126 {
		if _, err := io.ReadFull(in, h[2:]); err != nil {
			return frame{}, err
		}
		n = int(binary.BigEndian.Uint16(h[2:]))
	}
	if n > 0xffff || h[1] == 127 {
		return frame{}, errors.New("masked, or long")
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(in, payload)
	return frame{h[0], payload}, err
}

// acceptOn accepts a WebSocket on a connection whose request has been read.
func acceptOn(nc net.Conn, o Options) (*Conn, error) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
	r.Header.Set("Sec-WebSocket-Extensions", "permessage-deflate")
	return Accept(&onConn{ResponseRecorder: httptest.NewRecorder(), conn: nc}, r, o)
}

// onConn answers on a connection that can be taken over.
type onConn struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (w *onConn) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// tcpPipe returns the sides of a TCP connection.
func tcpPipe(t *testing.T) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return server, client
}

// tlsPipe returns the sides of a TLS connection. What the client writes comes in
// records, and these in pieces.
func tlsPipe(t *testing.T) (server, client net.Conn) {
	t.Helper()
	server, client = tcpPipe(t)
	s, c := tls.Server(server, tlsConfig()), tls.Client(tearing{client}, tlsConfig())
	shaken := make(chan error, 1)
	go func() { shaken <- s.Handshake() }()
	if err := errors.Join(c.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	return s, c
}

// tearing writes in pieces.
type tearing struct{ net.Conn }

func (c tearing) Write(b []byte) (int, error) {
	for _, p := range cutAnywhere(b) {
		if _, err := c.Conn.Write(p); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// tlsConfig is for both sides, which make one full handshake.
var tlsConfig = sync.OnceValue(func() *tls.Config {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return &tls.Config{
		Certificates: s.TLS.Certificates, InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(0),
		ServerName: "example.com",
	}
})

func singly(b []byte) (pieces [][]byte) {
	for i := range b {
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}

func cutAnywhere(b []byte) (pieces [][]byte) {
	for len(b) > 0 {
		n := 1 + rand.IntN(1+min(len(b)-1, max(8, len(b)/2)))
		pieces, b = append(pieces, b[:n]), b[n:]
	}
	return pieces
}
