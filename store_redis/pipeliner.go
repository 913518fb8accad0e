package storeredis

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// pipelineWriters is how many pipelines are under way while all get answers.
	pipelineWriters = 2
	// maxPipelineWriters bounds them where some hang on dead connections.
	maxPipelineWriters = 16
	// pipelineRequests, pipelineBytes and pipelineReplyBytes bound one pipeline: how
	// many requests, their arguments, and their replies if these may be long.
	pipelineRequests   = 256
	pipelineBytes      = 1 << 20
	pipelineReplyBytes = readBytes
	// maxLongWriters bounds the pipelines with long replies. One that takes long
	// need not hang then: the line may be slow.
	maxLongWriters = 4
	// pipelineStuck is how long a pipeline may take before it is taken to hang, and
	// another one is let past it.
	pipelineStuck = 300 * time.Millisecond
)

// A request is one try of a call: one execution of its script.
type request struct {
	script *script
	// ops, op and deadline are of a script that changes something: the record of
	// operations, which is its first key, and its first two arguments.
	ops, op    string
	deadline   int64
	keys, args []any
	size       int
	// kind and replySize are as in call.
	kind      replyKind
	replySize int
	// until is when nobody waits any more.
	until time.Time
	// done gets the result, once. It is a waiter's.
	done chan result
}

// A result is what came of a request.
type result struct {
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

// A replyKind says which pipeliner a request belongs to. Reads whose replies may be
// long have pipeliners of their own, so that nothing waits behind their replies.
type replyKind int

const (
	shortReply replyKind = iota
	// pageReply is a long one that a client waits for.
	pageReply
	// fillReply is a long one for a watch that catches up.
	fillReply
)

// A pipeliner sends scripts to one server. What is waiting when a connection gets
// free goes out together in one pipeline; nothing waits for more to come. It
// has no goroutine while there is nothing to send.
type pipeliner struct {
	client redis.UniversalClient
	// identity says whether it is the right server that answers; nil with a cluster.
	identity *identity
	clock    clock
	// long has the pipeliners for long replies, and is nil in those.
	long       map[replyKind]*pipeliner
	maxWriters int

	mu      sync.Mutex
	queue   []*request
	writers int
	// replyBytes bounds the replies of the next pipeline. Where they may be long, it
	// is what the line has lately carried within pipelineStuck.
	replyBytes int
	// started has when each writer began its pipeline.
	started map[*time.Time]struct{}
}

func newPipeliner(client redis.UniversalClient, identity *identity) *pipeliner {
	long := func() *pipeliner {
		return &pipeliner{client: client, identity: identity, maxWriters: maxLongWriters, replyBytes: oneReply}
	}
	return &pipeliner{
		client: client, identity: identity, maxWriters: maxPipelineWriters, replyBytes: pipelineReplyBytes,
		long: map[replyKind]*pipeliner{pageReply: long(), fillReply: long()},
	}
}

// of returns the pipeliner for replies of a kind.
func (pl *pipeliner) of(kind replyKind) *pipeliner {
	if kind == shortReply {
		return pl
	}
	return pl.long[kind]
}

func (pl *pipeliner) send(r *request) {
	for _, arg := range r.args {
		switch arg := arg.(type) {
		case string:
			r.size += len(arg)
		case []byte:
			r.size += len(arg)
		}
	}
	pl.mu.Lock()
	pl.queue = append(pl.queue, r)
	start := pl.mayWrite()
	if start {
		pl.writers++
	}
	pl.mu.Unlock()
	if start {
		go pl.write()
	}
}

// mayWrite reports whether one more writer is wanted. pl.mu is held.
func (pl *pipeliner) mayWrite() bool {
	if pl.writers < pipelineWriters {
		return true
	}
	if pl.writers >= pl.maxWriters {
		return false
	}
	stuck := 0
	for t := range pl.started {
		if time.Since(*t) > pipelineStuck {
			stuck++
		}
	}
	return pl.writers-stuck < pipelineWriters
}

// write sends what is waiting until nothing is.
func (pl *pipeliner) write() {
	for {
		// Those who are ready to send something come first: it goes with them.
		runtime.Gosched()
		pl.mu.Lock()
		requests := pl.take()
		if len(requests) == 0 {
			pl.writers--
			pl.mu.Unlock()
			return
		}
		now := time.Now()
		if pl.started == nil {
			pl.started = make(map[*time.Time]struct{})
		}
		pl.started[&now] = struct{}{}
		pl.mu.Unlock()

		pl.exec(requests)

		pl.mu.Lock()
		delete(pl.started, &now)
		pl.adapt(time.Since(now))
		pl.mu.Unlock()
	}
}

// adapt has the next pipeline return less after one that took long, and more after
// another. Else what is under way on a slow line takes longer than anybody waits for
// it, and is in vain. pl.mu is held.
func (pl *pipeliner) adapt(took time.Duration) {
	switch {
	case pl.long != nil:
	case took > pipelineStuck:
		pl.replyBytes = max(pl.replyBytes/2, oneReply)
	default:
		pl.replyBytes = min(2*pl.replyBytes, pipelineReplyBytes)
	}
}

// take returns the requests of the next pipeline. pl.mu is held.
func (pl *pipeliner) take() []*request {
	n, size, replySize := 0, 0, 0
	for n < len(pl.queue) && n < pipelineRequests {
		r := pl.queue[n]
		size, replySize = size+r.size, replySize+r.replySize
		if n > 0 && (size > pipelineBytes || replySize > pl.replyBytes) {
			break
		}
		n++
	}
	next := pl.queue[:n:n]
	pl.queue = pl.queue[n:]
	if len(pl.queue) == 0 {
		pl.queue = nil
	}
	return next
}

func (pl *pipeliner) exec(requests []*request) {
	now := time.Now()
	var until time.Time
	live := requests[:0]
	for _, r := range requests {
		if r.until.Before(now) {
			r.done <- result{err: context.DeadlineExceeded}
			continue
		}
		live = append(live, r)
		if r.until.After(until) {
			until = r.until
		}
	}
	if len(live) == 0 {
		return
	}
	// The pipeline ends when nobody waits for it any more, if the client's
	// options let it.
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	again := pl.pipeline(ctx, batches(live), func(p redis.Pipeliner, b *batch) *redis.Cmd {
		return p.Do(ctx, b.command("evalsha", b.script.sha)...)
	})
	if len(again) == 0 {
		return
	}
	// The source of each script is sent once. If it still is not known then,
	// where a command ended up, the next try will do.
	sent := make(map[*script]bool)
	for _, b := range pl.pipeline(ctx, again, func(p redis.Pipeliner, b *batch) *redis.Cmd {
		if sent[b.script] {
			return p.Do(ctx, b.command("evalsha", b.script.sha)...)
		}
		sent[b.script] = true
		return p.Do(ctx, b.command("eval", b.script.src)...)
	}) {
		b.done(nil, redis.ErrNoScript, source{})
	}
}

// pipeline executes all and returns those whose script the server does not
// know.
func (pl *pipeliner) pipeline(ctx context.Context, all []*batch, queue func(redis.Pipeliner, *batch) *redis.Cmd) (again []*batch) {
	p := pl.client.Pipeline()
	var info *redis.StringCmd
	present := pl.identity.present()
	if present != "" {
		info = p.Info(ctx, "server")
	}
	cmds := make([]*redis.Cmd, len(all))
	for i, b := range all {
		cmds[i] = queue(p, b)
	}
	_, _ = p.Exec(ctx) // Each command has its own error.
	from := source{received: time.Now(), server: present}
	var wrong error
	if info != nil {
		from.server, wrong = runIDOf(info)
		if wrong == nil && from.server != pl.identity.present() {
			wrong = errOtherServer
		}
	}
	for i, b := range all {
		if wrong != nil {
			b.done(nil, wrong, from)
			continue
		}
		value, err := cmds[i].Result()
		if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
			again = append(again, b)
			continue
		}
		b.done(value, err, from)
	}
	return again
}
