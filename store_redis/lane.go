package storeredis

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// laneWriters is how many pipelines are under way on a healthy lane.
	laneWriters = 2
	// laneMaxWriters bounds them where some hang on dead connections.
	laneMaxWriters = 16
	// laneBatch, laneBatchBytes and laneBatchReply bound one pipeline: how many
	// attempts, their arguments, and their replies if these may be long.
	laneBatch      = 256
	laneBatchBytes = 1 << 20
	laneBatchReply = readBytes
	// longMaxWriters bounds the pipelines with long replies. One that takes long
	// need not hang then: the line may be slow.
	longMaxWriters = 4
	// laneStuck is how long a pipeline may take before it is taken to hang, and
	// another one is let past it.
	laneStuck = 300 * time.Millisecond
)

// An attempt is one execution of a script.
type attempt struct {
	script *script
	// ops, op and deadline are of a script that changes something: the record of
	// operations, which is its first key, and its first two arguments.
	ops, op, deadline string
	keys, args        []any
	size              int
	// long and reply are as in call.
	long  longLane
	reply int
	// until is when nobody waits any more.
	until time.Time
	// done gets the outcome. It has room for it, so that sending never blocks.
	done chan outcome
}

type outcome struct {
	reply *reply // not nil if err is
	err   error
	source
}

// A source is where a reply came from.
type source struct {
	// received is when the reply was there.
	received time.Time
	// server is the run id of the server, "" if it is not asked for.
	server string
}

// A longLane is one of those for reads whose replies may be long. They have lanes
// of their own, so that nothing waits behind their replies.
type longLane int

const (
	notLong longLane = iota
	// pages are those that a client waits for.
	pages
	// fills are those of watches that catch up.
	fills
)

// A lane sends scripts to one server. What is waiting when a connection gets
// free goes out together in one pipeline; nothing waits for more to come. It
// has no goroutine while there is nothing to send.
type lane struct {
	client redis.UniversalClient
	// identity says whether it is the right server that answers; nil with a cluster.
	identity *identity
	clock    clock
	// long are its lanes for long replies, nil in those.
	long       map[longLane]*lane
	maxWriters int

	mu      sync.Mutex
	queue   []*attempt
	writers int
	// started has when each writer began its pipeline.
	started map[*time.Time]struct{}
}

func newLane(client redis.UniversalClient, identity *identity) *lane {
	return &lane{client: client, identity: identity, maxWriters: laneMaxWriters, long: map[longLane]*lane{
		pages: {client: client, identity: identity, maxWriters: longMaxWriters},
		fills: {client: client, identity: identity, maxWriters: longMaxWriters},
	}}
}

// of returns the lane itself or one of its lanes for long replies.
func (l *lane) of(long longLane) *lane {
	if long == notLong {
		return l
	}
	return l.long[long]
}

func (l *lane) send(a *attempt) {
	for _, arg := range a.args {
		switch arg := arg.(type) {
		case string:
			a.size += len(arg)
		case []byte:
			a.size += len(arg)
		}
	}
	l.mu.Lock()
	l.queue = append(l.queue, a)
	start := l.mayWrite()
	if start {
		l.writers++
	}
	l.mu.Unlock()
	if start {
		go l.write()
	}
}

// mayWrite reports whether one more writer is wanted. l.mu is held.
func (l *lane) mayWrite() bool {
	if l.writers < laneWriters {
		return true
	}
	if l.writers >= l.maxWriters {
		return false
	}
	stuck := 0
	for t := range l.started {
		if time.Since(*t) > laneStuck {
			stuck++
		}
	}
	return l.writers-stuck < laneWriters
}

// write sends what is waiting until nothing is.
func (l *lane) write() {
	for {
		// Those who are ready to send something come first: it goes with them.
		runtime.Gosched()
		l.mu.Lock()
		batch := l.take()
		if len(batch) == 0 {
			l.writers--
			l.mu.Unlock()
			return
		}
		now := time.Now()
		if l.started == nil {
			l.started = make(map[*time.Time]struct{})
		}
		l.started[&now] = struct{}{}
		l.mu.Unlock()

		l.exec(batch)

		l.mu.Lock()
		delete(l.started, &now)
		l.mu.Unlock()
	}
}

// take returns the next batch. l.mu is held.
func (l *lane) take() []*attempt {
	n, size, reply := 0, 0, 0
	for n < len(l.queue) && n < laneBatch {
		a := l.queue[n]
		size, reply = size+a.size, reply+a.reply
		if n > 0 && (size > laneBatchBytes || reply > laneBatchReply) {
			break
		}
		n++
	}
	batch := l.queue[:n:n]
	l.queue = l.queue[n:]
	if len(l.queue) == 0 {
		l.queue = nil
	}
	return batch
}

func (l *lane) exec(batch []*attempt) {
	now := time.Now()
	var until time.Time
	live := batch[:0]
	for _, a := range batch {
		if a.until.Before(now) {
			a.done <- outcome{err: context.DeadlineExceeded}
			continue
		}
		live = append(live, a)
		if a.until.After(until) {
			until = a.until
		}
	}
	if len(live) == 0 {
		return
	}
	// The pipeline ends when nobody waits for it any more, if the client's
	// options let it.
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	again := l.pipeline(ctx, merge(live), func(p redis.Pipeliner, e *execution) *redis.Cmd {
		return p.Do(ctx, e.command("evalsha", e.script.sha)...)
	})
	if len(again) == 0 {
		return
	}
	// The source of each script is sent once. If it still is not known then,
	// where a command ended up, the next try will do.
	sent := make(map[*script]bool)
	for _, e := range l.pipeline(ctx, again, func(p redis.Pipeliner, e *execution) *redis.Cmd {
		if sent[e.script] {
			return p.Do(ctx, e.command("evalsha", e.script.sha)...)
		}
		sent[e.script] = true
		return p.Do(ctx, e.command("eval", e.script.src)...)
	}) {
		e.done(nil, redis.ErrNoScript, source{})
	}
}

// pipeline executes all and returns those whose script the server does not
// know.
func (l *lane) pipeline(ctx context.Context, all []*execution, queue func(redis.Pipeliner, *execution) *redis.Cmd) (again []*execution) {
	p := l.client.Pipeline()
	var info *redis.StringCmd
	present := l.identity.present()
	if present != "" {
		info = p.Info(ctx, "server")
	}
	cmds := make([]*redis.Cmd, len(all))
	for i, e := range all {
		cmds[i] = queue(p, e)
	}
	_, _ = p.Exec(ctx) // Each command has its own error.
	from := source{received: time.Now(), server: present}
	var wrong error
	if info != nil {
		from.server, wrong = runIDOf(info)
		if wrong == nil && from.server != l.identity.present() {
			wrong = errOtherServer
		}
	}
	for i, e := range all {
		if wrong != nil {
			e.done(nil, wrong, from)
			continue
		}
		value, err := cmds[i].Result()
		if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
			again = append(again, e)
			continue
		}
		e.done(value, err, from)
	}
	return again
}
