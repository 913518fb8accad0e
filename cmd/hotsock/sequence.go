package main

import "sync/atomic"

// window is how far behind the newest number a late one is still told from one that
// came before.
const window = 1024

// A sequence follows the numbers 0, 1, 2 … of the messages that one subscription
// gets. One goroutine adds to it; the counts may be read by others.
type sequence struct {
	newest int64 // -1 before the first
	seen   [window / 64]uint64
	// distinct are those that came, each counted once; reordered are the distinct ones
	// that came after a later one.
	distinct, doubled, reordered atomic.Int64
}

func newSequence() *sequence { return &sequence{newest: -1} }

func (s *sequence) add(n int64) {
	if n > s.newest {
		// Those in between have not come; what was remembered of others in their places
		// is too old.
		for i := max(s.newest+1, n-window+1); i <= n; i++ {
			s.seen[i%window/64] &^= 1 << (i % 64)
		}
		s.newest = n
		s.mark(n)
		s.distinct.Add(1)
		return
	}
	if n <= s.newest-window || n < 0 {
		s.reordered.Add(1) // as far as can be told
		return
	}
	if s.seen[n%window/64]&(1<<(n%64)) != 0 {
		s.doubled.Add(1)
		return
	}
	s.mark(n)
	s.distinct.Add(1)
	s.reordered.Add(1)
}

func (s *sequence) mark(n int64) { s.seen[n%window/64] |= 1 << (n % 64) }
