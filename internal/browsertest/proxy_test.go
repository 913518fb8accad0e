package browsertest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// A link is a way to the server that can be cut.
type link struct {
	addr   string
	target string

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]struct{}
	// dead is replaced by stall; what the connections of a dead link send is lost.
	dead *atomic.Bool
	work sync.WaitGroup
}

// startLink makes a link to the target, until the test ends.
func startLink(t *testing.T, target string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{addr: listener.Addr().String(), target: target, conns: make(map[net.Conn]struct{}), dead: new(atomic.Bool)}
	l.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			l.work.Go(func() { l.carry(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		l.cut()
		l.work.Wait()
	})
	return l
}

func (l *link) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer server.Close()
	dead, ok := l.add(client, server)
	if !ok {
		return
	}
	defer l.remove(client, server)
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(lossy{server, dead}, client) // its end is all that matters
		server.Close()
	})
	_, _ = io.Copy(lossy{client, dead}, server)
	client.Close()
	up.Wait()
}

func (l *link) add(conns ...net.Conn) (dead *atomic.Bool, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.conns[c] = struct{}{}
	}
	return l.dead, !l.down
}

func (l *link) remove(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		delete(l.conns, c)
	}
}

// cut ends all connections, and every new one, until mend.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for c := range l.conns {
		c.Close()
	}
}

// stall makes the present connections carry nothing any more. They stay open,
// as they do when a machine loses its network; new ones work.
func (l *link) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead.Store(true)
	l.dead = new(atomic.Bool)
}

func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

// lossy writes to a connection until it is dead.
type lossy struct {
	io.Writer
	dead *atomic.Bool
}

func (w lossy) Write(p []byte) (int, error) {
	if w.dead.Load() {
		return len(p), nil
	}
	return w.Writer.Write(p)
}
