package storeredis

import (
	"slices"
	"sync"
	"time"
)

// A clock estimates the time on a server. A deadline that is passed on to the
// server must not be too late, so the estimate is at or behind the server's
// clock: a reply left the server before it was received.
type clock struct {
	mu sync.Mutex
	// at is when the server's time was at least ms; zero if it was never seen.
	at time.Time
	ms int64
	// last is when the server was last known to accept writes, lastMS its time
	// then, and first when it was first.
	last   time.Time
	lastMS int64
	first  time.Time
	gaps   []gap
}

// A gap is a time in which the server is not known to have accepted writes, or by
// which its clock jumped.
type gap struct {
	end    time.Time
	length time.Duration
}

const (
	// clockAge is how long a measurement counts: clocks drift.
	clockAge = 10 * time.Second
	// minGap is the shortest gap that is remembered, and gapAge for how long:
	// longer than any node's timeout.
	minGap = 50 * time.Millisecond
	gapAge = time.Hour
)

// saw notes the server's time in milliseconds that came with a reply. It
// replaces what was known if it is a better bound, or if force is set.
func (c *clock) saw(ms int64, received time.Time, force bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := received.Sub(c.at)
	if force || c.at.IsZero() || ms >= c.ms+age.Milliseconds() || age > clockAge {
		c.at, c.ms = received, ms
	}
}

// accepted notes that the server accepts writes: its answers alone do not tell
// whether the nodes have been able to renew their leases. It returns by how much
// the server's clock jumped since the last time, or more than it did where answers
// were slow.
func (c *clock) accepted(ms int64, received time.Time) (jump time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first.IsZero() {
		c.first = received
	} else {
		silent := received.Sub(c.last)
		jump = time.Duration(ms-c.lastMS)*time.Millisecond - silent
		if length := max(silent, jump.Abs()); length > minGap {
			// A gap makes shorter ones before it of no interest.
			c.gaps = slices.DeleteFunc(c.gaps, func(g gap) bool {
				return g.length <= length || received.Sub(g.end) > gapAge
			})
			c.gaps = append(c.gaps, gap{received, length})
		}
	}
	if received.After(c.last) {
		c.last, c.lastMS = received, ms
	}
	return jump
}

// acceptedSince reports whether the server was known to accept writes at t or later.
func (c *clock) acceptedSince(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.last.Before(t)
}

// accepted notes that a server accepts writes, and tells the log if its clock jumped.
func (s *Store) accepted(pl *pipeliner, ms int64, received time.Time) {
	if jump := pl.clock.accepted(ms, received); jump.Abs() > warnJump {
		s.log.Warn("the clock of Redis jumped, or this node stood still: what Redis keeps for a time may expire earlier or later", "by", jump)
	}
}

// server returns the server's time at t of our clock in milliseconds, and
// false if it was never seen.
func (c *clock) server(t time.Time) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ms + t.Sub(c.at).Milliseconds(), !c.at.IsZero()
}

// steadyFor returns for how long the server has accepted writes without a gap longer
// than the one given, and with a clock that did not jump by more.
func (c *clock) steadyFor(longest time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := c.first
	for _, g := range c.gaps {
		if g.length > longest && g.end.After(since) {
			since = g.end
		}
	}
	if since.IsZero() {
		return 0
	}
	return c.last.Sub(since)
}
