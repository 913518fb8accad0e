// Package slowlink has tests talk over a link of limited bandwidth.
package slowlink

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Link passes TCP connections on to a server, all of them together at a
// limited rate in each direction. It ends with the test.
type Link struct {
	// Addr is where it listens.
	Addr string

	target   string
	listener net.Listener
	up, down lane

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	work   sync.WaitGroup
}

// New starts a link to the target, host:port, that carries that many bytes a
// second in each direction.
func New(t testing.TB, target string, rate int) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{Addr: listener.Addr().String(), target: target, listener: listener, conns: make(map[net.Conn]struct{})}
	l.up.rate, l.down.rate = rate, rate
	l.work.Go(l.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		l.Break()
		l.work.Wait()
	})
	return l
}

// Break ends all connections. New ones work.
func (l *Link) Break() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		reset(c)
	}
}

// Down is how many bytes it has carried towards the clients, Up towards the
// server.
func (l *Link) Down() int64 { return l.down.bytes.Load() }

// Up is how many bytes it has carried towards the server.
func (l *Link) Up() int64 { return l.up.bytes.Load() }

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.work.Go(func() { l.serve(client) })
	}
}

func (l *Link) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", l.target)
	if err != nil {
		reset(client)
		return
	}
	defer server.Close()
	if !l.add(client, server) {
		return
	}
	defer l.remove(client, server)
	var up sync.WaitGroup
	up.Go(func() { l.up.carry(server, client) })
	l.down.carry(client, server)
	up.Wait()
}

func (l *Link) add(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		// What waits in the kernel would hide how slow the link is.
		_ = c.(*net.TCPConn).SetReadBuffer(buffer)
		_ = c.(*net.TCPConn).SetWriteBuffer(buffer)
		l.conns[c] = struct{}{}
	}
	return !l.closed
}

func (l *Link) remove(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		delete(l.conns, c)
	}
}

func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// buffer is how much the kernel may keep of a connection at each end, in bytes.
const buffer = 64 << 10

// A lane is one direction of a link.
type lane struct {
	rate  int // bytes a second
	bytes atomic.Int64

	mu   sync.Mutex
	free time.Time // when everything before has been carried
}

// carry copies until one end closes, and then closes both.
func (l *lane) carry(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 2<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		l.wait(n)
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
		l.bytes.Add(int64(n))
	}
}

// wait returns when n bytes have had the time that they take.
func (l *lane) wait(n int) {
	l.mu.Lock()
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(n) * time.Second / time.Duration(l.rate))
	pause := l.free.Sub(now)
	l.mu.Unlock()
	time.Sleep(pause)
}
