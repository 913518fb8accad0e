package faults

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A proxy is the way from a node to its Redis, with all that can go wrong on
// it.
type proxy struct {
	listener net.Listener
	target   atomic.Value // string

	mu    sync.Mutex
	pipes map[*pipe]struct{}
	rule  rule
	work  sync.WaitGroup
}

// A rule looks at what passes, and says what becomes of it. It is called for
// one direction of one connection at a time.
type rule func(p *pipe, toServer bool, chunk []byte) verdict

type verdict int

const (
	pass verdict = iota
	// cut ends the connection instead of passing the chunk on, and reset does
	// so without a word to the client.
	cut
	reset
	// half passes on the first half of the chunk, and then cuts.
	half
	// swallow drops the chunk and all that follows in both directions.
	swallow
)

// A pipe is one connection.
type pipe struct {
	client, server *net.TCPConn
	// subscribed is set once the client has subscribed to something.
	subscribed atomic.Bool
	// marked is for rules.
	marked, swallowed atomic.Bool
}

func startProxy(c cleaner, target string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.fatalf("proxy: %v", err)
	}
	x := &proxy{listener: l, pipes: make(map[*pipe]struct{})}
	x.target.Store(target)
	x.work.Go(x.accept)
	c.onEnd(x.close)
	return x
}

func (x *proxy) url() string { return "redis://" + x.listener.Addr().String() }

func (x *proxy) accept() {
	for {
		conn, err := x.listener.Accept()
		if err != nil {
			return // It is closed.
		}
		x.work.Go(func() { x.carry(conn.(*net.TCPConn)) })
	}
}

func (x *proxy) carry(client *net.TCPConn) {
	defer client.Close()
	conn, err := net.DialTimeout("tcp", x.target.Load().(string), 2*time.Second)
	if err != nil {
		return
	}
	p := &pipe{client: client, server: conn.(*net.TCPConn)}
	defer p.server.Close()
	x.mu.Lock()
	x.pipes[p] = struct{}{}
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.pipes, p)
		x.mu.Unlock()
	}()
	var up sync.WaitGroup
	up.Go(func() { x.copy(p, true) })
	x.copy(p, false)
	up.Wait()
}

// copy carries one direction until it ends.
func (x *proxy) copy(p *pipe, toServer bool) {
	from, to := p.client, p.server
	if !toServer {
		from, to = to, from
	}
	defer p.end()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		chunk := buf[:n]
		if toServer && isSubscribe(chunk) {
			p.subscribed.Store(true)
		}
		x.mu.Lock()
		rule := x.rule
		x.mu.Unlock()
		v := pass
		if rule != nil {
			v = rule(p, toServer, chunk)
		}
		switch {
		case v == swallow || p.swallowed.Load():
			p.swallowed.Store(true)
			continue
		case v == cut:
			return
		case v == reset:
			_ = p.client.SetLinger(0)
			return
		case v == half:
			_, _ = to.Write(chunk[:n/2])
			return
		}
		if _, err := to.Write(chunk); err != nil {
			return
		}
	}
}

func isSubscribe(chunk []byte) bool {
	return bytes.Contains(chunk, []byte("\r\nsubscribe\r\n")) || bytes.Contains(chunk, []byte("\r\nssubscribe\r\n"))
}

func (p *pipe) end() {
	_ = p.client.Close()
	_ = p.server.Close()
}

// set replaces the rule; nil passes everything.
func (x *proxy) set(r rule) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rule = r
}

// end ends all connections, or only those that have swallowed something.
func (x *proxy) end(onlySwallowed bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for p := range x.pipes {
		if !onlySwallowed || p.swallowed.Load() {
			p.end()
		}
	}
}

func (x *proxy) close() {
	_ = x.listener.Close()
	x.end(false)
	x.work.Wait()
}
