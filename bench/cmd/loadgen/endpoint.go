package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"net/url"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An endpoint is this end of a connection over TCP, with TLS or without.
type endpoint struct {
	fd  int
	tls *tls.Conn // nil without
}

// insecure accepts every certificate: the servers are our own. Without a cache of sessions, each handshake is a
// full one.
var insecure = &tls.Config{InsecureSkipVerify: true}

// dialURL connects to where a URL points: with TLS, if its scheme is wss or https.
func dialURL(u *url.URL) (e endpoint, err error) {
	if e.fd, err = dial(u.Host); err != nil {
		return e, err
	}
	if u.Scheme == "wss" || u.Scheme == "https" {
		e.tls = tls.Client(kernelConn(e.fd), insecure)
		if err := e.tls.Handshake(); err != nil {
			return e, err
		}
	}
	return e, unix.SetNonblock(e.fd, true)
}

// dial connects. What it returns blocks.
func dial(hostport string) (int, error) {
	ap, err := netip.ParseAddrPort(hostport)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	// Blocking, as the handshake over loopback is done within the call.
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}); err != nil {
		return 0, err
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	// Close with a reset: no TIME_WAIT to run out of ports.
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	return fd, nil
}

// read reads what is there. It fails with EAGAIN if there is nothing, and all has been
// read if drained.
func (e endpoint) read(b []byte) (n int, drained bool, err error) {
	if e.tls != nil {
		n, err = e.tls.Read(b) // of one record
		return n, false, err
	}
	n, err = kernelConn(e.fd).Read(b)
	return n, n < len(b), err
}

func (e endpoint) write(b []byte) (int, error) {
	if e.tls != nil {
		return e.tls.Write(b)
	}
	return kernelConn(e.fd).Write(b)
}

// close cuts the connection.
func (e endpoint) close() { unix.Close(e.fd) }

// kernelConn is a net.Conn over a file descriptor. TLS goes on after a Read that fails
// with EAGAIN, which is a temporary error of the network.
type kernelConn int

func (c kernelConn) Read(b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(c), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return 0, errno
		case n == 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}

func (c kernelConn) Write(b []byte) (int, error) {
	n, err := unix.Write(int(c), b)
	return max(n, 0), err
}

func (c kernelConn) Close() error                   { return unix.Close(int(c)) }
func (kernelConn) LocalAddr() net.Addr              { return nil }
func (kernelConn) RemoteAddr() net.Addr             { return nil }
func (kernelConn) SetDeadline(time.Time) error      { return nil }
func (kernelConn) SetReadDeadline(time.Time) error  { return nil }
func (kernelConn) SetWriteDeadline(time.Time) error { return nil }
