package socket

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// freeQueue is how many bytes may wait for any connection without counting
	// against a Budget. So connections that keep up cost no counting.
	freeQueue = 64 << 10
	// frameCost is what a frame takes in a queue besides its bytes.
	frameCost = 16
)

// A Budget bounds what waits for all the connections that share it. Frames that wait
// for several of them count once, as they do in memory. Its methods may be called
// concurrently.
type Budget struct {
	limit    int64
	waiting  atomic.Int64 // bytes
	relieved atomic.Bool  // somebody is at it

	mu    sync.Mutex
	conns map[*Conn]entered // those whose queues count
}

// entered is how a connection's queue was when it began to count.
type entered struct {
	at   time.Time
	left uint64 // as in the queue
}

// NewBudget returns a Budget of that many bytes.
func NewBudget(limit int) *Budget {
	return &Budget{limit: int64(limit), conns: make(map[*Conn]entered)}
}

// Waiting is how many bytes count now.
func (b *Budget) Waiting() int { return int(b.waiting.Load()) }

func (b *Budget) exceeded() bool { return b.waiting.Load() > b.limit }

// enter counts a connection's queue from now on, and leave no more. Conn.mu is held.
func (b *Budget) enter(c *Conn, left uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conns[c] = entered{time.Now(), left}
}

func (b *Budget) leave(c *Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, c)
}

func (b *Budget) add(frames []Frame) {
	size := len(frames) * frameCost
	for _, f := range frames {
		if f.b.waits.Add(1) == 1 {
			size += f.Len()
		}
	}
	b.waiting.Add(int64(size))
}

func (b *Budget) remove(frames []Frame) {
	size := len(frames) * frameCost
	for _, f := range frames {
		if f.b.waits.Add(-1) == 0 {
			size += f.Len()
		}
	}
	b.waiting.Add(-int64(size))
}

// relieve gives connections up while the budget is exceeded, until an eighth of it is
// free. Those are first that would need the longest to receive what waits for them:
// who reads next to nothing goes before who has a slow link, and who has received
// most of it is spared. Conn.mu is not held.
func (b *Budget) relieve() {
	for b.exceeded() && b.relieved.CompareAndSwap(false, true) {
		waiting := b.slowest()
		held := 0 // by those who are given up now, and free as soon as they are cut
		for _, w := range waiting {
			held += w.conn.giveUp()
			if b.waiting.Load()-int64(held) <= b.limit-b.limit/8 {
				break
			}
		}
		b.relieved.Store(false)
		if len(waiting) == 0 {
			return
		}
	}
}

// waitingConn is a connection whose queue counts.
type waitingConn struct {
	conn     *Conn
	entered  entered
	expected float64 // in how many seconds the client has received what is queued
}

// slowest returns those whose queues count, the slowest first.
func (b *Budget) slowest() []waitingConn {
	b.mu.Lock()
	all := make([]waitingConn, 0, len(b.conns))
	for c, e := range b.conns {
		all = append(all, waitingConn{conn: c, entered: e})
	}
	b.mu.Unlock()
	now := time.Now()
	for i := range all {
		w := &all[i]
		w.expected = w.conn.expected(w.entered, now)
	}
	slices.SortFunc(all, func(a, b waitingConn) int { return cmp.Compare(b.expected, a.expected) })
	return all
}

// expected is in how many seconds the client will have received what is queued if it
// goes on as it has so far.
func (c *Conn) expected(e entered, now time.Time) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := &c.out
	if q.dropped {
		return math.Inf(1) // It was given up before, and is ending.
	}
	received := q.left - e.left + uint64(q.begun)
	return float64(q.bytes) * now.Sub(e.at).Seconds() / float64(received+1)
}

// giveUp ends the connection of a client that is too slow; at once if it was given up
// before. It returns how much still counts because of this connection alone.
func (c *Conn) giveUp() (held int) {
	c.mu.Lock()
	if c.out.dropped {
		c.broken()
	} else {
		c.closing.Store(true)
		c.out.drop()
		held = c.out.held()
	}
	c.mu.Unlock()
	c.slow.Do(c.tooSlow)
	return held
}

// count notes that so many frames were added.
func (q *queue) count(added int) {
	switch {
	case q.counted:
		q.budget.add(q.frames[len(q.frames)-added:])
	case q.bytes > freeQueue && q.budget != nil:
		q.counted = true
		q.budget.enter(q.conn, q.left)
		q.budget.add(q.frames)
	}
}

// uncount notes that frames are taken out, all that there are if none is left.
func (q *queue) uncount(frames []Frame, left int) {
	if !q.counted {
		return
	}
	q.budget.remove(frames)
	if left == 0 {
		q.counted = false
		q.budget.leave(q.conn)
	}
}

// countAsked notes that what has left the queue does not wait any more.
func (q *queue) countAsked() {
	for len(q.groups) > 0 {
		g := &q.groups[0]
		left := max(0, min(g.size, int(g.end-q.left)))
		q.asked -= g.size - left
		if g.size = left; left > 0 {
			return
		}
		q.groups = q.groups[1:]
	}
}

// held is how much of what counts is in no other queue.
func (q *queue) held() (size int) {
	if !q.counted {
		return 0
	}
	for _, f := range q.frames {
		if f.b.waits.Load() == 1 {
			size += f.Len() + frameCost
		}
	}
	return size
}

// exceeded returns the budget if more waits, here and elsewhere, than may; else nil.
func (q *queue) exceeded() *Budget {
	if q.counted && q.budget.exceeded() {
		return q.budget
	}
	return nil
}
