package hotsock

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/hotsock-go/hotsock/internal/recent"
	"github.com/hotsock-go/hotsock/internal/wire"
)

// A RateLimit bounds how much is accepted. The zero value is no limit.
type RateLimit struct {
	// PerSecond is how many are accepted a second, on average.
	PerSecond float64
	// Burst is how many are accepted at once, after a pause. Defaults to
	// PerSecond, but at least 1.
	Burst int
}

func (l *RateLimit) setDefaults() {
	if l.PerSecond > 0 && l.Burst == 0 {
		l.Burst = max(1, int(min(math.Ceil(l.PerSecond), math.MaxInt32)))
	}
}

// valid reports whether it is a limit or none. Whoever sets a burst and no rate
// has forgotten something.
func (l RateLimit) valid() bool {
	if l.PerSecond == 0 {
		return l.Burst == 0
	}
	return l.PerSecond > 0 && !math.IsInf(l.PerSecond, 1) && l.Burst > 0
}

func (l RateLimit) on() bool { return l.PerSecond > 0 }

func (l RateLimit) limiter(factor int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(l.PerSecond*float64(factor)), l.Burst*factor)
}

// floodFactor is how many times its limit a client may send, and be refused,
// before it is disconnected: no client that reads its answers comes near it.
const floodFactor = 10

// unlimited are the commands that are never refused: what keeps a connection
// alive, and what makes it cost less. They touch no store, but for an
// unsubscribe, and each of those that do was paid for by its subscribe.
//
// A subscribe is no less limited than other commands, but it is carried out
// later instead of never, as hotsock-js needs it: see [connection.subscribe].
var unlimited = map[string]bool{
	wire.EventPing:        true,
	wire.EventPong:        true,
	wire.EventHeartbeat:   true,
	wire.EventUnsubscribe: true,
	wire.EventSubscribe:   true,
}

// A rateLimiter holds a connection to its limits. nil is none.
type rateLimiter struct {
	// own limit of the connection, and that of its user; nil for none.
	own, user *rate.Limiter
	// flood counts all that the client sends, also what is not limited.
	flood *rate.Limiter
}

// take counts a command, and refuses it if it exceeds a limit.
func (r *rateLimiter) take() error {
	if r == nil {
		return nil
	}
	now := time.Now()
	for _, l := range []*rate.Limiter{r.own, r.user} {
		if l == nil || l.AllowN(now, 1) {
			continue
		}
		e := refuse(CodeRateLimited)
		missing := (1 - l.TokensAt(now)) / float64(l.Limit())
		e.retry = max(time.Duration(missing*float64(time.Second)), 1)
		return e
	}
	return nil
}

// charge counts what a command does besides, as so many further commands. It is
// carried out in any case; what the client sends next waits for it.
func (r *rateLimiter) charge(commands int) {
	if r == nil {
		return
	}
	now := time.Now()
	for _, l := range []*rate.Limiter{r.own, r.user} {
		if l == nil {
			continue
		}
		for left := commands; left > 0; left -= l.Burst() {
			l.ReserveN(now, min(left, l.Burst()))
		}
	}
}

// tolerates counts whatever the client sends, and reports whether it has not
// gone too far.
func (r *rateLimiter) tolerates() bool { return r == nil || r.flood.Allow() }

// rateLimiters make those of the connections of this node. nil is for no limits.
type rateLimiters struct {
	connection, user RateLimit

	mu sync.Mutex
	// users who are connected.
	users map[string]*userLimit
	// departed are the limiters of users who were, and might come back for a new
	// burst.
	departed recent.Cache[string, *rate.Limiter]
}

type userLimit struct {
	limiter     *rate.Limiter
	connections int
}

func newRateLimiters(connection, user RateLimit) *rateLimiters {
	if !connection.on() && !user.on() {
		return nil
	}
	return &rateLimiters{
		connection: connection, user: user,
		users:    make(map[string]*userLimit),
		departed: recent.New[string, *rate.Limiter](maxDepartedUsers),
	}
}

// open returns the rate limiter of a new connection. It must be followed by close.
func (ts *rateLimiters) open(uid string) *rateLimiter {
	if ts == nil {
		return nil
	}
	var l rateLimiter
	if ts.connection.on() {
		l.own, l.flood = ts.connection.limiter(1), ts.connection.limiter(floodFactor)
	}
	if !ts.user.on() || uid == "" {
		if l.flood == nil {
			return nil
		}
		return &l
	}
	if l.flood == nil {
		l.flood = ts.user.limiter(floodFactor)
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	u := ts.users[uid]
	if u == nil {
		u = &userLimit{}
		var ok bool
		if u.limiter, ok = ts.departed.Get(uid); ok {
			ts.departed.Remove(uid)
		} else {
			u.limiter = ts.user.limiter(1)
		}
		ts.users[uid] = u
	}
	u.connections++
	l.user = u.limiter
	return &l
}

// close ends what open began, for a connection of that user.
func (ts *rateLimiters) close(uid string) {
	if ts == nil || !ts.user.on() || uid == "" {
		return
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	u := ts.users[uid]
	if u.connections--; u.connections > 0 {
		return
	}
	delete(ts.users, uid)
	if u.limiter.Tokens() < float64(ts.user.Burst) {
		ts.departed.Add(uid, u.limiter, 1)
	}
}
