package socket

import (
	"io"
	"math/bits"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A worker is one goroutine of a Flusher.
type worker struct {
	f    *Flusher
	home int           // the shard that it looks at first, so that the same CPU tends to have the same connections
	wake chan struct{} // receives when it is to help; nil for the first worker

	pipe *os.File // tells that there is something to write; of the first worker only

	through through
	credit  int     // how many parts of tasks it may do until it writes
	taken   []Frame // of the connection that it writes to
	// Subscribers of one channel share the bytes: those that compress, and the
	// others. They are nil while it rests.
	plain, deflated *joined
}

// newWorker returns the nth worker of a Flusher. Homes are as far apart as they can be.
func newWorker(f *Flusher, n int32) *worker {
	return &worker{f: f, home: int(bits.Reverse8(uint8(n)) >> 2), credit: maxCredit}
}

const (
	// manyShards is how many shards have something to write if another worker is worth
	// being woken: that takes about as long as a write.
	manyShards = 4
	// maxCredit bounds for how long tasks keep a worker from writing: a few milliseconds.
	maxCredit = 1024
	// patience is how often a worker that has helped lets others run, perhaps those who
	// have the next task, until it writes.
	patience = 32
)

// run is the goroutine of a worker.
func (w *worker) run() {
	if w.pipe != nil {
		w.lead()
	} else {
		w.help()
	}
}

// lead is run of the first worker, or of who has taken its place: then there is something
// to write already.
func (w *worker) lead() {
	var b [16]byte
	for closed := false; ; {
		if w.sweep(); w.through.lost {
			return
		}
		if closed {
			_ = w.pipe.Close()
			return
		}
		for {
			_, err := w.pipe.Read(b[:])
			if closed = err == io.EOF; err == nil || closed {
				break
			}
			// That cannot happen, and is no reason to stop writing.
		}
		runtime.Gosched()
		w.f.woken.Store(false)
	}
}

// help is run of the other workers.
func (w *worker) help() {
	for {
		for !w.through.lost && (w.f.ready.Load() != 0 || w.f.shared.open.Load()) {
			w.sweep()
			runtime.Gosched() // Those who send go first: more is written together then.
		}
		if w.through.lost || !w.f.rest(w) {
			return
		}
	}
}

// sweep visits each shard once that has something to write.
func (w *worker) sweep() {
	at := w.home
	for left := ^uint64(0); !w.through.lost; {
		w.share()
		ready := w.f.ready.Load() & left
		if ready == 0 {
			if w.f.ready.Load() == 0 {
				w.credit = maxCredit // It keeps nobody waiting.
			}
			break
		}
		if bits.OnesCount64(ready) >= manyShards {
			w.f.help()
		}
		at = (at + bits.TrailingZeros64(bits.RotateLeft64(ready, -at))) % flushShards
		left &^= 1 << at
		w.visit(at)
	}
	w.forget()
}

// share does parts of what others have to do. It writes at least as much.
func (w *worker) share() {
	for idle := patience; w.credit > 0 && idle <= patience; {
		switch {
		case w.f.shared.open.Load() && w.f.shared.do(true):
			w.credit--
			idle = 0
		case idle == patience:
			return
		default:
			runtime.Gosched()
			idle++
		}
	}
}

// visit writes to the connections of a shard that wait now.
func (w *worker) visit(shard int) {
	now := time.Now()
	wrote := 0
	c, left := w.f.take(shard)
	for ; c != nil; left-- {
		wrote += c.flushFrom(w, now)
		if left == 0 || w.through.lost {
			break
		}
		w.credit = min(w.credit+2, maxCredit)
		w.share()
		c, _ = w.f.take(shard)
	}
	w.f.written.Add(uint64(wrote))
}

// joined are the frames of the connection before, and their bytes.
type joined struct {
	frames []Frame
	bytes  []byte
}

var joins = sync.Pool{New: func() any { return new(joined) }}

// join returns the bytes of a connection's frames, which must not be modified.
// They are valid until the next call.
func (w *worker) join(c *Conn, frames []Frame) []byte {
	switch len(frames) {
	case 0: // what was queued has been dropped
		return nil
	case 1:
		return frames[0].wire(c.deflate)
	}
	j := &w.plain
	if c.deflate {
		j = &w.deflated
	}
	if *j == nil {
		*j = joins.Get().(*joined)
	}
	return (*j).of(frames, c.deflate)
}

func (j *joined) of(frames []Frame, deflate bool) []byte {
	if slices.Equal(frames, j.frames) {
		return j.bytes
	}
	j.frames = append(j.frames[:0], frames...)
	j.bytes = j.bytes[:0]
	for _, f := range frames {
		j.bytes = append(j.bytes, f.wire(deflate)...)
	}
	return j.bytes
}

// forget lets the frames be freed.
func (w *worker) forget() {
	clear(w.taken[:cap(w.taken)])
	for _, j := range []**joined{&w.plain, &w.deflated} {
		if *j != nil {
			clear((*j).frames)
			(*j).frames = (*j).frames[:0]
			joins.Put(*j)
			*j = nil
		}
	}
}
