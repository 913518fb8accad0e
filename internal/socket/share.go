package socket

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A Task is something to do for all numbers below some n, in any order.
type Task interface {
	// Do does it for those from one number on, below another. It may be called
	// concurrently, for different numbers, and must not wait for anything.
	Do(from, to int)
}

const (
	// minShared is from how many numbers on a task is shared out: waking who helps takes
	// about as long as some hundred of them. shareSize is how many are done at a time.
	minShared = 256
	shareSize = 64
)

// Share does all of a task: on the caller's goroutine and, if it is large, on those of
// workers that have nothing else to do. They do so before they write, so that what is sent
// at about the same time is written together. It allocates nothing.
func (f *Flusher) Share(n int, t Task) {
	if n < minShared || runtime.GOMAXPROCS(0) == 1 || !f.shared.begin(n, t) {
		t.Do(0, n)
		return
	}
	f.help()
	for f.shared.do(false) {
	}
	f.shared.finish()
}

// A shared is a task that several goroutines are at. There is one at a time: while others
// have one, all are busy anyway.
type shared struct {
	open atomic.Bool  // there may be something to do
	busy atomic.Int32 // goroutines that do a part

	mu       sync.Mutex
	task     Task // nil for none
	from, to int  // what nobody has begun
	waits    bool // for done
	done     sync.Cond
}

// begin returns false if there is another task.
func (s *shared) begin(n int, t Task) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.task != nil {
		return false
	}
	s.task, s.from, s.to = t, 0, n
	s.done.L = &s.mu
	s.open.Store(true)
	return true
}

// do does a part, and returns false if there was none left. Those who help take the last
// one, and who has the task takes the first: with two CPUs each has the same numbers every
// time, and what belongs to them in its cache.
func (s *shared) do(helps bool) bool {
	s.mu.Lock()
	t, from, to := s.task, s.from, s.to
	if t == nil || from == to {
		s.mu.Unlock()
		return false
	}
	if helps {
		from = max(from, to-shareSize)
		s.to = from
	} else {
		to = min(to, from+shareSize)
		s.from = to
	}
	s.busy.Add(1)
	s.open.Store(s.from < s.to)
	s.mu.Unlock()

	t.Do(from, to)

	if s.busy.Add(-1) == 0 {
		s.mu.Lock()
		if s.waits {
			s.done.Signal()
		}
		s.mu.Unlock()
	}
	return true
}

// finish waits until all is done, of which there is no part left to begin. That does not
// take long, unless the system has taken a CPU away.
func (s *shared) finish() {
	for left := maxSpins; left > 0 && s.busy.Load() > 0; {
		left--
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = true
	for s.busy.Load() > 0 {
		s.done.Wait()
	}
	s.waits, s.task = false, nil
}

// maxSpins is some times what a part takes. To sleep and be woken would take longer.
const maxSpins = 20_000
