package hotsock

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/wstest"
)

// A connection on which nothing happens only waits, whatever its client did before: no
// worker has it, with TLS or without.
func TestIdleConnectionsHaveNoWorker(t *testing.T) {
	ping := []byte{0x89, 0x80, 1, 2, 3, 4}
	const text = `{"event":"hotsock.ping"}`
	command := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
	answered := func(c net.Conn) error {
		_, err := io.ReadAtLeast(c, make([]byte, 512), 2)
		return err
	}
	for _, row := range []struct {
		why string
		do  func(c, below net.Conn) error
		tls bool // only with TLS
	}{
		{"it is new", func(_, _ net.Conn) error { return nil }, false},
		{"it has sent a command", func(c, _ net.Conn) error {
			_, _ = c.Write(command)
			return answered(c)
		}, false},
		{"it has sent a ping", func(c, _ net.Conn) error {
			_, _ = c.Write(ping)
			return answered(c)
		}, false},
		{"it has begun a record", func(_, below net.Conn) error {
			_, err := below.Write([]byte{23, 3})
			return err
		}, true},
	} {
		for name, start := range map[string]func(*httptest.Server){"ws": (*httptest.Server).Start, "wss": (*httptest.Server).StartTLS} {
			if row.tls && name == "ws" {
				continue
			}
			t.Run(row.why+" over "+name, func(t *testing.T) {
				h, err := New(Options{Authenticate: func(*http.Request) (*Claims, error) { return everything("Jim"), nil }})
				if err != nil {
					t.Fatal(err)
				}
				s := httptest.NewUnstartedServer(h)
				start(s)
				defer s.Close()
				defer h.Close()
				const count = 3
				for range count {
					below, err := net.Dial("tcp", s.Listener.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					defer below.Close()
					c := below
					if name == "wss" {
						c = tls.Client(below, &tls.Config{InsecureSkipVerify: true})
					}
					_, _ = io.WriteString(c, wstest.Request("/rt"))
					var b [4 << 10]byte
					for n := 0; !strings.Contains(string(b[:n]), `"connectionSecret"`); {
						m, err := c.Read(b[n:])
						if err != nil {
							t.Fatalf("%v after %s", err, b[:n])
						}
						n += m
					}
					if err := row.do(c, below); err != nil {
						t.Fatal(err)
					}
				}
				stacks := make([]byte, 1<<20)
				await.That(t, "that they only wait", func() bool {
					all := string(stacks[:runtime.Stack(stacks, true)])
					return strings.Count(all, "(*connection).wait(") == count && !strings.Contains(all, "(*connection).work(")
				})
			})
		}
	}
}
