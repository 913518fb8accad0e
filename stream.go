package hotsock

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A Stream is a message that is being written: see [Handler.Stream]. All its methods may
// be called concurrently.
//
// Its goroutine is the only one that gives the store anything. It has the whole text, and
// so finds out after any failure how much of it the store has.
type Stream struct {
	h                *Handler
	who              source
	channel, exclude string
	event, uid       string // of the message
	before, after    []byte // of the text, in the message's data
	units            int    // of the text that the message had first, in UTF-16
	unheard          time.Duration
	id               ulid.ULID
	record           string // key in the reserved channel

	ctx    context.Context
	cancel context.CancelCauseFunc
	wake   chan struct{}
	ended  chan struct{} // closed when the store will be given nothing more
	writer chan struct{} // has one element while somebody writes, so that nothing comes in between

	// Of the goroutine.
	version int64
	offset  int // in the text of what is not sent, in UTF-16 code units
	heard   time.Time
	lastly  time.Time // when something was sent

	mu        sync.Mutex
	changed   chan struct{} // closed when anything below has changed, nil if nobody waits
	text      []byte        // all of it, as in the message's data
	sent      int           // of these bytes, what the store has
	flushTo   int           // so many are to be sent at once
	partial   string        // the beginning of a character
	final     []byte        // state at the end, nil before it is known
	foreign   int64         // version of the message that somebody else has changed, 0 for none
	over      bool          // the store has the end, or will not get it
	failed    error         // what Close returns, unless it is nil
	listeners int
}

func newStream(h *Handler, m *serverMessage, tail, units int) *Stream {
	at := len(m.data) - tail
	return &Stream{
		h: h, who: source{Trigger: triggerGo}, channel: m.channel, exclude: m.exclude, event: m.event, uid: senderOf(m.from),
		before: m.data[:at], after: m.data[at:], record: ulid.Make().String(), wake: make(chan struct{}, 1),
		ended: make(chan struct{}), writer: make(chan struct{}, 1), version: 1, offset: units, units: units,
	}
}

// wakeUp has the goroutine look at what is to be done. mu is held, here and below.
func (s *Stream) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// awaitChange waits until something has changed.
func (s *Stream) awaitChange() {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	changed := s.changed
	s.mu.Unlock()
	<-changed
	s.mu.Lock()
}

func (s *Stream) change() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// err is what whoever wants to write is told.
func (s *Stream) err() error {
	if cause := context.Cause(s.ctx); cause != nil {
		return cause
	}
	return refuse(CodeUnavailable)
}

// end has the stream end with a state, unless it has begun to. mu is held.
func (s *Stream) end(state []byte, cause error) {
	if s.final != nil {
		return
	}
	s.final = state
	s.cancel(cause)
	s.change()
	s.wakeUp()
}

// fail ends a stream that cannot go on. What Close has begun comes to nothing then. mu is
// held.
func (s *Stream) fail(state []byte, cause error) {
	if bytes.Equal(s.final, wire.StreamComplete) {
		s.final = state
	}
	s.end(state, cause)
	s.failed = cause
}

// stop ends the stream before it is complete.
func (s *Stream) stop(reason string, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(wire.AppendAborted(nil, reason), cause)
}

// finish is what Close and Abort do.
func (s *Stream) finish(state []byte, cause error) error {
	s.mu.Lock()
	s.end(state, cause)
	s.mu.Unlock()
	wait := time.NewTimer(streamEndWait)
	defer wait.Stop()
	select {
	case <-s.ended:
	case <-wait.C:
		return refuse(CodeUnavailable)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cause := context.Cause(s.ctx); !errors.Is(cause, ErrStreamEnded) {
		return cause
	}
	return s.failed
}

// run gives the store what is written, until the end.
func (s *Stream) run() {
	defer close(s.ended)
	ctx := s.h.streams.ctx
	for b := (backoff{}); ; {
		if !s.await(ctx) {
			s.giveUp()
			return
		}
		done, err := s.send(ctx)
		switch {
		case done:
			return
		case err == nil:
			b = backoff{}
		default:
			if !errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil {
				s.h.logger.Error("hotsock: a stream failed and is tried again", "channel", s.channel, "message", s.id, "err", err)
			}
			b.sleep(ctx)
		}
	}
}

// giveUp ends a stream whose end the store could not be given.
func (s *Stream) giveUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(wire.StreamLost, refuse(CodeUnavailable))
	s.over = true
	s.change()
}

// await waits until something is to be sent, and false if ctx ended before.
func (s *Stream) await(ctx context.Context) bool {
	for ctx.Err() == nil {
		wait := s.wait()
		if wait == 0 {
			return true
		}
		t := time.NewTimer(wait)
		select {
		case <-s.wake:
		case <-t.C:
			s.checkHeard(ctx)
		case <-ctx.Done():
		}
		t.Stop()
	}
	return false
}

// wait is how long nothing is to be sent, unless something changes.
func (s *Stream) wait() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.lastly.Add(leastFlushPause)
	switch {
	case s.final != nil:
		return 0
	case len(s.text) == s.sent:
		if s.unheard > 0 {
			return max(time.Millisecond, time.Until(s.heard.Add(s.unheard)))
		}
		return time.Hour
	case s.flushTo <= s.sent && !s.lastly.IsZero():
		at = s.h.streams.meet(at, s.lastly.Add(max(streamPause, time.Duration(len(s.text))*streamPauseByte)))
	}
	return max(0, time.Until(at))
}

// checkHeard ends a stream to which nobody has listened for too long.
func (s *Stream) checkHeard(ctx context.Context) {
	s.mu.Lock()
	due := s.unheard > 0 && time.Since(s.heard) >= s.unheard
	were := s.listeners
	s.mu.Unlock()
	if !due {
		return
	}
	limited := newLazyTimeout(ctx, s.h.opts.StoreTimeout)
	info, err := s.h.node.Channel(limited, s.channel)
	limited.end()
	switch {
	case err != nil:
		s.heard = time.Now() // Who listens is not known.
	case info.Count == 0 && were == 0:
		s.stop("unheard", ErrUnheard)
	default:
		s.noteListeners(info.Count)
	}
}

// noteListeners notes how many there are. If there are none, nobody knows since when, but
// that they are not missed longer than that.
func (s *Stream) noteListeners(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 || s.listeners > 0 {
		s.heard = time.Now()
	}
	s.listeners = n
}

// send gives the store what it lacks, and the end if that is known. It returns true if
// that was the end.
func (s *Stream) send(ctx context.Context) (done bool, err error) {
	s.mu.Lock()
	piece, final, foreign := s.text[s.sent:], s.final, s.foreign
	s.mu.Unlock()
	if final == nil && len(piece) == 0 {
		return false, nil
	}
	version, tail := s.version, len(s.after)
	if foreign > 0 { // Only the end goes to what is not ours any more.
		piece, version, tail = nil, foreign, 0
	}
	res, err := s.h.writes.editOnce(ctx, &s.who, s.edit(piece, version, tail, final))
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.lose(refuse(CodeMessageNotFound))
		return true, nil
	case errors.Is(err, store.ErrConflict):
		return s.compare(ctx)
	case err != nil:
		return false, err
	}
	s.lastly = time.Now()
	s.noteListeners(res.Subscriptions)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = res.Version
	s.offset += wire.TextUnits(piece)
	s.sent += len(piece)
	s.over = final != nil
	s.change()
	return s.over, nil
}

// edit is the request that appends a piece, and sets the state at the end.
func (s *Stream) edit(piece []byte, version int64, tail int, final []byte) store.EditRequest {
	r := store.EditRequest{
		Channel: s.channel, Message: s.id, Append: true, Data: piece, Tail: tail, IfVersion: version, Stream: final,
		Notice: store.PublishRequest{Channel: s.channel, Event: wire.EventMessageAppended, Exclude: s.exclude},
	}
	r.Notice.Data, r.NoticeEnd = wire.AppendAppendData(nil, wire.Appended{
		MessageID: s.id, Offset: s.offset, Version: version + 1, Stream: final,
	})
	return r
}

// compare finds out how much of the text the store has: what was sent may be there
// though nobody said so, or the store may have lost some of it.
func (s *Stream) compare(ctx context.Context) (done bool, err error) {
	m, err := s.h.reads.keptMessage(ctx, s.channel, s.id)
	if e, ok := errors.AsType[*Error](err); ok && e.Code == CodeMessageNotFound {
		s.lose(e)
		return true, nil
	}
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ours := bytes.CutPrefix(m.Data, s.before)
	if ours {
		text, ours = bytes.CutSuffix(text, s.after)
	}
	// A store that was rolled back has an old version, too.
	ours = ours && bytes.HasPrefix(s.text, text) && (len(text) >= s.sent || m.Version() <= s.version)
	switch {
	case !wire.IsStreamOpen(m.Stream):
		if ours && bytes.Equal(m.Stream, s.final) {
			s.sent = len(text)
		} else {
			s.fail(m.Stream, refuseBecause(CodeConflict, "the stream was ended elsewhere"))
		}
		s.over = true
		s.change()
		return true, nil
	case !ours:
		s.foreign = m.Version()
		_, s.offset, _ = wire.FindText(m.Data)
		s.fail(wire.AppendAborted(nil, "changed"), refuseBecause(CodeConflict, "somebody has changed the message"))
		return false, nil
	}
	s.lastly = time.Now() // What it lacks is not more urgent for that.
	s.version, s.sent = m.Version(), len(text)
	s.offset = s.units + wire.TextUnits(text)
	s.change()
	return false, nil
}

// lose ends a stream whose message is gone.
func (s *Stream) lose(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(wire.StreamLost, cause)
	s.over = true
	s.change()
}
