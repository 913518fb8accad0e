//go:build !race

package hotsock

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// An idle feed takes at most half as much again as an idle WebSocket. Over HTTP/2 it takes
// more, of net/http, about as much as docs/mounting.md says.
func TestMemoryOfAnIdleFeed(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: opens two thousand connections")
	}
	h, err := New(Options{Authenticate: func(*http.Request) (*Claims, error) { return everything("Jim"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	defer h.Close()
	const count = 500
	// idle returns what each of so many takes that share a network connection. A request
	// is the text of one by its number there.
	idle := func(share int, begin string, request func(n int) string) float64 {
		conns := []*idleConn{dialIdle(t, s, begin)}
		conns[0].ask(t, request(0)) // what the first one needs, all share
		before := usedMemory()
		for range count / share {
			c := dialIdle(t, s, begin)
			for n := range share {
				c.ask(t, request(n))
			}
			conns = append(conns, c)
		}
		used := float64(usedMemory()-before) / count
		for _, c := range conns {
			_ = c.Close()
		}
		await.That(t, "all to be gone", func() bool { return h.Stats().Connections == 0 })
		return used
	}
	socket := idle(1, "", func(int) string { return wstest.Request("/rt") })
	for _, row := range []struct {
		why     string
		share   int
		begin   string
		request func(n int) string
		most    float64 // WebSockets
	}{
		{"HTTP/1.1", 1, "", func(int) string { return "GET /rt/stream HTTP/1.1\r\nHost: example.com\r\n\r\n" }, 1.5},
		{"HTTP/2, a hundred on a connection", 100, preface, streamRequest, 3.5},
		{"HTTP/2, alone on a connection", 1, preface, streamRequest, 9},
	} {
		feed := idle(row.share, row.begin, row.request)
		t.Logf("%s: an idle WebSocket takes %.0f bytes, and a feed %.0f, %.2f times as much", row.why, socket, feed, feed/socket)
		if feed > row.most*socket {
			t.Errorf("%s: a feed takes %.2f times as much as a WebSocket, not %.1f", row.why, feed/socket, row.most)
		}
	}
}

func usedMemory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// preface is what a client of HTTP/2 begins with, with a frame of settings that has none.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// streamRequest is a frame of headers that asks for a feed, the nth on its connection.
func streamRequest(n int) string {
	const headers = "\x82\x86\x04\x0a/rt/stream\x01\x01a" // GET, http, the path and the host: HPACK
	return "\x00\x00" + string(rune(len(headers))) + "\x01\x05" + string(binary.BigEndian.AppendUint32(nil, uint32(2*n+1))) + headers
}

// An idleConn is a client that takes hardly any memory.
type idleConn struct{ net.Conn }

var idleBuffer [64 << 10]byte // One at a time uses it.

func dialIdle(t *testing.T, s *httptest.Server, begin string) *idleConn {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte(begin)); err != nil {
		t.Fatal(err)
	}
	return &idleConn{c}
}

// ask sends a request, and reads until it is connected.
func (c *idleConn) ask(t *testing.T, request string) {
	t.Helper()
	if _, err := c.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	for n := 0; !bytes.Contains(idleBuffer[:n], []byte(`"connectionSecret"`)); {
		m, err := c.Read(idleBuffer[n:])
		if err != nil {
			t.Fatalf("%v after %q", err, idleBuffer[:n])
		}
		n += m
	}
}
