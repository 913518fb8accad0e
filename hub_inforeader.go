package hotsock

import (
	"errors"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/store"
)

// An infoReader reads the counts of channels whose clients are sent the info, when
// they may have changed: at once, but of one channel no more often than once in
// infoPause, and of maxInfoReads channels at a time. The store says once that a count
// has changed, until it is read.
type infoReader struct {
	h *Handler

	mu       sync.Mutex
	channels map[string]*infoRead
	// failed are channels that could not be read, because the store is away, or its
	// part that has them. They are tried in turn, a few a second, and the others do
	// not wait for them.
	first, failed infoQueue
	stopped       bool
	work          sync.WaitGroup
}

// An infoRead is a channel that waits, is read, or was less than infoPause ago.
type infoRead struct {
	waits bool // in a queue: It will be read.
	again bool // It is to be read once more after that.
}

// An infoQueue has channels that wait to be read, and goroutines that read them.
type infoQueue struct {
	waiting       []string
	readers, most int
}

func newInfoReader(h *Handler) *infoReader {
	return &infoReader{
		h: h, channels: make(map[string]*infoRead),
		first: infoQueue{most: maxInfoReads}, failed: infoQueue{most: maxInfoRetries},
	}
}

// read has a channel read. It does not wait.
func (r *infoReader) read(channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch c := r.channels[channel]; {
	case c == nil:
		r.queue(&r.first, channel)
	case !c.waits:
		c.again = true
	}
}

// queue has a channel read when those before it are, unless the reader was stopped.
// r.mu is held.
func (r *infoReader) queue(q *infoQueue, channel string) {
	if r.stopped {
		return
	}
	r.channels[channel] = &infoRead{waits: true}
	q.waiting = append(q.waiting, channel)
	if q.readers < q.most {
		q.readers++
		r.work.Go(func() { r.run(q) })
	}
}

// run reads what waits until there is nothing more.
func (r *infoReader) run(q *infoQueue) {
	for {
		channel, ok := r.next(q)
		if !ok {
			return
		}
		done := r.readOnce(channel)
		r.ended(channel, done)
		if !done && q == &r.failed {
			sleep(r.h.ctx, jitter(infoPause))
		}
	}
}

// next takes the next channel out of a queue. If it returns false, the goroutine that
// reads is to end.
func (r *infoReader) next(q *infoQueue) (channel string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.h.ctx.Err() != nil || len(q.waiting) == 0 {
		q.waiting = nil
		q.readers--
		return "", false
	}
	channel, q.waiting = q.waiting[0], q.waiting[1:]
	r.channels[channel].waits = false
	return channel, true
}

// ended says what follows a read.
func (r *infoReader) ended(channel string, done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !done {
		r.queue(&r.failed, channel)
		return
	}
	time.AfterFunc(infoPause, func() { r.endPause(channel) })
}

// endPause reads the channel again if that is wanted.
func (r *infoReader) endPause(channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	again := r.channels[channel].again
	delete(r.channels, channel)
	if again {
		r.queue(&r.first, channel)
	}
}

// readOnce reports whether it did what was to be done.
func (r *infoReader) readOnce(channel string) bool {
	h := r.h
	if !h.hub.wantsInfo(channel) {
		h.node.UnwatchCount(channel)
		return true
	}
	ctx := newLazyTimeout(h.ctx, h.opts.StoreTimeout)
	defer ctx.end()
	count, err := h.node.WatchCount(ctx, channel)
	if err != nil {
		if !errors.Is(err, store.ErrUnavailable) {
			h.logger.Error("hotsock: cannot read the count of subscriptions", "err", err)
		}
		return false
	}
	h.hub.sendInfo(channel, count)
	return true
}

// stop waits until nothing is read, and begins nothing more. The handler's context has
// ended, and with it what is read.
func (r *infoReader) stop() {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.work.Wait()
}
