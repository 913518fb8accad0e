package storeredis

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

const (
	// defaultTimeout is that of calls whose context has no deadline.
	defaultTimeout = time.Second
	// maxTimeout bounds how long after its beginning an operation can take
	// effect. It must be well below what operation in operation.lua keeps.
	maxTimeout = 10 * time.Second
	// warnJump is by how much the server's clock may jump before the log tells: slow
	// answers look like smaller jumps.
	warnJump = 5 * time.Second
	// opsBucket is the time whose operations share a record, which lives for 30 s
	// after the last of them. It is short because the server frees a record at
	// once, and answers nobody meanwhile.
	opsBucket = time.Second / 4
)

// A reply is what a script returned.
type reply struct {
	status string
	// now is the server's time in milliseconds.
	now    int64
	record record
	// server is the run id of the server that it came from, "" if it is not known.
	server string
	// more is what follows the record.
	more []any
}

func (r *reply) list(i int) ([]string, error) {
	if i >= len(r.more) {
		return nil, errRecord
	}
	return stringsOf(r.more[i])
}

// A refusal is a status of a script other than ok.
type refusal string

func (r refusal) Error() string { return "storeredis: refused: " + string(r) }

const (
	refusedLate  refusal = "late"
	refusedStale refusal = "stale"
	refusedNone  refusal = "none"
	refusedFull  refusal = "full"
	refusedLater refusal = "later"
	refusedOther refusal = "other"
)

// A call is one operation: a script with its keys and arguments, without those
// that identify the operation.
type call struct {
	script *script
	part   int
	keys   []any
	args   []any
	// op identifies the operation; a random one if "".
	op string
	// kind is shortReply, or that of a read whose reply may be long. While a long
	// reply may still come, it is not asked for again: that would double the load
	// that delays it.
	kind replyKind
	// replySize is how long the reply may get, in bytes, or is taken to get where that is
	// not known; 0 if it is short. It bounds what goes together.
	replySize int
}

// oneReply is how long a reply is taken to get that has one message or entry, or the
// members of a channel that this node does not watch.
const oneReply = 16 << 10

// channelCall makes a call of a script that changes a channel. keys and args are
// those of the script beyond the common ones.
func (n *node) channelCall(sc *script, channel string, ck channelKeys, keys []any, args ...any) call {
	return call{
		script: sc, part: ck.part,
		keys: append(n.s.keys.commonKeys(ck), keys...),
		args: n.channelArgs(ck.topic(), channel, args...),
	}
}

func (n *node) channelArgs(topic, channel any, args ...any) []any {
	common := append(make([]any, 0, 5+len(args)), n.publishCommand, n.window, n.limit, topic, channel)
	return append(common, args...)
}

// readCommands are those that read.lua is given, and so cannot be found in it.
var readCommands = []string{"HGETALL", "HMGET", "HRANDFIELD", "SRANDMEMBER", "ZRANGE", "ZRANGEBYLEX"}

// A command is one of readCommands, its key and the rest.
type command []string

// readCall makes a call that returns what commands do.
func readCall(part int, commands ...command) call {
	c := call{script: readScript, part: part}
	for _, one := range commands {
		c.keys, c.args = append(c.keys, one[1]), append(c.args, strconv.Itoa(len(one)))
		for _, word := range one {
			c.args = append(c.args, word)
		}
	}
	return c
}

// do runs a call, again and again until it has an answer or the time is over.
// A script that changes something gets an operation id, so that it changes it
// once; and a deadline on the server's clock, so that it does so in time or
// never. Errors are refusals, wrap ErrUnavailable, or are bugs.
func (s *Store) do(ctx context.Context, c call) (*reply, error) {
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	if c.op == "" {
		c.op = newOp()
	}
	var bucket int64 = -1
	backoff := 10 * time.Millisecond
	for {
		r, err := s.try(ctx, &c, &bucket)
		if c.script.many && errors.Is(err, refusedLater) {
			continue // Those before it in its batch were enough for one run.
		}
		if err == nil || !retryable(err) {
			return r, err
		}
		s.topo.forget(ctx, c.part)
		select {
		case <-time.After(backoff/2 + mathrand.N(backoff)):
			backoff = min(2*backoff, 200*time.Millisecond)
		case <-ctx.Done():
			return nil, unavailable(ctx.Err(), err)
		}
	}
}

func withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	d, ok := ctx.Deadline()
	if !ok {
		return context.WithTimeout(ctx, defaultTimeout)
	}
	if time.Until(d) > maxTimeout {
		return context.WithTimeout(ctx, maxTimeout)
	}
	return ctx, func() {}
}

// newOp returns 24 random digits: what the scripts make ids from, too.
func newOp() string {
	const half = 1_000_000_000_000
	var b [26]byte // The first digit of each half is a 1.
	_ = strconv.AppendUint(b[:0], half+mathrand.Uint64N(half), 10)
	_ = strconv.AppendUint(b[13:13], half+mathrand.Uint64N(half), 10)
	return string(b[1:13]) + string(b[14:26])
}

// try runs a call once. bucket is that of the first try, -1 before.
func (s *Store) try(ctx context.Context, c *call, bucket *int64) (*reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err, nil)
	}
	pl, err := s.topo.pipeliner(ctx, c.part)
	if err != nil {
		return nil, &tryError{err}
	}
	q := &request{script: c.script, keys: c.keys, args: c.args, op: c.op, kind: c.kind, replySize: c.replySize}
	if c.script.reads {
		q.keys = append(slices.Clip(q.keys), s.keys.nothing(c.part))
	} else {
		deadline, err := s.deadline(ctx, pl, c.part)
		if err != nil {
			return nil, err
		}
		if *bucket < 0 {
			*bucket = deadline / opsBucket.Milliseconds()
		}
		part := c.part
		if c.script.many && !s.topo.bySlot() {
			part = 0 // So that what it shares with other requests is in one place.
		}
		q.ops, q.deadline = s.opsOf(part, *bucket), deadline
	}
	res, err := s.roundTrip(ctx, pl, q)
	if errors.Is(err, errOtherServer) {
		if err := pl.identity.refresh(ctx, true); err != nil {
			return nil, &tryError{err}
		}
	}
	if err != nil {
		return nil, err
	}
	r := res.reply
	r.server = res.server
	pl.clock.saw(r.now, res.received, r.status == string(refusedLate))
	if c.script == dueScript || c.script == heartbeatScript {
		s.accepted(pl, r.now, res.received)
	}
	if r.status != "ok" {
		return r, refusal(r.status)
	}
	return r, nil
}

// An opsName is what keyspace.ops has made last.
type opsName struct {
	part   int
	bucket int64
	name   string
}

// opsOf is keyspace.ops. A server has one record of operations at a time for most calls.
func (s *Store) opsOf(part int, bucket int64) string {
	last := s.ops.Load()
	if last == nil || last.part != part || last.bucket != bucket {
		last = &opsName{part, bucket, s.keys.ops(part, bucket)}
		s.ops.Store(last)
	}
	return last.name
}

// deadline returns the time on the server's clock by which a script that is
// sent now must begin, or not at all. The rest of the time is left to learn
// its result, should the reply get lost.
func (s *Store) deadline(ctx context.Context, pl *pipeliner, part int) (int64, error) {
	now := time.Now()
	d, _ := ctx.Deadline()
	at := now.Add(d.Sub(now) * 3 / 4)
	if server, ok := pl.clock.server(at); ok {
		return server, nil
	}
	res, err := s.roundTrip(ctx, pl, &request{script: readScript, keys: []any{s.keys.nothing(part)}})
	if err != nil {
		return 0, err
	}
	pl.clock.saw(res.reply.now, res.received, false)
	server, _ := pl.clock.server(at)
	return server, nil
}

// roundTrip sends a request and waits for its result, but not for as long as the
// context lasts, unless the reply may be long: a connection may be dead without a
// sign, and another try on another connection then gets through.
func (s *Store) roundTrip(ctx context.Context, pl *pipeliner, q *request) (result, error) {
	d, _ := ctx.Deadline()
	w := s.newWaiter()
	q.until, q.done = d, w.done
	pl.of(q.kind).send(q)
	res, ok := w.soon()
	if !ok {
		left := time.Until(d)
		if q.kind == shortReply {
			left = max(left/3, 50*time.Millisecond)
		}
		var late error
		if res, late = w.wait(ctx, left); late != nil {
			return result{}, late // The waiter is lost: the result may come yet.
		}
	}
	s.waiters.Put(w)
	return res.classified()
}

// A waiter waits for the result of one request, and then of another.
type waiter struct {
	timer *time.Timer
	// done has room for the result, so that sending never blocks.
	done chan result
}

func (s *Store) newWaiter() *waiter {
	if w, ok := s.waiters.Get().(*waiter); ok {
		w.timer.Reset(soonest)
		return w
	}
	return &waiter{time.NewTimer(soonest), make(chan result, 1)}
}

// soonest is how long a request waits for its result alone, and not for the end of its
// context, too: contexts can be such that waiting for them takes longer than asking Redis.
const soonest = 20 * time.Millisecond

// soon returns the result if it comes soon.
func (w *waiter) soon() (result, bool) {
	select {
	case res := <-w.done:
		w.timer.Stop()
		return res, true
	case <-w.timer.C:
		return result{}, false
	}
}

// wait returns the result if it comes before the context ends, and within the time left.
func (w *waiter) wait(ctx context.Context, left time.Duration) (result, error) {
	w.timer.Reset(left)
	defer w.timer.Stop()
	var late error
	select {
	case res := <-w.done:
		return res, nil
	case <-w.timer.C:
		late = &tryError{errors.New("no reply yet")}
	case <-ctx.Done():
		late = unavailable(ctx.Err(), nil)
	}
	select {
	case res := <-w.done: // It was there in time, and the process stood still.
		return res, nil
	default:
		return result{}, late
	}
}

// classified returns the result with its error as one of ours.
func (r result) classified() (result, error) {
	if r.err != nil {
		return r, classify(r.err)
	}
	return r, nil
}

func parseReply(v any) (*reply, error) {
	list, ok := v.([]any)
	if !ok || len(list) < 3 {
		return nil, fmt.Errorf("storeredis: a script returned %T", v)
	}
	var head [3]string
	for i := range head {
		if head[i], ok = list[i].(string); !ok {
			return nil, fmt.Errorf("storeredis: a script returned a list with %T", list[i])
		}
	}
	now, err := parseTime(head[1])
	if err != nil {
		return nil, err
	}
	return &reply{status: head[0], now: now, record: record{rest: head[2]}, more: list[3:]}, nil
}

func parseTime(s string) (int64, error) {
	now, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("storeredis: a script returned the time %q", s)
	}
	return now, nil
}

// atCapacity turns the refusal of what would be too much into the store's error.
func atCapacity(err error) error {
	if errors.Is(err, refusedFull) {
		return store.ErrCapacity
	}
	return err
}

// notFound turns the refusal of what does not exist into the store's error.
func notFound(err error) error {
	if errors.Is(err, refusedNone) {
		return store.ErrNotFound
	}
	return err
}
