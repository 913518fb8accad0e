package hotsocktest

import (
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// A wire is a connection in memory. Its ends have buffers, as those of sockets
// and unlike those of net.Pipe: else one side could not write before the other
// reads.
type wire struct {
	link *Link
	// up goes to the server, down to the client.
	up, down *half
	closed   atomic.Int32 // ends
}

func newWire(l *Link) *wire { return &wire{link: l, up: newHalf(), down: newHalf()} }

func (w *wire) client() net.Conn {
	return &end{wire: w, in: w.down, out: w.up, local: clientAddr, remote: serverAddr}
}

func (w *wire) server() net.Conn {
	return &end{wire: w, in: w.up, out: w.down, local: serverAddr, remote: clientAddr}
}

// hold stops what comes out of the ends, or lets it go.
func (w *wire) hold(up, down bool) {
	w.up.change(func() { w.up.held = up })
	w.down.change(func() { w.down.held = down })
}

// reset breaks the connection for both sides.
func (w *wire) reset() {
	for _, h := range []*half{w.up, w.down} {
		h.change(func() { h.broken, h.buf = syscall.ECONNRESET, nil })
	}
}

func (w *wire) isClosed() bool { return w.closed.Load() == 2 }

// An end is one side's view of a wire.
type end struct {
	wire          *wire
	in, out       *half
	local, remote net.Addr
	closed        atomic.Bool
}

// Addresses that are reserved for documentation, so nobody's.
var (
	clientAddr = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000}
	serverAddr = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 80}
)

func (e *end) Read(b []byte) (int, error)  { return e.in.Read(b) }
func (e *end) Write(b []byte) (int, error) { return e.out.Write(b) }
func (e *end) LocalAddr() net.Addr         { return e.local }
func (e *end) RemoteAddr() net.Addr        { return e.remote }

func (e *end) Close() error {
	if e.closed.Swap(true) {
		return net.ErrClosed
	}
	e.in.change(func() { e.in.unread = true; e.in.read.stop() })
	e.out.change(func() { e.out.noMore = true; e.out.write.stop() })
	if e.wire.closed.Add(1) == 2 {
		e.wire.link.forget(e.wire)
	}
	return nil
}

func (e *end) SetDeadline(t time.Time) error {
	_ = e.SetReadDeadline(t)
	return e.SetWriteDeadline(t)
}

func (e *end) SetReadDeadline(t time.Time) error {
	if e.closed.Load() {
		return net.ErrClosed
	}
	e.in.change(func() { e.in.read.set(t, e.in.wake) })
	return nil
}

func (e *end) SetWriteDeadline(t time.Time) error {
	if e.closed.Load() {
		return net.ErrClosed
	}
	e.out.change(func() { e.out.write.set(t, e.out.wake) })
	return nil
}
