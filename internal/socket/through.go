package socket

import (
	"slices"
	"sync/atomic"
	"time"
)

// crypto/tls cannot be asked to write what the kernel takes at once, and does not survive
// that a write is given up. So a worker writes no more through it than the kernel has room
// for. With segments that are tiny, and so take more room than they carry, a client can
// still make that too much. Then the worker waits for the client, another one takes its
// place, and no worker writes to that connection again. Where many clients do so, everybody
// else would wait for all of them in turn: then no worker writes through TLS for a while.

// heldUp is for how long a worker waits for a client until it is replaced, at least; at
// most it is twice as long.
const heldUp = 2 * time.Millisecond

// mostHeldUp is how many clients may hold up workers within wary, until for as long every
// connection over TLS has its own goroutine while something is written to it.
const (
	mostHeldUp = 8
	wary       = time.Second
)

// A through is what a worker writes through TLS at the moment.
type through struct {
	conn atomic.Pointer[Conn] // nil for none
	turn atomic.Uint64        // counts the writes
	seen uint64               // turn, when it was looked at last; guarded by Flusher.mu
	lost bool                 // another worker has taken this one's place
}

// A lookout looks for workers that are held up.
type lookout struct {
	on    atomic.Bool
	timer *time.Timer // nil until it is needed
	// wary is since when workers write nothing through TLS, nil for never.
	wary atomic.Pointer[time.Time]
	// since is when held was 0: how many were held up since then. Flusher.mu guards them.
	since time.Time
	held  int
}

// isWary reports whether too many clients have held workers up lately.
func (l *lookout) isWary() bool {
	since := l.wary.Load()
	return since != nil && time.Since(*since) < wary
}

// note notes that one was held up. Flusher.mu is held.
func (l *lookout) note() {
	now := time.Now()
	if now.Sub(l.since) > wary {
		l.since, l.held = now, 0
	}
	if l.held++; l.held == mostHeldUp {
		l.wary.Store(&now)
	}
}

// writeThrough writes what the kernel has room for, through TLS. A record has no more bytes
// than a chunk.
func (w *worker) writeThrough(c *Conn, b []byte) (n int, err error) {
	for n < len(b) && err == nil && !w.through.lost && !w.f.watch.isWary() {
		piece := b[n:min(len(b), n+chunk)]
		if !hasRoom(c.kernel, len(piece)) {
			break
		}
		w.through.turn.Add(1)
		w.through.conn.Store(c)
		if !w.f.watch.on.Load() {
			w.f.startWatch()
		}
		var k int
		k, err = c.net.Write(piece)
		n += k
		w.through.lost = !w.through.conn.CompareAndSwap(c, nil)
	}
	return n, err
}

func (f *Flusher) startWatch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.watch.on.CompareAndSwap(false, true):
	case f.watch.timer == nil:
		f.watch.timer = time.AfterFunc(heldUp, f.look)
	default:
		f.watch.timer.Reset(heldUp)
	}
}

// look is called by the timer while something is written through TLS.
func (f *Flusher) look() {
	f.watch.on.Store(false) // Whoever begins to write from now on starts it again.
	held := make(map[*worker]*Conn)
	again := false
	f.mu.Lock()
	for _, w := range f.all {
		c, turn := w.through.conn.Load(), w.through.turn.Load()
		if c != nil && turn == w.through.seen {
			held[w] = c
		}
		again = again || c != nil || turn != w.through.seen
		w.through.seen = turn
	}
	f.mu.Unlock()
	for w, c := range held {
		f.replace(w, c)
	}
	if again {
		f.startWatch()
	}
}

// replace has another worker take the place of one that a connection holds up.
func (f *Flusher) replace(w *worker, c *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone.Load() || !w.through.conn.CompareAndSwap(c, nil) {
		return // Its write is over, or will be at once.
	}
	c.shared = false
	c.flushes.Add(1) // until the worker, which is one of the connection's goroutines now, is done with it
	c.stall.begin(c)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch.note()
	other := newWorker(f, 0)
	other.home, other.pipe, other.wake = w.home, w.pipe, w.wake
	f.all[slices.Index(f.all, w)] = other
	f.workers.Go(other.run)
}
