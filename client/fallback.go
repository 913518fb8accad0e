package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// enough is how many attempts must fail in a row before no WebSocket seems to get
	// through where one did: servers that restart fail some.
	enough = 3
	// firstTrial is the longest time until a WebSocket is tried again, longestTrial that
	// after many that did not get through.
	firstTrial   = time.Minute
	longestTrial = time.Hour
)

// A fallback says whether the next attempt to connect is made by a WebSocket or by a
// feed. Each attempt is of one kind, so a server that is away is not asked more often.
type fallback struct {
	feed    bool
	worked  bool      // a WebSocket connected, and no feed since
	failed  int       // how many attempts by WebSocket, in a row
	trials  int       // how often the next one was put off
	trialAt time.Time // when a WebSocket is tried again; zero before a feed has connected
}

// next returns true for a feed.
func (f *fallback) next(now time.Time) bool {
	if !f.trialAt.IsZero() && !now.Before(f.trialAt) {
		f.feed = false
	}
	return f.feed
}

// connected notes that an attempt succeeded.
func (f *fallback) connected(now time.Time) {
	if !f.feed {
		*f = fallback{worked: true}
		return
	}
	f.worked = false
	if f.trialAt.IsZero() {
		f.postpone(now)
	}
}

// postpone puts the next trial off, each time for longer.
func (f *fallback) postpone(now time.Time) {
	wait := min(longestTrial, firstTrial<<(2*min(f.trials, 8)))
	f.trials++
	f.trialAt = now.Add(wait/2 + rand.N(wait/2))
}

// mute notes that a WebSocket carried the server's first frame and no answer after that,
// as through some proxies. It has cost much time, and is reason enough.
func (f *fallback) mute() { f.feed, f.trialAt = true, time.Time{} }

// refused notes that an attempt failed, and whether one of the other kind may not.
func (f *fallback) refused(isBlocked bool) {
	switch {
	case f.feed && (isBlocked || f.trialAt.IsZero()):
		*f = fallback{worked: f.worked} // None gets through: that says nothing against WebSockets.
	case f.feed || !isBlocked:
	default:
		f.failed++
		if !f.worked || f.failed >= enough {
			f.feed, f.trialAt = true, time.Time{}
		}
	}
}

const (
	// lookEvery is how often a client looks whether commands wait for answers, before it
	// moves; looks is how often at most while it keeps a WebSocket for that.
	lookEvery = 250 * time.Millisecond
	looks     = 20
)

var errMoved = errors.New("hotsock: moved to a WebSocket")

// goBack tries WebSockets beside a feed, and returns one that is to take its place, nil if
// the feed has ended before.
func (c *Client) goBack(n *conn, kind *fallback) *conn {
	for sleep(n.ctx, time.Until(kind.trialAt)) {
		for !n.isIdle() {
			if !sleep(n.ctx, lookEvery) {
				return nil
			}
		}
		found, err := c.connect(n.ctx, new(fallback))
		if err == nil && found.answers(n.ctx) && n.retire() {
			*kind = fallback{worked: true}
			return found
		}
		if err == nil {
			found.link.cut()
		}
		kind.postpone(time.Now())
	}
	return nil
}

// answers reports whether the server answers a ping on a connection that is not used yet.
// What comes before is kept.
func (n *conn) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, n.c.opts.ConnectTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { n.cancel(errSilent) })
	ping, err := (&command{Event: "hotsock.ping"}).encode()
	if err == nil {
		err = n.link.write(n, [][]byte{ping})
	}
	for size := 0; err == nil && size <= n.c.opts.MaxQueueSize; {
		var b []byte
		var f *frame
		if b, err = n.link.read(ctx); err == nil {
			f, err = decodeFrame(b)
		}
		if err == nil && f.Event == eventPong {
			return stop()
		}
		n.early = append(n.early, b)
		size += len(b)
	}
	stop()
	return false
}

// isIdle reports whether no command waits for its answer.
func (n *conn) isIdle() bool {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	return len(n.pending) == 0
}

// retire ends the connection for another one as soon as nothing would notice. It returns
// false if that takes too long.
func (n *conn) retire() bool {
	for range looks {
		if n.tryRetire() {
			return true
		}
		if !sleep(n.ctx, lookEvery) {
			break
		}
	}
	return false
}

func (n *conn) tryRetire() bool {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	if n.c.conn != n || len(n.pending) > 0 {
		return false
	}
	n.c.conn = nil // Commands wait for the next one.
	n.cancel(errMoved)
	return true
}
