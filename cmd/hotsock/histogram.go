package main

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// A histogram counts durations in buckets that are 1/64 of their value wide, in 30 KB
// however many there are. Its methods may be called concurrently.
type histogram struct {
	counts [64 * 58]atomic.Int64
	n, max atomic.Int64 // max in nanoseconds
}

func (h *histogram) add(d time.Duration) {
	ns := max(int64(d), 0)
	h.counts[bucketOf(uint64(ns))].Add(1)
	h.n.Add(1)
	for {
		old := h.max.Load()
		if ns <= old || h.max.CompareAndSwap(old, ns) {
			return
		}
	}
}

// bucketOf has a bucket for each value below 128, and 64 for each further power of 2.
func bucketOf(v uint64) int {
	const exact = 128
	if v < exact {
		return int(v)
	}
	shift := bits.Len64(v) - 7 // leaves 64 to 127
	return shift*64 + int(v>>shift)
}

// topOf is the greatest value in a bucket.
func topOf(i int) time.Duration {
	const exact = 128
	if i < exact {
		return time.Duration(i)
	}
	shift := i/64 - 1
	return time.Duration(uint64(i-shift*64+1)<<shift - 1)
}

// quantile returns what the share q of the durations does not exceed, rounded up to
// the bucket.
func (h *histogram) quantile(q float64) time.Duration {
	n := h.n.Load()
	if n == 0 {
		return 0
	}
	rank, seen := int64(q*float64(n)+0.5), int64(0)
	for i := range h.counts {
		if seen += h.counts[i].Load(); seen >= max(rank, 1) {
			return min(topOf(i), time.Duration(h.max.Load()))
		}
	}
	return time.Duration(h.max.Load())
}

// A spread is what a histogram has to say, in milliseconds.
type spread struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

func (h *histogram) spread() spread {
	at := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	const half, ninety, ninetyNine, thousandth = .5, .9, .99, .999
	return spread{
		at(h.quantile(half)), at(h.quantile(ninety)), at(h.quantile(ninetyNine)), at(h.quantile(thousandth)),
		at(time.Duration(h.max.Load())),
	}
}
