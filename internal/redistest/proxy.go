package redistest

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A Proxy passes TCP connections on to a server, and breaks them as told. It
// ends with the test.
type Proxy struct {
	// Addr is where it listens.
	Addr string

	target string
	l      net.Listener

	mu    sync.Mutex
	conns map[*proxied]struct{}
	fault fault
	// free is when a throttled line has sent what was given to it.
	free time.Time
	done bool
	wg   sync.WaitGroup
}

type proxied struct{ client, server net.Conn }

// A fault is what a proxy does to connections.
type fault struct {
	delay     time.Duration
	blackhole chan struct{} // open while nothing passes; nil if it does
	refuse    bool
	// rate, if positive, is how many bytes of answers pass in a second, of all
	// connections together.
	rate int
	// cut, if positive, is how many more bytes of answers pass, of all
	// connections together, before they are reset.
	cut int
}

// NewProxy starts a proxy in front of an address.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), target: target, l: l, conns: make(map[*proxied]struct{})}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.done = true
	p.mu.Unlock()
	_ = p.l.Close()
	p.Heal()
	p.Reset()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		c, err := p.l.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(c) })
	}
}

func (p *Proxy) serve(c net.Conn) {
	p.mu.Lock()
	refuse := p.fault.refuse || p.done
	p.mu.Unlock()
	if refuse {
		reset(c)
		return
	}
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	s, err := net.Dial("tcp", target)
	if err != nil {
		reset(c)
		return
	}
	pair := &proxied{c, s}
	p.mu.Lock()
	if p.done {
		p.mu.Unlock()
		reset(c)
		reset(s)
		return
	}
	p.conns[pair] = struct{}{}
	p.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { p.pass(pair, s, c, false) })
	wg.Go(func() { p.pass(pair, c, s, true) })
	wg.Wait()
	p.mu.Lock()
	delete(p.conns, pair)
	p.mu.Unlock()
}

// pass copies bytes from one end to the other.
func (p *Proxy) pass(pair *proxied, to, from net.Conn, answers bool) {
	defer pair.close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			ok := p.hold(n, answers)
			if !ok {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// hold waits as the fault says, and returns false if the bytes are not to pass.
func (p *Proxy) hold(n int, answers bool) bool {
	for {
		p.mu.Lock()
		f := p.fault
		if f.blackhole == nil && answers && f.cut > 0 {
			p.fault.cut = max(f.cut-n, 0)
			if p.fault.cut == 0 {
				p.mu.Unlock()
				p.Reset()
				return false
			}
		}
		wait := f.delay
		if f.blackhole == nil && answers && f.rate > 0 {
			if now := time.Now(); p.free.Before(now) {
				p.free = now
			}
			p.free = p.free.Add(time.Duration(n) * time.Second / time.Duration(f.rate))
			wait += time.Until(p.free)
		}
		p.mu.Unlock()
		if wait > 0 {
			time.Sleep(wait)
		}
		if f.blackhole == nil {
			return true
		}
		<-f.blackhole
	}
}

func (pair *proxied) close() {
	reset(pair.client)
	reset(pair.server)
}

// reset closes a connection without a farewell.
func reset(c net.Conn) {
	if tc, ok := c.(*net.TCPConn); ok {
		_ = tc.SetLinger(0)
	}
	_ = c.Close()
}

// Delay makes every piece of data wait, in both directions.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault.delay = d
}

// BlackHole lets nothing pass any more, and breaks nothing, until Heal.
func (p *Proxy) BlackHole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault.blackhole == nil {
		p.fault.blackhole = make(chan struct{})
	}
}

// Throttle lets so many bytes of answers pass in a second.
func (p *Proxy) Throttle(bytesPerSecond int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault.rate = bytesPerSecond
}

// CutAnswers lets n more bytes of answers pass and then resets every
// connection, so that what the server did is not learnt.
func (p *Proxy) CutAnswers(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault.cut = n
}

// Refuse resets every connection, and new ones, until Heal.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	p.fault.refuse = true
	p.mu.Unlock()
	p.Reset()
}

// Resume ends a black hole alone.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault.blackhole != nil {
		close(p.fault.blackhole)
		p.fault.blackhole = nil
	}
}

// Heal ends all faults. What a black hole held back goes on its way.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault.blackhole != nil {
		close(p.fault.blackhole)
	}
	p.fault = fault{}
}

// Redirect makes new connections go to another server, as a name in the DNS
// would. Those that are open stay.
func (p *Proxy) Redirect(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Retarget is Redirect, and resets the connections that are open.
func (p *Proxy) Retarget(target string) {
	p.Redirect(target)
	p.Reset()
}

// Reset resets the connections that are open.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pair := range p.conns {
		pair.close()
	}
}
