package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

type wsConn struct {
	endpoint
	id    int
	role  role
	pub   int // what it does as a publisher: index of loop.pubs
	state connState
	acks  int      // confirmations still to come before it is live
	rem   []byte   // the beginning of a frame
	last  []uint32 // position of the last message per subscription
}

// role is what a connection is there for.
type role uint8

const (
	roleSubscriber role = iota // receives, and is measured
	rolePublisher              // publishes over its WebSocket
	roleJoiner                 // comes to a channel and leaves it
	roleStalled                // subscribes and never reads again
)

type connState uint8

const (
	stateUpgrade connState = iota
	stateSubscribe
	stateLive
	stateClosed
)

// cast makes the connections: -conns subscribers, and then those of the other
// roles that the scenario asks for.
func (l *loop) cast() error {
	add := func(n int, r role) {
		for range n {
			l.conns = append(l.conns, wsConn{id: len(l.conns), role: r})
		}
	}
	add(l.cfg.conns, roleSubscriber)
	switch l.cfg.via {
	case "", "http":
	case "ws":
		add(l.cfg.inflight, rolePublisher)
	case "join":
		add(l.cfg.inflight, roleJoiner)
	default:
		return fmt.Errorf("unknown -via %q", l.cfg.via)
	}
	if _, ok := l.proto.(talker); !ok && len(l.conns) > l.cfg.conns {
		return fmt.Errorf("-proto %s cannot do -via %s", l.cfg.proto, l.cfg.via)
	}
	for i := range l.conns[l.cfg.conns:] {
		l.conns[l.cfg.conns+i].pub = i
	}
	add(l.cfg.stalled, roleStalled)
	return nil
}

// connect opens all connections, at most -concurrency at a time.
func (l *loop) connect() {
	opened := 0
	l.run(l.cfg.timeout, func() bool {
		for opened < len(l.conns) && l.opening < l.cfg.concurrency {
			l.open(&l.conns[opened])
			opened++
		}
		return l.live == len(l.conns) || l.dropped > 0
	})
	if l.live != len(l.conns) {
		fatalf("%d of %d connections live, %d dropped %s", l.live, len(l.conns), l.dropped, l.dropReason)
	}
}

func (l *loop) open(c *wsConn) {
	*c = wsConn{id: c.id, role: c.role, pub: c.pub, rem: c.rem[:0], last: make([]uint32, l.cfg.subs)}
	u := l.cfg.urls[c.id%len(l.cfg.urls)]
	var err error
	if c.endpoint, err = dialURL(u); err != nil {
		fatalf("connection %d: %v", c.id, err)
	}
	if err := l.watch(c.fd, c.id, kindConn); err != nil {
		fatalf("epoll: %v", err)
	}
	l.opening++
	head := fmt.Appendf(l.out[:0], "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		l.proto.path(u.Path, c, l.channelsOf(c)), u.Host)
	if l.cfg.deflate {
		head = append(head, deflateOffer...)
	}
	l.write(c.endpoint, append(head, "\r\n"...))
}

// channelsOf returns the channels c subscribes to: -subs of them from its own on.
func (l *loop) channelsOf(c *wsConn) []string {
	var names []string
	if c.role == roleStalled {
		names = append(names, ballast)
	}
	if c.role == roleSubscriber || c.role == roleStalled {
		for i := range l.cfg.subs {
			names = append(names, l.names[(c.id+i)%len(l.names)])
		}
	}
	return names
}

// write writes all of b, which is always small enough for the socket buffer.
func (l *loop) write(to endpoint, b []byte) {
	if len(b) == 0 {
		return
	}
	l.out = b[:0]
	n, err := to.write(b)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return // reading will tell
	}
	if err != nil || n < len(b) {
		fatalf("write: %d of %d bytes: %v", n, len(b), err)
	}
}

func (l *loop) readConn(c *wsConn) {
	for c.state != stateClosed && (c.state != stateLive || c.role != roleStalled) {
		have := copy(l.buf, c.rem)
		n, drained, err := c.read(l.buf[have:])
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil || n == 0 {
			l.drop(c, "connection lost")
			return
		}
		if l.recording && c.role == roleSubscriber {
			l.bytes += n
		}
		fd := c.fd
		rem := l.consume(c, l.buf[:have+n])
		if c.fd != fd {
			return // opened again
		}
		c.rem = append(c.rem[:0], rem...)
		if drained {
			return
		}
	}
}

// consume handles all that is complete in b and returns the rest.
func (l *loop) consume(c *wsConn, b []byte) []byte {
	now := l.now()
	l.progress = now
	if c.state == stateUpgrade {
		head, rest, ok := bytes.Cut(b, []byte("\r\n\r\n"))
		if !ok {
			return b
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
			fatalf("handshake: %s", b)
		}
		if l.cfg.deflate {
			checkDeflate(head)
		}
		b = rest
		c.state = stateSubscribe
		var out []byte
		c.acks, out = l.proto.opened(c, l.channelsOf(c), l.out[:0])
		l.write(c.endpoint, out)
		if l.goLive(c) {
			return nil
		}
	}
	for {
		f, rest, ok := nextFrame(b)
		if !ok {
			return b
		}
		b = rest
		switch f.op {
		case opClose:
			l.drop(c, fmt.Sprintf("closed: %q", f.payload))
			return nil
		case opPing:
			l.pings++
			l.write(c.endpoint, appendFrame(l.out[:0], opPong, f.payload))
		case opPong:
		default:
			msg := f.payload
			if f.compressed {
				msg = l.inflate.message(msg)
			}
			if l.text(c, msg, now) {
				return nil
			}
		}
	}
}

// text handles a text message. It reports whether the connection is not to be
// read further.
func (l *loop) text(c *wsConn, msg []byte, now time.Duration) bool {
	if c.state != stateLive {
		n, out, err := l.proto.reply(c, msg, l.channelsOf(c), l.out[:0])
		if err != nil {
			fatalf("subscribe: %v", err)
		}
		c.acks -= n
		l.write(c.endpoint, out)
		return l.goLive(c)
	}
	l.write(c.endpoint, l.proto.live(msg, l.out[:0]))
	if c.role == roleSubscriber {
		l.message(c, msg, now)
	} else {
		l.answer(c, msg)
	}
	return false
}

// goLive notes that all has been confirmed, if it has. It reports whether the
// connection is not to be read further.
func (l *loop) goLive(c *wsConn) bool {
	if c.acks > 0 {
		return false
	}
	c.state = stateLive
	l.opening--
	l.live++
	if l.churning {
		l.connects++
		l.renew(c)
		return true
	}
	if c.role == roleSubscriber {
		l.countSubs(c, 1)
	}
	return c.role == roleStalled
}

func (l *loop) countSubs(c *wsConn, n int) {
	for i := range l.cfg.subs {
		l.chans[(c.id+i)%len(l.chans)].subs += n
	}
}

func (l *loop) drop(c *wsConn, reason string) {
	if c.state == stateLive {
		l.live--
		if c.role == roleSubscriber {
			l.countSubs(c, -1)
		}
	}
	c.state = stateClosed
	l.dropped++
	l.dropReason = reason
	c.close()
}

// churn closes each connection and opens another, and does so again whenever one
// is live.
func (l *loop) churn() {
	l.churning = true
	for i := range l.conns {
		l.countSubs(&l.conns[i], -1)
		l.renew(&l.conns[i])
	}
}

func (l *loop) renew(c *wsConn) {
	l.live--
	c.close()
	l.open(c)
}
