package socket

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
)

// rawPair is pair with a client that can send anything.
func rawPair(t *testing.T, o Options) (*Conn, *rawClient) {
	t.Helper()
	if o.ReadLimit == 0 {
		o.ReadLimit = 1 << 16
	}
	if o.QueueLimit == 0 {
		o.QueueLimit = 1 << 20
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 5 * time.Second
	}
	accepted := make(chan *Conn, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Sec-WebSocket-Extensions", "permessage-deflate")
		c, err := Accept(w, r, o)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}))
	t.Cleanup(s.Close)
	conn := requestUpgrade(t, s, nil)
	c := <-accepted
	t.Cleanup(func() { c.Cut(); c.Close(context.Background(), StatusNormal, "") })
	client := &rawClient{t, conn, bufio.NewReader(conn)}
	if resp, err := http.ReadResponse(client.in, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp, err)
	}
	return c, client
}

type rawClient struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// masked is a client's frame. The mask is not zero, so that it matters.
func masked(first byte, payload []byte) []byte {
	key := [4]byte{1, 2, 3, 4}
	b := []byte{first}
	switch n := len(payload); {
	case n <= 125:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	b = append(b, key[:]...)
	for i, x := range payload {
		b = append(b, x^key[i%4])
	}
	return b
}

func (c *rawClient) send(frames ...[]byte) {
	c.t.Helper()
	if _, err := c.conn.Write(bytes.Join(frames, nil)); err != nil {
		c.t.Fatal(err)
	}
}

// next returns the next frame: its first byte and payload.
func (c *rawClient) next() (first byte, payload []byte, err error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var h [2]byte
	if _, err := io.ReadFull(c.in, h[:]); err != nil {
		return 0, nil, err
	}
	n := int(h[1])
	if n == 126 {
		var l [2]byte
		if _, err := io.ReadFull(c.in, l[:]); err != nil {
			return 0, nil, err
		}
		n = int(binary.BigEndian.Uint16(l[:]))
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.in, payload)
	return h[0], payload, err
}

// compressed is a message as RFC 7692 has it sent.
func compressedMessage(text string, final bool) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression)
	_, _ = w.Write([]byte(text))
	if final {
		_ = w.Close()
		return append(b.Bytes(), 0)
	}
	_ = w.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
}

// What breaks the rules is closed with the code that says so, and never as if
// nothing had been wrong.
func TestBrokenRules(t *testing.T) {
	text, compressed := byte(fin|opText), byte(fin|rsv1|opText)
	for _, row := range []struct {
		what  string
		bytes []byte
		code  Code
	}{
		{"not masked", []byte{text, 1, 'a'}, StatusProtocolError},
		{"a reserved bit", masked(text|0x10, []byte("a")), StatusProtocolError},
		{"an unknown message", masked(fin|0x3, []byte("a")), StatusProtocolError},
		{"an unknown control frame", masked(fin|0xb, nil), StatusProtocolError},
		{"a fragmented ping", masked(opPing, nil), StatusProtocolError},
		{"a long ping", masked(fin|opPing, make([]byte, 126)), StatusProtocolError},
		{"a compressed ping", masked(fin|rsv1|opPing, nil), StatusProtocolError},
		{"a continuation of nothing", masked(fin|opContinuation, []byte("a")), StatusProtocolError},
		{"a message within a message", append(masked(opText, []byte("a")), masked(text, []byte("b"))...), StatusProtocolError},
		{"a compressed continuation", append(masked(opText, []byte("a")), masked(fin|rsv1, []byte("b"))...), StatusProtocolError},
		{"a negative length", []byte{text, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, StatusTooLong},
		{"a long message, announced", []byte{text, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, StatusTooLong},
		{"a long message in fragments", append(masked(opText, make([]byte, 1<<16)), masked(fin, []byte("b"))...), StatusTooLong},
		{"half a close code", masked(fin|opClose, []byte{3}), StatusProtocolError},
		{"a close code that is not sent", masked(fin|opClose, []byte{3, 0xed}), StatusProtocolError},
		{"a close reason that is no text", masked(fin|opClose, []byte{3, 0xe8, 0xff}), StatusInvalidText},
		{"compressed garbage", masked(compressed, []byte("garbage")), StatusProtocolError},
		{"a compressed message, cut off", masked(compressed, compressedMessage(strings.Repeat("abc", 99), false)[:4]), StatusProtocolError},
		{"a compressed message that ends too often", masked(compressed, bytes.Repeat([]byte{1, 0, 0, 0xff, 0xff}, 100)), StatusProtocolError},
		{"a compressed message that gets long", masked(compressed, compressedMessage(strings.Repeat("a", 1<<16+1), false)), StatusTooLong},
		{"a compressed message that is no text", masked(compressed, compressedMessage("\xff", false)), StatusInvalidText},
		{"a close", masked(fin|opClose, []byte{0x0f, 0xa0, 'b', 'y', 'e'}), 4000},
		{"a close without a code", masked(fin|opClose, nil), StatusNormal},
	} {
		t.Run(row.what, func(t *testing.T) {
			c, client := rawPair(t, Options{Compress: true})
			client.send(row.bytes)
			_, err := nextMessage(c)
			if got := CloseCode(err); err == nil || got != row.code {
				t.Errorf("read: %v, code %d, want %d", err, got, row.code)
			}
			go c.Close(context.Background(), CloseCode(err), "")
			first, payload, err := client.next()
			if err != nil || first != fin|opClose || Code(binary.BigEndian.Uint16(payload)) != row.code {
				t.Errorf("sent %x %x, %v, want a close with %d", first, payload, err, row.code)
			}
		})
	}
}

// What is odd and allowed is understood.
func TestOddMessages(t *testing.T) {
	compressed := byte(fin | rsv1 | opText)
	text := strings.Repeat("odd and allowed, ", 40)
	whole := compressedMessage(text, false)
	for _, row := range []struct {
		what   string
		frames [][]byte
	}{
		{"fragments, with a ping between", [][]byte{masked(opText, []byte(text[:9])), masked(fin|opPing, []byte("x")), masked(fin, []byte(text[9:]))}},
		{"empty fragments", [][]byte{masked(opText, nil), masked(0, nil), masked(0, []byte(text)), masked(fin, nil)}},
		{"single bytes", [][]byte{masked(opText, []byte(text[:1])), masked(0, []byte(text[1:2])), masked(fin, []byte(text[2:]))}},
		{"compressed", [][]byte{masked(compressed, whole)}},
		{"compressed in fragments", [][]byte{masked(rsv1|opText, whole[:3]), masked(fin, whole[3:])}},
		{"compressed to its end (BFINAL)", [][]byte{masked(compressed, compressedMessage(text, true))}},
		{"compressed, ending in the middle", [][]byte{
			masked(compressed, append(bytes.TrimSuffix(compressedMessage(text[:99], true), []byte{0}), compressedMessage(text[99:], false)...)),
		}},
		{"in another form of the length", [][]byte{append([]byte{fin | opText, 0x80 | 127, 0, 0, 0, 0, 0, 0, byte(len(text) >> 8), byte(len(text)), 0, 0, 0, 0}, text...)}},
	} {
		t.Run(row.what, func(t *testing.T) {
			c, client := rawPair(t, Options{Compress: true})
			for range 2 { // the second must not suffer from the first
				client.send(row.frames...)
				if b, err := nextMessage(c); err != nil || string(b) != text {
					t.Fatalf("read %.40q, %v", b, err)
				}
			}
		})
	}
}

// Of several pings that wait for an answer, the last is answered: what a client
// does not read does not grow.
func TestPingsAreAnsweredOnce(t *testing.T) {
	c, client := rawPair(t, Options{})
	resume := hold(c)
	c.Send(textFrame("a"))
	var pings [][]byte
	for i := range 10_000 {
		pings = append(pings, masked(fin|opPing, fmt.Append(nil, i)))
	}
	go func() { _, _ = client.conn.Write(bytes.Join(append(pings, masked(fin|opText, nil)), nil)) }()
	if _, err := nextMessage(c); err != nil {
		t.Fatal(err)
	}
	c.Send(textFrame("b"))
	if n := len(c.out.frames); n != 2 || c.Queued() != 6 {
		t.Errorf("%d frames wait, %d bytes", n, c.Queued())
	}
	resume()
	for _, want := range []struct {
		first   byte
		payload string
	}{{fin | opPong, "9999"}, {fin | opText, "a"}, {fin | opText, "b"}} {
		if first, payload, err := client.next(); err != nil || first != want.first || string(payload) != want.payload {
			t.Errorf("got %x %q, %v, want %x %q", first, payload, err, want.first, want.payload)
		}
	}
}

// Everything that costs something counts: messages, control frames and short
// fragments.
func TestTolerate(t *testing.T) {
	for what, frame := range map[string][]byte{
		"pings":           masked(fin|opPing, nil),
		"pongs":           masked(fin|opPong, []byte("x")),
		"empty fragments": masked(opContinuation, nil),
	} {
		t.Run(what, func(t *testing.T) {
			n := 0
			c, client := rawPair(t, Options{Tolerate: func() bool { n++; return n <= 10 }})
			client.send(masked(opText, nil))
			go func() {
				for range 20 {
					_, _ = client.conn.Write(frame)
				}
			}()
			if _, err := nextMessage(c); !errors.Is(err, ErrFlood) || CloseCode(err) != StatusPolicyViolation {
				t.Errorf("read: %v", err)
			}
		})
	}
	t.Run("long fragments", func(t *testing.T) {
		n := 0
		c, client := rawPair(t, Options{Tolerate: func() bool { n++; return n <= 2 }})
		long := bytes.Repeat([]byte("x"), shortFragment)
		client.send(masked(opText, long), masked(0, long), masked(0, long), masked(fin, nil))
		if b, err := nextMessage(c); err != nil || len(b) != 3*shortFragment {
			t.Errorf("read %d bytes, %v", len(b), err)
		}
	})
}

// Messages that are not finished take what was sent of them, compressed or not.
func TestUnfinishedMessagesAreSmall(t *testing.T) {
	const conns = 200
	for what, first := range map[string]byte{"plain": opText, "compressed": rsv1 | opText} {
		t.Run(what, func(t *testing.T) {
			var reading []*Conn
			var clients []*rawClient
			for range conns {
				c, client := rawPair(t, Options{Compress: true})
				reading, clients = append(reading, c), append(clients, client)
			}
			before := heap()
			part := compressedMessage(strings.Repeat("x", 40_000), false)[:30]
			for i, c := range reading {
				go func() { _, _ = c.Read(func() []byte { return nil }) }()
				clients[i].send(masked(first, part))
			}
			for _, c := range reading {
				await.That(t, "all that was sent", func() bool {
					n, _ := c.Heard()
					return n >= uint64(len(part))
				})
			}
			if each := (heap() - before) / conns; each > 16<<10 {
				t.Errorf("%d bytes for each unfinished message of %d bytes", each, len(part))
			}
		})
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// The idle timeout rests on when something was sent: by a clock that nobody sets.
func TestLastSentIsMonotonic(t *testing.T) {
	bothWays(t, func(t *testing.T, f *Flusher) {
		c, client := pair(t, Options{Flusher: f})
		before := time.Now()
		c.Send(textFrame("x"))
		if _, _, err := client.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		resume := hold(c) // it has been written, and that noted
		defer resume()
		sent := c.LastSent()
		if sent.Before(before) || sent.After(time.Now()) {
			t.Errorf("sent at %v, not after %v", sent, before)
		}
		if sent == sent.Round(0) {
			t.Error("the wall clock is used")
		}
	})
}
