package hotsock

import (
	"context"
	"crypto/subtle"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// A connectionSet has the connections of this node.
type connectionSet struct {
	mu   sync.RWMutex
	byID map[string]*connection
	// added counts all that ever were.
	added uint64
	// refusing says that none is added any more.
	refusing bool
	// running counts those whose end is not complete.
	running sync.WaitGroup
}

func (set *connectionSet) init() { set.byID = make(map[string]*connection) }

// add returns false if none is added any more. A connection that was added must
// call ended once it has told the store of its end.
func (set *connectionSet) add(c *connection) bool {
	set.mu.Lock()
	defer set.mu.Unlock()
	if set.refusing {
		return false
	}
	set.running.Add(1)
	set.byID[c.id] = c
	set.added++
	return true
}

func (set *connectionSet) remove(c *connection) {
	set.mu.Lock()
	defer set.mu.Unlock()
	delete(set.byID, c.id)
}

// get returns the connection, or nil.
func (set *connectionSet) get(id string) *connection {
	set.mu.RLock()
	defer set.mu.RUnlock()
	return set.byID[id]
}

func (set *connectionSet) all() []*connection {
	set.mu.RLock()
	defer set.mu.RUnlock()
	all := make([]*connection, 0, len(set.byID))
	for _, c := range set.byID {
		all = append(all, c)
	}
	return all
}

// each calls f for each connection.
func (set *connectionSet) each(f func(c *connection)) {
	set.mu.RLock()
	defer set.mu.RUnlock()
	for _, c := range set.byID {
		f(c)
	}
}

// ofUser returns the connections of a user.
func (set *connectionSet) ofUser(uid string) []*connection {
	var its []*connection
	set.each(func(c *connection) {
		if c.uid() == uid {
			its = append(its, c)
		}
	})
	return its
}

// online returns how many connections each of the users has, if any.
func (set *connectionSet) online(uids []string) map[string]int {
	wanted := make(map[string]bool, len(uids))
	for _, uid := range uids {
		wanted[uid] = uid != "" // "" is nobody
	}
	counts := make(map[string]int)
	set.each(func(c *connection) {
		if uid := c.uid(); wanted[uid] {
			counts[uid]++
		}
	})
	return counts
}

// authenticated returns a connection if the secret is its own, and it was not thrown out.
func (set *connectionSet) authenticated(id string, secret []byte) (*connection, error) {
	c := set.get(id)
	if c == nil || subtle.ConstantTimeCompare(c.secret[:], secret) != 1 || c.endsAtOnce() {
		return nil, refuse(CodeUnauthorized)
	}
	return c, nil
}

// forCall returns a connection on whose behalf the client's HTTP API is called.
// That counts against its rate limit.
func (set *connectionSet) forCall(id string, secret []byte) (*connection, error) {
	c, err := set.authenticated(id, secret)
	if err != nil {
		return nil, err
	}
	if !c.limiter.tolerates() {
		c.flooded()
		return nil, refuse(CodeRateLimited)
	}
	return c, c.limiter.take()
}

// ended counts the end of a connection.
func (set *connectionSet) ended() { set.running.Done() }

// refuse has no connection added any more.
func (set *connectionSet) refuse() {
	set.mu.Lock()
	defer set.mu.Unlock()
	set.refusing = true
}

// drainRate is how many connections are closed per second, since their clients may
// come back at once; more only where that would take longer than it may. drainTime is
// how long that is for a shutdown whose context has no deadline.
const (
	drainRate = 1000
	drainTime = 20 * time.Second
)

// drain closes the connections, some at a time until ctx ends, and returns when all
// have ended.
func (set *connectionSet) drain(ctx context.Context) {
	closeSome(ctx, set.all(), reasonShutdown, drainTime)
	set.running.Wait()
}

// spread is how long closing so many connections takes. With a deadline, half of the
// time is left for what they had begun, and for the last to end; otherwise it is at most
// the time given.
func spread(ctx context.Context, count int, most time.Duration) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		most = time.Until(end) / 2
	}
	return max(0, min(time.Duration(count)*time.Second/drainRate, most))
}

// closeSome closes connections, some at a time, until ctx ends.
func closeSome(ctx context.Context, conns []*connection, reason closeReason, most time.Duration) {
	spread := spread(ctx, len(conns), most)
	for i, c := range conns {
		if ctx.Err() != nil {
			break
		}
		c.close(reason)
		if pause := spread / time.Duration(len(conns)); i%drainBatch == drainBatch-1 && pause > 0 {
			sleep(ctx, pause*drainBatch)
		}
	}
}

// closeHeldBy closes the connections whose requests a server waits for.
func (set *connectionSet) closeHeldBy(ctx context.Context, server *http.Server) {
	var held []*connection
	set.each(func(c *connection) {
		if c.feed != nil && c.feed.server == server {
			held = append(held, c)
		}
	})
	closeSome(ctx, held, reasonShutdown, drainTime)
}

// cut ends all network connections at once.
func (set *connectionSet) cut() {
	for _, c := range set.all() {
		c.sock.Cut()
	}
}

// drainBatch is how many are closed without a pause.
const drainBatch = 10

// endedAtOnce is how many connections are changed at a time.
const endedAtOnce = 32

// eachConnection calls f for each of the connections, some at a time.
func eachConnection(conns []*connection, f func(c *connection)) {
	var g errgroup.Group
	g.SetLimit(endedAtOnce)
	for _, c := range conns {
		g.Go(func() error {
			f(c)
			return nil
		})
	}
	_ = g.Wait() // f returns no errors
}
