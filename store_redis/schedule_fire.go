package storeredis

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

const (
	// fireBatch and fireBytes bound what one script fires, so that the server does
	// nothing else for a millisecond or two, and not more.
	fireBatch = 64
	fireBytes = 256 << 10
	// laterAgain is how long a node waits for another that is firing a schedule.
	laterAgain = 10 * time.Millisecond
	// failedAgain is when schedules are tried again that could not be fired.
	failedAgain = time.Second
	// unreadableAgain is when a schedule that could not be read is tried again: a
	// node of another version may be able to.
	unreadableAgain = time.Minute
)

// A firing is a node's part in firing schedules.
type firing struct {
	fired func(store.Fired)

	mu      sync.Mutex
	stopped bool
	// queue is what is to be reported; reporting is true while a goroutine does.
	queue     []store.Fired
	reporting bool
	// busy counts batches of schedules, and the goroutine that reports.
	busy sync.WaitGroup
}

// begin reports whether the node takes part still; then busy.Done is owed.
func (f *firing) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped {
		f.busy.Add(1)
	}
	return !f.stopped
}

func (f *firing) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.busy.Wait()
}

// report calls fired, one call at a time, and keeps nobody waiting for it. The
// caller has begun.
func (f *firing) report(one store.Fired) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, one)
	if f.reporting {
		return
	}
	f.reporting = true
	f.busy.Go(func() {
		for {
			f.mu.Lock()
			if len(f.queue) == 0 {
				f.reporting = false
				f.mu.Unlock()
				return
			}
			next := f.queue[0]
			f.queue = f.queue[1:]
			f.mu.Unlock()
			f.fired(next)
		}
	})
}

// fire carries out a batch of a partition's schedules that are due, given as id
// and body in turn, in their order. Other nodes may try the same at the same
// time: the script lets one of them. It returns false if this node does not take
// part, and in how long it is to be tried again if not all could be carried out.
func (d *scheduler) fire(ctx context.Context, n *node, p int, due []string) (takesPart bool, again time.Duration) {
	f := d.of(n)
	if f == nil || !f.begin() {
		return false, 0
	}
	defer f.busy.Done()
	b := newDueBatch(n, p)
	for i := 0; i+1 < len(due); i += 2 {
		q, blob, err := decodeSchedule(p, due[i], due[i+1])
		if err != nil {
			b.deferUnreadable(due[i], due[i+1], err)
			continue
		}
		b.add(q, due[i+1], blob)
	}
	if len(b.schedules) == 0 {
		return true, 0
	}
	r, err := d.s.do(ctx, b.call())
	if err != nil {
		if ctx.Err() == nil {
			n.s.log.Warn("schedules could not be fired yet", "group", groupOf(p), "count", len(b.schedules), "err", err)
		}
		return true, failedAgain
	}
	return true, b.report(r, f)
}

// A dueBatch is schedules of one partition that are fired by one script, and
// what it is given of them.
type dueBatch struct {
	n         *node
	part      int
	schedules []dueSchedule
	channels  map[string]int // their numbers, from 1
	// keys and topics are those of the channels, dedups the deduplication's keys,
	// and todo the arguments for each schedule.
	keys, topics, dedups, todo []any
}

// A dueSchedule is one of a batch: a schedule, or why there is none to be read.
type dueSchedule struct {
	id         string
	schedule   *store.Schedule
	unreadable error
}

func newDueBatch(n *node, p int) *dueBatch {
	return &dueBatch{n: n, part: p, channels: make(map[string]int)}
}

// add appends a schedule. Its body ends with the blob.
func (b *dueBatch) add(q *store.Schedule, body, blob string) {
	k := &b.n.s.keys
	ck := k.channel(q.Channel())
	number := b.channels[q.Channel()]
	if number == 0 {
		number = len(b.channels) + 1
		b.channels[q.Channel()] = number
		b.keys = append(b.keys, k.commonKeys(ck)...)
		b.keys = append(b.keys, ck.entries(), ck.entryOrder(), ck.entryExpiry(), ck.schedules())
		b.topics = append(b.topics, ck.topic(), q.Channel())
	}
	how := strconv.Itoa(len(body) - len(blob) + 1)
	if p := q.Publish; p != nil {
		dedupFor, dedup := int64(0), 0
		if p.DedupID != "" {
			b.dedups = append(b.dedups, ck.dedup(p.DedupID))
			dedupFor, dedup = max(1, millis(p.DedupFor)), len(b.dedups)
		}
		how = pack(how, decimal(millis(p.Retention)), decimal(dedupFor), strconv.Itoa(dedup))
	} else {
		s := q.Set
		how = pack(how, decimal(millis(s.Retention)), s.Key, s.Digest, flag(s.Emit), flag(s.Value == nil))
	}
	id := q.ID.String()
	b.schedules = append(b.schedules, dueSchedule{id: id, schedule: q})
	b.todo = append(b.todo, id, body, strconv.Itoa(number), how)
}

// deferUnreadable appends a schedule that cannot be read, to be made due later, so
// that it holds up no others. The node that does so tells of it.
func (b *dueBatch) deferUnreadable(id, body string, why error) {
	b.schedules = append(b.schedules, dueSchedule{id: id, unreadable: why})
	b.todo = append(b.todo, id, body, "0", decimal(millis(unreadableAgain)))
}

func (b *dueBatch) call() call {
	k := &b.n.s.keys
	keys := append([]any{k.schedules(b.part), k.scheduleBodies(b.part), k.expired(b.part)}, b.keys...)
	args := []any{b.n.publishCommand, b.n.window, b.n.limit, strconv.Itoa(len(b.channels))}
	return call{
		script: fireScript, part: b.part,
		keys: append(keys, b.dedups...), args: slices.Concat(args, b.topics, b.todo),
	}
}

// report tells what was fired, and returns in how long the rest is to be tried
// again, 0 if there is none.
func (b *dueBatch) report(r *reply, f *firing) (again time.Duration) {
	log := b.n.s.log
	for _, due := range b.schedules {
		q := due.schedule
		status, result := r.record.next(), reply{record: record{rest: r.record.next()}}
		switch status {
		case "ok":
			if q == nil {
				log.Error("malformed schedule, deferred", "group", groupOf(b.part), "id", due.id, "err", due.unreadable)
				continue
			}
			fired := store.Fired{Schedule: q}
			var err error
			if q.Publish != nil {
				fired.Publish, err = publishResult(&result)
			} else {
				fired.Set, err = setResult(q.Set, &result)
			}
			if err != nil {
				log.Error("malformed reply", "script", fireScript.name)
				continue
			}
			f.report(fired)
		case string(refusedLater):
			again = max(again, laterAgain)
		case string(refusedNone):
		default:
			log.Error("a schedule could not be fired", "id", due.id, "err", result.record.rest)
			again = failedAgain
		}
	}
	return again
}
