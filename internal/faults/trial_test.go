package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/need"
)

// A fault is something that goes wrong, tried a number of times.
type fault struct {
	// short and full are the numbers of trials by default and with -full.
	short, full int
	// first is the seed of the first trial by default. Tests that share kinds of
	// faults begin with different ones, so that few trials have all kinds.
	first uint64
	// parallel is how many trials run at a time.
	parallel int
	trial    func(*trial)
}

// trialTime bounds a trial, so that one which hangs is reported.
const trialTime = 4 * time.Minute

func (f fault) run(t *testing.T) {
	t.Helper()
	n, first := f.short, f.first
	if *fullFlag {
		n, first = f.full, rand.Uint64N(1e9)
	}
	if *trialsFlag > 0 {
		n = *trialsFlag
	}
	if *seedFlag >= 0 {
		first = uint64(*seedFlag)
	}
	began := time.Now()
	var (
		next    atomic.Int64
		workers sync.WaitGroup
		sum     summary
	)
	for range min(f.parallel, n) {
		workers.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(n) || t.Context().Err() != nil {
					return
				}
				tr := newTrial(t, first+uint64(i))
				tr.run(f.trial)
				sum.add(tr)
			}
		})
	}
	workers.Wait()
	t.Logf("%d trials, %d failed, seeds from %d, %v\n%s", n, sum.failed, first, time.Since(began).Round(time.Second), sum.figures())
}

// A trial is one try of a fault. Its methods may be called concurrently, but
// for random choices and fatalf, which are for its own goroutine.
type trial struct {
	*rand.Rand

	t    *testing.T
	ctx  context.Context
	seed uint64
	// name is used by no other trial: for channels and prefixes. With the same seed it
	// is the same, so that the same server of a cluster has them.
	name  string
	began time.Time
	// failover is true if Sentinels let a server take over that may lack what was
	// acknowledged.
	failover bool

	mu       sync.Mutex
	timeline []string
	failures []string
	nodes    []*node
	cleanups []func()
	times    map[string][]time.Duration
	counts   map[string]int
}

// needsServers skips what starts nodes and Redis servers with -short, and where
// there is no Redis.
func needsServers(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short: starts nodes and Redis servers")
	}
	need.Program(t, "redis-server", "redis-server")
}

func newTrial(t *testing.T, seed uint64) *trial {
	t.Helper()
	needsServers(t)
	return &trial{
		Rand: rand.New(rand.NewPCG(seed, 0)), t: t, seed: seed, began: time.Now(),
		name:  fmt.Sprintf("%s-%09d", strings.TrimPrefix(t.Name(), "Test"), seed),
		times: make(map[string][]time.Duration), counts: make(map[string]int),
	}
}

func (tr *trial) run(f func(*trial)) {
	ctx, cancel := context.WithTimeout(tr.t.Context(), trialTime)
	defer cancel()
	tr.ctx = ctx
	done := make(chan struct{})
	go func() { // fatalf ends it
		defer close(done)
		defer tr.cleanup()
		f(tr)
	}()
	<-done
	if ctx.Err() != nil {
		tr.failf("the trial took longer than %v", trialTime)
	}
	if len(tr.failures) > 0 {
		tr.t.Error(tr.report())
	}
}

func (tr *trial) cleanup() {
	for _, f := range slices.Backward(tr.cleanups) {
		f()
	}
}

// onEnd runs f when the trial ends, last ones first.
func (tr *trial) onEnd(f func()) { tr.cleanups = append(tr.cleanups, f) }

// logf notes a step on the timeline.
func (tr *trial) logf(format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.timeline = append(tr.timeline, fmt.Sprintf("%8.3f  ", time.Since(tr.began).Seconds())+fmt.Sprintf(format, args...))
}

// failf notes a broken promise. The trial goes on.
func (tr *trial) failf(format string, args ...any) {
	tr.logf("FAILED: "+format, args...)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.failures = append(tr.failures, fmt.Sprintf(format, args...))
}

// fatalf is failf, and ends the trial.
func (tr *trial) fatalf(format string, args ...any) {
	tr.failf(format, args...)
	runtime.Goexit()
}

// took notes a figure.
func (tr *trial) took(what string, d time.Duration) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.times[what] = append(tr.times[what], d)
}

// count adds to a figure.
func (tr *trial) count(what string, n int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.counts[what] += n
}

// kind chooses one of n kinds. Seeds follow one another, so as many trials have each.
func (tr *trial) kind(n int) int { return int(tr.seed % uint64(n)) }

// between returns a random duration.
func (tr *trial) between(least, most time.Duration) time.Duration {
	return least + time.Duration(tr.Int64N(int64(most-least)+1))
}

// sleep ends early only with the trial.
func (tr *trial) sleep(d time.Duration) { pause(tr.ctx, d) }

// within waits until the condition holds, and returns how long that took.
func (tr *trial) within(limit time.Duration, what string, holds func() bool) time.Duration {
	began := time.Now()
	for !holds() {
		if time.Since(began) > limit || tr.ctx.Err() != nil {
			tr.failf("%s: not within %v", what, limit)
			return time.Since(began)
		}
		pause(tr.ctx, 10*time.Millisecond)
	}
	return time.Since(began)
}

const (
	// maxLines bounds the timeline and each log that a failure prints.
	maxLines = 60
	maxFails = 12
)

func (tr *trial) report() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, trial %s: %d failures\n", tr.seed, tr.name, len(tr.failures))
	for _, f := range tr.failures[:min(maxFails, len(tr.failures))] {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	fmt.Fprintf(&b, "timeline, from %s:\n%s\n", tr.began.Format(time.StampMilli), lastLines(tr.timeline))
	for _, n := range tr.nodes {
		fmt.Fprintf(&b, "log of node %s:\n%s\n", n.name, lastLines(strings.Split(n.Log.String(), "\n")))
	}
	return b.String()
}

func lastLines(lines []string) string {
	if skip := len(lines) - maxLines; skip > 0 {
		lines = append([]string{fmt.Sprintf("(%d lines)", skip)}, lines[skip:]...)
	}
	return "  " + strings.Join(lines, "\n  ")
}

// pause sleeps for d, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
