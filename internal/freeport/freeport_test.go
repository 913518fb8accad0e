package freeport

import (
	"io"
	"net"
	"strconv"
	"syscall"
	"testing"
)

func TestReserve(t *testing.T) {
	const distance = 5
	addr, release, err := Reserve(distance)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := net.SplitHostPort(addr)
	first, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, port := range []int{first, first + distance} {
		for range 2 { // A server runs, is stopped, and is started again.
			wantTaken(t, port)
			serve(t, port)
		}
		wantTaken(t, port)
	}
	release()
	for _, port := range []int{first, first + distance} {
		fd, _, err := bind(port)
		if err != nil {
			t.Errorf("%d is not free after the release: %v", port, err)
			continue
		}
		_ = syscall.Close(fd)
	}
}

// wantTaken wants that another reservation does not get the port.
func wantTaken(t *testing.T, port int) {
	t.Helper()
	if fd, _, err := bind(port); err == nil {
		t.Errorf("%d is given to another", port)
		_ = syscall.Close(fd)
	}
}

// serve listens on the port and serves one connection. That its end is the
// client's keeps the server's address from being in use for a minute more.
func serve(t *testing.T, port int) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatalf("who knows the port cannot listen: %v", err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	_ = client.Close()
	_, _ = io.Copy(io.Discard, server)
}

func TestFarPort(t *testing.T) {
	if addr, release, err := Reserve(1 << 16); err == nil {
		release()
		t.Errorf("got %s and a port that does not exist", addr)
	}
}
