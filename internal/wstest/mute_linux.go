package wstest

import (
	"net"
	"syscall"
	"testing"
)

// A Mute is the client's side of a TCP connection that costs next to nothing: nobody is
// woken when something comes. The kernel takes it, up to some megabytes, and forgets it
// when it is told to. So a benchmark measures the server in the same process.
type Mute struct{ fd int }

// DialMute connects to a listener on IPv4.
func DialMute(t testing.TB, to net.Addr) *Mute {
	t.Helper()
	a := to.(*net.TCPAddr)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<20)
		err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())})
	}
	if err != nil {
		t.Fatal(err)
	}
	return &Mute{fd}
}

// Read and Write block, as for a TLS handshake.
func (m *Mute) Read(b []byte) (int, error) { return syscall.Read(m.fd, b) }

func (m *Mute) Write(b []byte) (int, error) { return syscall.Write(m.fd, b) }

// Close ends the connection.
func (m *Mute) Close() error { return syscall.Close(m.fd) }

var forgotten = make([]byte, 1<<20) // Nothing is written to it.

// Forget lets the kernel forget what has come.
func (m *Mute) Forget() {
	for n := 1; n > 0; {
		n, _, _ = syscall.Recvfrom(m.fd, forgotten, syscall.MSG_TRUNC|syscall.MSG_DONTWAIT)
	}
}

// CPUTime is what this process has used of the processors, in nanoseconds.
func CPUTime(t testing.TB) int64 {
	t.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		t.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
