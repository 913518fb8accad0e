//go:build !race

package hotsock

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/hotsock-go/hotsock/internal/wstest"
)

// An idle feed takes at most half as much again as an idle WebSocket.
func TestMemoryOfAnIdleFeed(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: opens a thousand connections")
	}
	h, err := New(Options{Authenticate: func(*http.Request) (*Claims, error) { return everything("Jim"), nil }})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	defer h.Close()
	const count = 500
	buffer := make([]byte, 4<<10)
	connect := func(request string) net.Conn {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(request)); err != nil {
			t.Fatal(err)
		}
		for n := 0; !bytes.Contains(buffer[:n], []byte(`"connectionSecret"`)); {
			m, err := c.Read(buffer[n:])
			if err != nil {
				t.Fatalf("%v after %s", err, buffer[:n])
			}
			n += m
		}
		return c
	}
	used := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	idle := func(request string) float64 {
		defer connect(request).Close() // what the first one needs, all share
		before := used()
		for range count {
			defer connect(request).Close()
		}
		return float64(used()-before) / count
	}
	socket := idle(wstest.Request("/rt"))
	feed := idle("GET /rt/stream HTTP/1.1\r\nHost: example.com\r\n\r\n")
	t.Logf("an idle WebSocket takes %.0f bytes, and a feed %.0f", socket, feed)
	if feed > 1.5*socket {
		t.Errorf("a feed takes %.2f times as much as a WebSocket", feed/socket)
	}
}
