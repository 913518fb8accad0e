package main

import (
	"log"
	"net"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pinger is the least that pinging idle connections takes: one thread that writes two
// bytes to each in turn, and reads what comes. It looks neither at what it reads nor
// at who answers.
type pinger struct {
	epoll int

	mu    sync.Mutex
	socks [batches][]*sock
	added int
}

// batches is in how many an interval's pings are sent, as hotsock does.
const batches = 64

// newPinger pings each connection once in an interval.
func newPinger(interval time.Duration) *pinger {
	epoll, err := unix.EpollCreate1(0)
	if err != nil {
		log.Fatal(err)
	}
	p := &pinger{epoll: epoll}
	go p.run(interval / batches)
	return p
}

// adopt makes a socket of a connection, of which the Go scheduler then knows nothing.
func (p *pinger) adopt(conn *net.TCPConn) (*sock, error) {
	defer conn.Close()
	file, err := conn.File()
	if err != nil {
		return nil, err
	}
	s := &sock{fd: int(file.Fd()), conn: file}
	return s, unix.SetNonblock(s.fd, true)
}

// add has the socket pinged and read from now on.
func (p *pinger) add(s *sock) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.socks[p.added%batches] = append(p.socks[p.added%batches], s)
	p.added++
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(s.fd)}
	return unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, s.fd, &event)
}

func (p *pinger) run(pause time.Duration) {
	events := make([]unix.EpollEvent, 512)
	begin := time.Now()
	for batch := 0; ; {
		left := time.Duration(batch)*pause - time.Since(begin)
		n, err := unix.EpollWait(p.epoll, events, int(max(0, left.Milliseconds()+1)))
		if err != nil && err != unix.EINTR {
			log.Fatal(err)
		}
		for _, e := range events[:max(0, n)] {
			p.read(int(e.Fd))
		}
		if left <= 0 {
			p.ping(batch % batches)
			batch++
		}
	}
}

func (p *pinger) ping(batch int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	frame := [2]byte{0x89, 0}
	for _, s := range p.socks[batch] {
		_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(s.fd), uintptr(unsafe.Pointer(&frame[0])), uintptr(len(frame)))
	}
}

func (p *pinger) read(fd int) {
	var b [512]byte
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if n == 0 || errno != 0 && errno != unix.EAGAIN {
		_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, fd, nil)
	}
}
