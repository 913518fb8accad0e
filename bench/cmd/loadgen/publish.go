package main

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// pubConn is what makes one publish at a time: an HTTP connection, or with -via
// a WebSocket.
type pubConn struct {
	endpoint
	req *request // HTTP only
	rem []byte

	busy   bool
	msg    msgID // being published
	sent   time.Duration
	joined bool // -via join: whether it has come or left
}

// ballast is the channel whose messages fill the buffers of those who do not
// read. Its publishes are none of the measured ones.
const (
	ballast     = "ballast"
	ballastSize = 24 << 10
)

var ballastID = msgID{ch: -1}

// connectPubs opens the connections to publish over, one per request in flight.
func (l *loop) connectPubs() error {
	if l.cfg.via != "" && l.cfg.via != "http" {
		for i := range l.conns {
			if c := &l.conns[i]; c.role == rolePublisher || c.role == roleJoiner {
				l.idle = append(l.idle, len(l.pubs))
				l.pubs = append(l.pubs, pubConn{endpoint: c.endpoint})
			}
		}
		return nil
	}
	var reqs []*request
	for _, raw := range l.cfg.publishURLs {
		to, err := url.Parse(raw)
		if err != nil {
			return err
		}
		_, path, _ := strings.Cut(raw, to.Host)
		r := &request{to: to, path: template(path), body: template(l.cfg.publishBody)}
		for _, h := range l.cfg.publishHeaders {
			r.header += h + "\r\n"
		}
		reqs = append(reqs, r)
	}
	for i := range l.cfg.inflight {
		r := reqs[i%len(reqs)]
		e, err := dialURL(r.to)
		if err != nil {
			return err
		}
		if err := l.watch(e.fd, i, kindPub); err != nil {
			return err
		}
		l.pubs = append(l.pubs, pubConn{endpoint: e, req: r})
		l.idle = append(l.idle, i)
	}
	return nil
}

// publish sends the requests which are due. With -rate, latency counts from when
// they were due, and it returns when the next one is. Without, a publish is in
// flight until it is answered and delivered to all subscribers.
func (l *loop) publish(now time.Duration) time.Duration {
	if l.cfg.rate > 0 {
		for l.due <= now && len(l.idle) > 0 {
			l.send(l.due)
			if l.cfg.stalled > 0 && len(l.idle) > 0 {
				p := l.take(ballastID, now)
				l.write(p.endpoint, p.req.append(l.out[:0], ballast, appendPayload(nil, ballastSize, 0, 0, 0)))
			}
			l.due += time.Duration(float64(time.Second) / l.cfg.rate)
		}
		return l.due
	}
	for len(l.idle) > 0 && l.inflight < l.cfg.inflight {
		l.send(l.now())
	}
	return 0
}

// take makes an idle publisher a busy one.
func (l *loop) take(m msgID, at time.Duration) *pubConn {
	p := &l.pubs[l.idle[0]]
	l.idle = slices.Delete(l.idle, 0, 1)
	p.busy, p.msg, p.sent = true, m, at
	return p
}

// rest makes a publisher idle again.
func (l *loop) rest(i int) {
	l.pubs[i].busy = false
	l.idle = append(l.idle, i)
}

func (l *loop) send(at time.Duration) {
	ch, st := l.next, &l.chans[l.next]
	l.next = (l.next + 1) % len(l.chans)
	seq := uint32(len(st.msgs))
	st.msgs = append(st.msgs, msgState{waits: int32(st.subs) + 1})
	p := l.take(msgID{ch, seq}, at)
	l.inflight++
	l.outstanding += st.subs
	l.published++
	l.progress = l.now()

	var out []byte
	name := l.names[ch]
	switch l.cfg.via {
	case "ws":
		out = l.proto.(talker).publish(name, appendPayload(l.buf[:0], l.cfg.size, int64(at), ch, seq), l.out[:0])
	case "join":
		p.joined = !p.joined
		out = l.proto.(talker).join(name, p.joined, l.out[:0])
	default:
		out = p.req.append(l.out[:0], name, appendPayload(l.buf[:0], l.cfg.size, int64(at), ch, seq))
	}
	l.write(p.endpoint, out)
}

// readPub reads the response to a publish.
func (l *loop) readPub(i int) {
	p := &l.pubs[i]
	for {
		n, _, err := p.read(l.buf)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if n <= 0 {
			fatalf("publish connection lost: %v", err)
		}
		l.progress = l.now()
		p.rem = append(p.rem, l.buf[:n]...)
		status, ok := response(p.rem)
		if !ok {
			continue
		}
		l.answered(i, status < 300, p.rem)
		p.rem = p.rem[:0]
	}
}

// answer reads what a publishing WebSocket receives.
func (l *loop) answer(c *wsConn, msg []byte) {
	if done, ok := l.proto.(talker).answer(msg); done && c.pub < len(l.pubs) && l.pubs[c.pub].busy {
		l.answered(c.pub, ok, msg)
	}
}

func (l *loop) answered(i int, ok bool, response []byte) {
	p := &l.pubs[i]
	if !ok {
		if l.pubErrors++; l.pubErrors == 1 {
			warnf("publish: %s", response)
		}
	}
	if l.cfg.via != "join" { // who comes and goes waits for the others, too
		l.rest(i)
	}
	if p.msg != ballastID {
		l.settle(p.msg)
	}
}
