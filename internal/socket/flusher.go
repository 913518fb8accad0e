package socket

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// A Flusher writes what is queued on many connections, so that a fan-out does not
// have to wake a goroutine for each subscriber. It has one worker, and further ones
// while there is much to write: as many as run at once (GOMAXPROCS).
//
// Before it writes, it lets everything run that the network has made runnable: so
// all messages of requests that arrived together share one write per connection,
// and a lone message is not delayed. For this the first worker waits on a pipe: the
// scheduler looks at that, as at all connections, when nothing else is left to do.
//
// Connections that have something queued wait in shards, so that those who send and
// those who write hardly ever meet at one lock. A worker takes one connection at a
// time, and several may be at one shard: none rests while another has work left.
//
// The zero value is ready for use. Its goroutines start when there is something to
// write, and end with Close.
type Flusher struct {
	// ready has a bit for each shard in which a connection waits.
	ready atomic.Uint64
	_     [cacheLine - 8]byte // Each shard changes it, and others only read what follows.

	woken  atomic.Bool // a byte is in the pipe
	shared shared
	watch  lookout
	shards [flushShards]flushShard

	next    atomic.Uint32 // which shard the next connection belongs to
	written atomic.Uint64 // bytes

	mu      sync.Mutex
	wake    *os.File // nil until the first worker has started
	closed  bool
	waiting []*worker // helpers that have nothing to do
	all     []*worker
	helping atomic.Int32 // those that have something to do; changed with mu held
	workers sync.WaitGroup
}

const (
	flushShards = 64 // bits of ready
	cacheLine   = 64 // bytes
)

// A flushShard has connections that wait to be written to, in the order in which
// they came.
type flushShard struct {
	mu    sync.Mutex
	open  bool // somebody writes what is put here
	head  int  // the first of conns that waits
	conns []*Conn
	_     [cacheLine - 48]byte
}

// enlist returns the shard of another connection. Connections that came together share
// one, since those who share out a fan-out begin at its two ends: so who sends to a
// connection tends to be who writes to it.
func (f *Flusher) enlist() uint8 { return uint8((f.next.Add(1) - 1) / togetherInShard % flushShards) }

const togetherInShard = 16

// Close writes what is queued as far as the kernel takes it, ends the goroutines
// and waits for them.
func (f *Flusher) Close() {
	f.mu.Lock()
	if !f.closed && f.wake != nil {
		f.open(false)
		_ = f.wake.Close()
	}
	for _, w := range f.waiting {
		close(w.wake)
	}
	f.closed, f.waiting = true, nil
	f.mu.Unlock()
	f.workers.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watch.timer != nil {
		f.watch.timer.Stop()
	}
}

// Written is how many bytes of frames were written to its connections, those
// that are still under way in the kernel included.
func (f *Flusher) Written() uint64 { return f.written.Load() }

// start returns false if nobody can write.
func (f *Flusher) start() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.wake != nil {
		return !f.closed
	}
	r, w, err := os.Pipe()
	if err != nil {
		return false // out of file descriptors
	}
	f.wake = w
	f.open(true)
	first := newWorker(f, 0)
	first.pipe = r
	f.begin(first)
	return true
}

// open lets connections be put into the shards, or no more. mu is held.
func (f *Flusher) open(open bool) {
	for i := range f.shards {
		s := &f.shards[i]
		s.mu.Lock()
		s.open = open
		s.mu.Unlock()
	}
}

// add has a connection flushed. It returns false if the Flusher cannot do it.
func (f *Flusher) add(c *Conn) bool {
	s := &f.shards[c.shard]
	s.mu.Lock()
	for !s.open {
		s.mu.Unlock()
		if !f.start() {
			return false
		}
		s.mu.Lock()
	}
	if s.conns = append(s.conns, c); len(s.conns) == s.head+1 {
		f.ready.Or(1 << c.shard)
	}
	s.mu.Unlock()
	if !f.woken.Load() && f.woken.CompareAndSwap(false, true) {
		// Room for one byte there always is.
		_, _ = f.wake.Write([]byte{0})
	}
	return true
}

// take returns a connection of a shard, or nil, and how many are left.
func (f *Flusher) take(shard int) (c *Conn, left int) {
	s := &f.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head == len(s.conns) {
		return nil, 0
	}
	c, s.conns[s.head] = s.conns[s.head], nil
	s.head++
	left = len(s.conns) - s.head
	switch {
	case left == 0:
		f.ready.And(^(uint64(1) << shard))
		s.conns, s.head = s.conns[:0], 0
	case s.head > left: // What is put there all the time must not make it grow.
		n := copy(s.conns, s.conns[s.head:])
		clear(s.conns[n:])
		s.conns, s.head = s.conns[:n], 0
	}
	return c, left
}

// help has another worker begin, if there is a processor for it.
func (f *Flusher) help() {
	most := int32(runtime.GOMAXPROCS(0)) - 1
	if f.helping.Load() >= most {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.helping.Load() >= most {
		return
	}
	helping := f.helping.Add(1)
	if n := len(f.waiting); n > 0 {
		w := f.waiting[n-1]
		f.waiting = f.waiting[:n-1]
		w.wake <- struct{}{}
		return
	}
	w := newWorker(f, helping)
	w.wake = make(chan struct{}, 1)
	f.begin(w)
}

// begin starts a worker. mu is held.
func (f *Flusher) begin(w *worker) {
	f.all = append(f.all, w)
	f.workers.Go(w.run)
}

// rest returns false if a helper is not needed any more.
func (f *Flusher) rest(w *worker) bool {
	f.mu.Lock()
	f.helping.Add(-1)
	if f.closed {
		f.mu.Unlock()
		return false
	}
	f.waiting = append(f.waiting, w)
	f.mu.Unlock()
	_, ok := <-w.wake
	return ok
}
