package webhook

import (
	"container/heap"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/internal/httpurl"
)

// maxQueueBytes is how much of an endpoint's events may wait.
const maxQueueBytes = 16 << 20

// maxBackoff bounds the pauses between attempts.
const maxBackoff = 5 * time.Minute

// reportEvery is how often drops are logged at the most.
const reportEvery = time.Minute

// restAfter is how many failures in a row speak against the endpoint, and not
// against what it was sent.
const restAfter = 5

// An endpoint is one of Options.Endpoints, and what it has yet to be sent.
type endpoint struct {
	sink  *Sink
	url   string
	host  string // for logs
	keys  []Key
	types map[string]bool // nil is all

	workers sync.WaitGroup

	mu    sync.Mutex
	ready *sync.Cond // something to do may have come up
	queue jobs
	// busy and size are how many jobs are being sent, and how many bytes
	// these and the queue have.
	busy, size int
	stats      Stats // without Waiting
	unreported int   // drops
	reported   time.Time
	failures   int // in a row
	rest       time.Time
	stopping   bool
}

// A job is an event on its way.
type job struct {
	id, typ string
	body    []byte
	attempt int // made so far
	due     time.Time
}

// jobs is a heap, by due; what is equally due is in the order of ids.
type jobs []*job

func (q jobs) Len() int { return len(q) }
func (q jobs) Less(i, j int) bool {
	if !q[i].due.Equal(q[j].due) {
		return q[i].due.Before(q[j].due)
	}
	return q[i].id < q[j].id
}
func (q jobs) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *jobs) Push(x any)   { *q = append(*q, x.(*job)) }
func (q *jobs) Pop() any {
	old := *q
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return j
}

func newEndpoint(s *Sink, o *Endpoint) (*endpoint, error) {
	u, err := httpurl.Parse(o.URL)
	switch {
	case err != nil: // It would show the URL.
		return nil, errors.New("the URL cannot be read")
	case u.Scheme != "https" && (u.Scheme != "http" || !s.opts.AllowHTTP):
		return nil, errors.New("the URL is not https (Options.AllowHTTP permits http)")
	case u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("the URL has no host, or a user or a fragment")
	case len(o.Keys) == 0:
		return nil, errors.New("there are no keys")
	case slices.ContainsFunc(o.Keys, func(k Key) bool { return !k.signs() }):
		return nil, errors.New("a key cannot sign")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !guard(s.opts.AllowNetworks).allows(a) {
		return nil, refuse(a)
	}
	e := &endpoint{sink: s, url: u.String(), host: u.Host, keys: slices.Clone(o.Keys)}
	e.ready = sync.NewCond(&e.mu)
	for _, t := range o.Types {
		if e.types == nil {
			e.types = make(map[string]bool)
		}
		e.types[t] = true
	}
	return e, nil
}

func (e *endpoint) wants(typ string) bool { return e.types == nil || e.types[typ] }

// start starts as many goroutines as requests may be made at the same time.
func (e *endpoint) start() {
	for range e.sink.opts.Concurrency {
		e.workers.Go(e.work)
	}
	context.AfterFunc(e.sink.ctx, e.wake)
}

func (e *endpoint) wake() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ready.Broadcast()
}

// push queues a new event.
func (e *endpoint) push(j *job) error {
	j.due = time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.stopping:
		return ErrShutdown
	case e.stats.Disabled:
		e.stats.Dropped++ // as was said when it was disabled
		return nil
	case len(e.queue)+e.busy >= e.sink.opts.QueueSize || e.size+len(j.body) > maxQueueBytes:
		e.stats.Dropped++
		e.unreported++
		return nil
	}
	if time.Since(e.reported) >= reportEvery {
		e.reportDropped()
	}
	e.size += len(j.body)
	heap.Push(&e.queue, j)
	e.ready.Signal()
	return nil
}

func (e *endpoint) reportDropped() {
	if e.unreported > 0 {
		e.sink.opts.Logger.Error("webhook: the endpoint fell behind, events were dropped", "host", e.host, "dropped", e.unreported)
		e.unreported, e.reported = 0, time.Now()
	}
}

// work sends one event after the other.
func (e *endpoint) work() {
	for {
		j := e.take()
		if j == nil {
			return
		}
		j.attempt++
		e.finish(j, e.sink.send(e.sink.ctx, e, j.id, j.body))
	}
}

// take waits for something to send, and returns nil when there will be nothing.
func (e *endpoint) take() *job {
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		if e.sink.ctx.Err() != nil || e.stopping && len(e.queue)+e.busy == 0 {
			return nil
		}
		if len(e.queue) == 0 {
			e.ready.Wait()
			continue
		}
		due := e.queue[0].due
		if due.Before(e.rest) {
			due = e.rest
		}
		if wait := time.Until(due); wait > 0 {
			t := time.AfterFunc(wait, e.wake)
			e.ready.Wait()
			t.Stop()
			continue
		}
		e.busy++
		return heap.Pop(&e.queue).(*job)
	}
}

// finish decides what becomes of an event that was sent.
func (e *endpoint) finish(j *job, err error) {
	if isGone(err) {
		e.disable()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	// Others wait for what there is to do, or for the end.
	defer e.ready.Broadcast()
	e.busy--
	switch {
	case e.stats.Disabled:
		e.size -= len(j.body)
		e.count(err)
	case err == nil:
		e.size -= len(j.body)
		e.failures = 0
		e.stats.Delivered++
	case e.sink.ctx.Err() != nil:
		heap.Push(&e.queue, j) // to be counted as lost
	default:
		e.failed(j, err)
	}
}

// failed queues an event again, or gives it up.
func (e *endpoint) failed(j *job, err error) {
	log := e.sink.opts.Logger
	pause := e.sink.backoff(j.attempt)
	e.failures++
	if e.failures >= restAfter {
		e.restFor(e.sink.backoff(e.failures - restAfter + 1))
	}
	if status, ok := errors.AsType[*statusError](err); ok && status.retryAfter > 0 {
		pause = max(pause, status.retryAfter)
		e.restFor(status.retryAfter)
	}
	if j.attempt >= e.sink.opts.MaxAttempts {
		e.size -= len(j.body)
		e.stats.GivenUp++
		log.Error("webhook: an event was given up", "host", e.host, "type", j.typ, "id", j.id, "attempts", j.attempt, "err", err)
		return
	}
	log.Warn("webhook: an event was not accepted", "host", e.host, "type", j.typ, "id", j.id, "attempt", j.attempt, "again_in", pause, "err", err)
	j.due = time.Now().Add(pause)
	heap.Push(&e.queue, j)
}

// restFor leaves the endpoint alone.
func (e *endpoint) restFor(d time.Duration) {
	if until := time.Now().Add(d); until.After(e.rest) {
		e.rest = until
	}
}

// backoff is the pause after an attempt.
func (s *Sink) backoff(attempt int) time.Duration {
	d := s.opts.RetryAfter
	for range attempt - 1 {
		if d >= maxBackoff {
			break
		}
		d *= 2
	}
	d = min(d, maxBackoff)
	return d/2 + rand.N(d)
}

// isGone reports whether an endpoint wants nothing any more.
func isGone(err error) bool {
	status, ok := errors.AsType[*statusError](err)
	return ok && status.code == http.StatusGone
}

// disable ends sending, and forgets what was queued.
func (e *endpoint) disable() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stats.Disabled {
		return
	}
	e.stats.Disabled = true
	e.stats.Dropped += len(e.queue)
	e.sink.opts.Logger.Error("webhook: the endpoint is gone; nothing more is sent to it", "host", e.host, "dropped", len(e.queue))
	for _, j := range e.queue {
		e.size -= len(j.body)
	}
	e.queue = nil
	e.ready.Broadcast()
}

func (e *endpoint) isDisabled() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats.Disabled
}

// counted counts what was sent without a queue.
func (e *endpoint) counted(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count(err)
}

func (e *endpoint) count(err error) {
	if err == nil {
		e.stats.Delivered++
	} else {
		e.stats.GivenUp++
	}
}

func (e *endpoint) snapshot() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.stats
	s.Waiting = len(e.queue) + e.busy
	return s
}

// stop takes no more events; what is queued is still sent.
func (e *endpoint) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.stopping {
		e.stopping = true
		e.reportDropped()
	}
	e.ready.Broadcast()
}
