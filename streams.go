package hotsock

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/recent"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// streamChannel is the reserved channel of the streams. It must never change. An entry
// there is a stream that has not ended, by a key of its own, or asks to stop that of the
// message whose id follows stopMark.
const (
	streamChannel = "#streams"
	stopMark      = "stop."
)

// A streamRecord is the value of an entry.
type streamRecord struct {
	Node    string `json:"node"`
	Channel string `json:"channel"`
	// Message is zero until the message is published: with the entry's key, so that its
	// id can be found.
	Message ulid.ULID `json:"message,omitzero"`
}

// streams are those that this node writes, and what it knows of others: while there are
// any, it looks whether their nodes are alive, and ends those of the dead.
type streams struct {
	h       *Handler
	channel *reservedChannel
	ctx     context.Context // of what is written
	cancel  context.CancelFunc
	lookCtx context.Context
	endLook context.CancelFunc
	began   time.Time

	mu       sync.Mutex
	own      map[string]*Stream // by record
	byID     map[ulid.ULID]*Stream
	starting int             // of own, those whose message has no id yet
	early    map[string]bool // ids of messages to stop that may be of these
	seen     recent.Cache[stoppableID, stoppable]
	others   map[string]string // the node by record, "" if it is not known yet, or noNode
	looking  bool
	stopped  bool // no more are begun, or looked after
	work     sync.WaitGroup
	looks    sync.WaitGroup
}

func newStreams(h *Handler) *streams {
	st := &streams{
		h: h, own: make(map[string]*Stream), byID: make(map[ulid.ULID]*Stream), others: make(map[string]string),
		began: time.Now(),
		seen:  recent.New[stoppableID, stoppable](maxStoppable),
	}
	// Not of h.ctx: the ends of streams are worth a moment even if there is no time.
	st.ctx, st.cancel = context.WithCancel(context.Background())
	st.lookCtx, st.endLook = context.WithCancel(h.ctx)
	st.channel = &reservedChannel{
		name: streamChannel, timeout: h.opts.StoreTimeout, logger: h.logger, ctx: st.lookCtx, learn: st.learn, forget: st.forget,
		missing: func(map[string]bool) map[string]time.Duration { return nil }, // with them, the store has lost the messages
	}
	return st
}

// begin publishes the message of a stream, and starts it. The record is there before, so
// that no message is open of which nobody knows.
func (st *streams) begin(ctx context.Context, s *Stream, m serverMessage) error {
	st.mu.Lock()
	if st.stopped {
		st.mu.Unlock()
		return refuseBecause(CodeUnavailable, "shutting down")
	}
	st.own[s.record] = s
	st.starting++
	st.work.Add(1)
	st.mu.Unlock()
	err := st.save(ctx, s)
	if err == nil {
		m.dedup, m.stream = streamDedup(s.record), wire.StreamOpen
		var out publishResult
		out, err = st.h.writes.serverPublish(ctx, &s.who, &m)
		s.id = out.id
	}
	s.heard = time.Now()
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	st.mu.Lock()
	defer st.mu.Unlock()
	stop := st.early[s.id.String()]
	if st.starting--; st.starting == 0 {
		st.early = nil
	}
	if err != nil {
		s.cancel(nil)
		delete(st.own, s.record)
		code := asError(err).Code
		if (code == CodeUnavailable || code == CodeInternal) && !errors.Is(err, store.ErrOlderNode) { // It may be published.
			st.lookAfter(s.record, noNode)
		} else {
			st.channel.remove([]string{s.record})
		}
		st.work.Done()
		return err
	}
	st.byID[s.id] = s
	go st.run(ctx, s)
	switch {
	case st.stopped:
		s.stop("shutdown", errShuttingDown)
	case stop:
		s.stop("stopped", ErrStreamStopped)
	}
	return nil
}

var errShuttingDown = refuseBecause(CodeUnavailable, "shutting down")

// meet returns when a stream is to send what would be due at a time: at a moment that the
// streams of this node have in common, one in each streamPause, so that what they send
// takes the store little more than what one does. It is before that time, unless that
// would be too early.
func (st *streams) meet(early, due time.Time) time.Time {
	at := due.Add(-(due.Sub(st.began) % streamPause))
	if at.Before(early) {
		at = at.Add(streamPause)
	}
	return at
}

// streamDedup is what the message of a stream is published with, so that it can be found.
func streamDedup(record string) string { return "\xffstream\xff" + record }

func (st *streams) save(ctx context.Context, s *Stream) error {
	value, err := json.Marshal(streamRecord{Node: st.h.node.ID(), Channel: s.channel, Message: s.id})
	if err != nil {
		return err
	}
	return st.set(ctx, store.SetRequest{
		Channel: streamChannel, Key: s.record, Value: value, Digest: wire.Digest(value), Retention: store.Forever,
	})
}

func (st *streams) set(ctx context.Context, q store.SetRequest) error {
	limited := newLazyTimeout(ctx, st.h.opts.StoreTimeout)
	defer limited.end()
	_, err := st.h.node.Set(limited, q)
	return err
}

// retry calls f until it succeeds, or the node stops.
func (st *streams) retry(f func() error) {
	var b backoff
	for f() != nil {
		if !b.sleep(st.ctx) {
			return
		}
	}
}

// run is the goroutine of a stream. ctx is that of who began it.
func (st *streams) run(ctx context.Context, s *Stream) {
	defer st.work.Done()
	keep := context.AfterFunc(ctx, func() { s.stop("canceled", context.Cause(ctx)) })
	st.retry(func() error { return st.save(st.ctx, s) })
	s.run()
	keep()
	st.mu.Lock()
	delete(st.byID, s.id)
	st.mu.Unlock()
	st.retry(func() error { return st.set(st.ctx, store.SetRequest{Channel: streamChannel, Key: s.record}) })
	st.mu.Lock()
	delete(st.own, s.record)
	st.mu.Unlock()
}

// learn is told of records whenever they are written.
func (st *streams) learn(records []string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, record := range records {
		if text, stops := strings.CutPrefix(record, stopMark); stops {
			id, _ := ulid.ParseStrict(text)
			if s := st.byID[id]; s != nil {
				s.stop("stopped", ErrStreamStopped)
			} else if st.starting > 0 && len(st.early) < maxEarlyStops {
				if st.early == nil {
					st.early = make(map[string]bool)
				}
				st.early[text] = true
			}
			continue
		}
		if st.own[record] == nil {
			st.lookAfter(record, st.others[record])
		}
	}
}

// noNode writes those of this node that nobody will write.
const noNode = "-"

// lookAfter has a stream of another node, or of noNode, be ended when the node is dead.
// mu is held.
func (st *streams) lookAfter(record, node string) {
	if st.stopped {
		return
	}
	st.others[record] = node
	if !st.looking {
		st.looking = true
		st.looks.Go(st.look)
	}
}

func (st *streams) forget(record string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.others, record)
}

// stopLooking begins no more streams, and looks after no others. shutDown ends those of
// this node; wait returns when all has ended.
func (st *streams) stopLooking() {
	st.channel.stop()
	st.mu.Lock()
	st.stopped = true
	st.mu.Unlock()
	st.endLook()
}

func (st *streams) shutDown() {
	st.mu.Lock()
	for _, s := range st.byID {
		s.stop("shutdown", errShuttingDown)
	}
	st.mu.Unlock()
	late := time.AfterFunc(st.h.opts.StoreTimeout, st.cancel)
	defer late.Stop()
	st.work.Wait()
}

func (st *streams) wait() {
	st.cancel()
	st.channel.wait()
	st.looks.Wait()
}
