package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// A summary is what the trials of a fault came to.
type summary struct {
	mu     sync.Mutex
	failed int
	times  map[string][]time.Duration
	counts map[string]int
}

func (s *summary) add(tr *trial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if s.times == nil {
		s.times, s.counts = make(map[string][]time.Duration), make(map[string]int)
	}
	if len(tr.failures) > 0 {
		s.failed++
	}
	for what, d := range tr.times {
		s.times[what] = append(s.times[what], d...)
	}
	for what, n := range tr.counts {
		s.counts[what] += n
	}
}

func (s *summary) figures() string {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(s.counts)) {
		fmt.Fprintf(&b, "  %s: %d\n", what, s.counts[what])
	}
	for _, what := range slices.Sorted(maps.Keys(s.times)) {
		d := s.times[what]
		slices.Sort(d)
		at := func(q float64) time.Duration {
			return d[min(len(d)-1, int(q*float64(len(d))))].Round(time.Millisecond)
		}
		fmt.Fprintf(&b, "  %s: median %v, p99 %v, max %v of %d\n", what, at(0.5), at(0.99), d[len(d)-1].Round(time.Millisecond), len(d))
	}
	return b.String()
}
