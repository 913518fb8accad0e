// Package freeport gives ports to servers of tests that are told where to
// listen, and may be restarted.
//
// A port that was only found free may be another's a moment later: of a server
// of a test that runs at the same time, or of any outgoing connection. So here
// a socket keeps it, which is bound and does not listen. The system gives such
// a port to nobody who asks for any, and yet lets those listen on it who name it
// and set SO_REUSEADDR, as all servers do.
package freeport

import (
	"fmt"
	"net"
	"strconv"
	"syscall"
	"testing"
)

// tries is how often to look for two ports. It takes more than one only where
// many are in use.
const tries = 100

// Keep returns an address of the loopback interface, which no other test is
// given until the test ends.
func Keep(t testing.TB) string {
	t.Helper()
	addr, release, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return addr
}

// Reserve is Keep until release is called. The ports with these distances
// from the address's own are reserved, too.
func Reserve(distances ...int) (addr string, release func(), err error) {
	for range tries {
		if addr, release, err = reserve(distances); err == nil {
			return addr, release, nil
		}
	}
	return "", nil, fmt.Errorf("freeport: %w", err)
}

func reserve(distances []int) (addr string, release func(), err error) {
	var fds []int
	release = func() {
		for _, fd := range fds {
			_ = syscall.Close(fd)
		}
	}
	first := 0
	for _, d := range append([]int{0}, distances...) {
		want := 0
		if first > 0 {
			want = first + d
		}
		fd, port, err := bind(want)
		if err != nil {
			release()
			return "", nil, err
		}
		fds = append(fds, fd)
		if first == 0 {
			first = port
		}
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(first)), release, nil
}

// bind binds a socket to a port, 0 being any.
func bind(port int) (fd, bound int, err error) {
	if port > 1<<16-1 {
		return 0, 0, syscall.EADDRNOTAVAIL
	}
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	// Set before, it would allow the port to be shared with another reservation.
	if err == nil {
		err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	}
	var name syscall.Sockaddr
	if err == nil {
		name, err = syscall.Getsockname(fd)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return 0, 0, err
	}
	return fd, name.(*syscall.SockaddrInet4).Port, nil
}
