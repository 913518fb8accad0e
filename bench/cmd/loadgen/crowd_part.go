package main

import (
	"bytes"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// crowdCounts are what has happened to the clients of a process.
type crowdCounts struct {
	Live, Away, Left    int // now; Away are those who had been live, and want to be
	Broken              int // connections that ended
	Attempts            int // to upgrade
	Refused             int // attempts to connect to a server that is not there
	Published, Received int
	Pending             int // messages that are not acknowledged
	CaughtUp            int // messages that had waited for the client
	Dups, Skipped       int
	NotRecovered        int // subscriptions that could not go on where they were
	Errors, Pings       int
}

func (n *crowdCounts) add(m crowdCounts) {
	n.Live, n.Away, n.Left = n.Live+m.Live, n.Away+m.Away, n.Left+m.Left
	n.Broken, n.Attempts, n.Refused = n.Broken+m.Broken, n.Attempts+m.Attempts, n.Refused+m.Refused
	n.Published, n.Received, n.Pending = n.Published+m.Published, n.Received+m.Received, n.Pending+m.Pending
	n.CaughtUp, n.Dups, n.Skipped = n.CaughtUp+m.CaughtUp, n.Dups+m.Dups, n.Skipped+m.Skipped
	n.NotRecovered, n.Errors, n.Pings = n.NotRecovered+m.NotRecovered, n.Errors+m.Errors, n.Pings+m.Pings
}

// A crowdPart is the clients of one process, and the loop that drives them.
type crowdPart struct {
	cfg     *config
	source  [4]byte // their address, so that no two processes share ports
	nodes   []netip.AddrPort
	clients []crowdClient
	epfd    int
	buf     []byte
	out     []byte
	orders  chan order
	answers *json.Encoder

	connecting int // the next client that connects for the first time
	come       int // how many have been live
	again      retries
	dying      int // the server that is about to be killed, -1 for none
	publishing bool
	turn       int   // whose turn it is to publish
	due        int64 // when

	counts crowdCounts
	lat    histogram
}

// runCrowdPart is what a process with -part does.
func runCrowdPart(cfg *config) error {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	p := &crowdPart{
		cfg: cfg, epfd: epfd, source: [4]byte{127, 0, 1, byte(1 + cfg.part)}, dying: -1,
		buf: make([]byte, 1<<20), orders: make(chan order), answers: json.NewEncoder(os.Stdout),
	}
	for _, u := range cfg.urls {
		at, err := netip.ParseAddrPort(u.Host)
		if err != nil {
			return err
		}
		p.nodes = append(p.nodes, at)
	}
	first, end := cfg.conns*cfg.part/cfg.processes, cfg.conns*(cfg.part+1)/cfg.processes
	for id := first; id < end; id++ {
		p.clients = append(p.clients, crowdClient{id: id, fd: -1, node: cfg.beginsOn(id)})
	}
	p.connecting = len(p.clients)
	go p.listen()
	return p.run()
}

// listen reads orders until there are no more.
func (p *crowdPart) listen() {
	for in := json.NewDecoder(os.Stdin); ; {
		var o order
		if err := in.Decode(&o); err != nil {
			if !errors.Is(err, io.EOF) {
				fatalf("%v", err)
			}
			os.Exit(0)
		}
		p.orders <- o
	}
}

func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // which all processes share
	return t.Nano()
}

func (p *crowdPart) run() error {
	// An order waits for that long at the most.
	const pause = 20 * time.Millisecond
	var events [1024]unix.EpollEvent
	for {
		select {
		case o := <-p.orders:
			if err := p.answers.Encode(p.do(o)); err != nil {
				return err
			}
		default:
		}
		p.connectSome()
		next := p.act(monotonic())
		n, err := unix.EpollWait(p.epfd, events[:], int(max(0, min(next, pause).Milliseconds())))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		now := monotonic()
		for _, e := range events[:max(n, 0)] {
			if c := &p.clients[e.Fd]; c.generation == e.Pad && c.fd >= 0 {
				p.ready(c, now)
			}
		}
	}
}

func (p *crowdPart) do(o order) any {
	switch o.Do {
	case "connect":
		p.connecting = 0
	case "publish":
		p.publishing, p.due = true, monotonic()
	case "stop":
		p.publishing = false
	case "expect":
		p.dying = o.Node
	case "count":
		n := p.counts
		for i := range p.clients {
			if c := &p.clients[i]; c.pending && c.state != crowdLeft {
				n.Pending++
			}
		}
		return n
	case "latency":
		counts := make(map[int]uint64)
		for b, n := range p.lat.counts {
			if n > 0 {
				counts[b] = n
			}
		}
		p.lat = histogram{}
		return counts
	case "tally":
		var t crowdTally
		for i := range p.clients {
			c := &p.clients[i]
			received := c.received
			if c.told {
				received = math.MaxUint32 // It knows that it lacks some, and would read the history.
			}
			t.Published, t.Received = append(t.Published, c.published), append(t.Received, received)
			if c.state == crowdLeft {
				t.Left = append(t.Left, c.id)
			}
		}
		return t
	default:
		fatalf("unknown order %q", o.Do)
	}
	return struct{}{}
}

// connectSome lets clients connect for the first time, some at a time.
func (p *crowdPart) connectSome() {
	for p.connecting < len(p.clients) && p.connecting-p.come < max(1, p.cfg.concurrency/p.cfg.processes) {
		p.dial(&p.clients[p.connecting])
		p.connecting++
	}
}

// act does what is due, and returns when something is next.
func (p *crowdPart) act(now int64) time.Duration {
	for len(p.again) > 0 && p.again[0].at <= now {
		c := &p.clients[heap.Pop(&p.again).(retry).client]
		switch c.state {
		case crowdAway:
			c.node, c.tried = rand.IntN(len(p.nodes)), 0
			p.dial(c)
		case crowdLive:
			p.publish(c)
		}
	}
	for p.publishing && p.due <= now {
		c := &p.clients[p.turn]
		p.turn = (p.turn + 1) % len(p.clients)
		p.due += int64(time.Minute) / int64(len(p.clients))
		if !c.pending && c.state != crowdLeft {
			c.pending, c.sentAt = true, now
			p.publish(c)
		}
	}
	next := int64(time.Second)
	if len(p.again) > 0 {
		next = min(next, p.again[0].at-now)
	}
	if p.publishing {
		next = min(next, p.due-now)
	}
	return time.Duration(next)
}

// later has the client try again what it could not do.
func (p *crowdPart) later(c *crowdClient, at int64) {
	heap.Push(&p.again, retry{at, c.id - p.clients[0].id})
}

// publish sends the client's pending message, if there is one and it can.
func (p *crowdPart) publish(c *crowdClient) {
	if c.pending && c.state == crowdLive {
		p.write(c, c.message(p.cfg, p.out[:0]))
	}
}

func (p *crowdPart) dial(c *crowdClient) {
	c.generation++
	c.state = crowdDialing
	var err error
	if c.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		fatalf("client %d: %v", c.id, err)
	}
	_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // as in dial
	// The port is chosen when it is known where to: the same one may lead to each server.
	_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	if err := unix.Bind(c.fd, &unix.SockaddrInet4{Addr: p.source}); err != nil {
		fatalf("client %d: bind: %v", c.id, err)
	}
	to := p.nodes[c.node]
	err = unix.Connect(c.fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		p.refused(c, err)
		return
	}
	if err := unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     int32(c.id - p.clients[0].id), Pad: c.generation,
	}); err != nil {
		fatalf("epoll: %v", err)
	}
}

// refused goes on to the next server, as a proxy would, until none is left.
func (p *crowdPart) refused(c *crowdClient, err error) {
	if !errors.Is(err, unix.ECONNREFUSED) && !errors.Is(err, unix.ECONNRESET) {
		fatalf("client %d: connect: %v", c.id, err)
	}
	p.counts.Refused++
	if c.tried++; c.tried >= len(p.nodes) {
		p.lost(c)
		return
	}
	p.closeConn(c)
	c.node = (c.node + 1) % len(p.nodes)
	p.dial(c)
}

func (p *crowdPart) closeConn(c *crowdClient) {
	_ = unix.Close(c.fd)
	c.fd, c.rem = -1, nil
	if c.state == crowdLive {
		p.counts.Live--
	}
}

// lost is the end of a connection, or of an attempt to make one.
func (p *crowdPart) lost(c *crowdClient) {
	live := c.state == crowdLive
	p.closeConn(c)
	c.state = crowdAway
	if live {
		p.counts.Broken++
		p.counts.Away++
		c.broke = true
		if c.node == p.dying && leaves(c.id) {
			c.state = crowdLeft
			p.counts.Away--
			p.counts.Left++
			return
		}
	}
	p.later(c, monotonic()+int64(c.delay()))
	c.failures++
}

func (p *crowdPart) write(c *crowdClient, b []byte) {
	p.out = b[:0]
	if n, err := unix.Write(c.fd, b); err == nil && n < len(b) || errors.Is(err, unix.EAGAIN) {
		fatalf("client %d: write: %d of %d bytes: %v", c.id, n, len(b), err)
	} // Other errors are seen by reading.
}

// ready deals with what epoll reports.
func (p *crowdPart) ready(c *crowdClient, now int64) {
	if c.state == crowdDialing {
		if code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
			p.refused(c, errors.Join(err, unix.Errno(code)))
			return
		}
		p.counts.Attempts++
		c.state, c.tried = crowdUpgrade, 0
		u := p.cfg.urls[c.node]
		p.write(c, fmt.Appendf(p.out[:0], "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			hotsock{secret: p.cfg.secret, claims: p.cfg.claims}.address(u.Path, uidOf(c.id)), u.Host))
	}
	for {
		have := copy(p.buf, c.rem)
		n, err := unix.Read(c.fd, p.buf[have:])
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			return
		}
		if err != nil || n == 0 {
			p.lost(c)
			return
		}
		rem, ok := p.consume(c, p.buf[:have+n], now)
		if !ok {
			p.lost(c)
			return
		}
		c.rem = append(c.rem[:0], rem...)
		if n < len(p.buf)-have {
			return
		}
	}
}

// consume takes what is complete, and returns the rest; false at the end of the
// connection.
func (p *crowdPart) consume(c *crowdClient, b []byte, now int64) ([]byte, bool) {
	if c.state == crowdUpgrade {
		head, rest, ok := bytes.Cut(b, []byte("\r\n\r\n"))
		if !ok {
			return b, true
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
			warnf("handshake: %s", b)
			return nil, false
		}
		b = rest
		c.state = crowdSubscribe
		p.write(c, c.hello(p.cfg.prefix, p.out[:0]))
	}
	for {
		f, rest, ok := nextFrame(b)
		if !ok {
			return b, true
		}
		b = rest
		switch f.op {
		case opClose:
			return nil, false
		case opPing:
			p.counts.Pings++
			p.write(c, appendFrame(p.out[:0], opPong, f.payload))
		case opText:
			p.text(c, f.payload, now)
		}
	}
}

// retries are clients by when they try again.
type retries []retry

type retry struct {
	at     int64
	client int
}

func (r retries) Len() int           { return len(r) }
func (r retries) Less(i, j int) bool { return r[i].at < r[j].at }
func (r retries) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }
func (r *retries) Push(x any)        { *r = append(*r, x.(retry)) }
func (r *retries) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}
