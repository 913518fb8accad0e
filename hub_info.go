package hotsock

import (
	"errors"
	"sync"
	"time"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// This file is about clients that are sent the info of a channel: how many
// subscriptions it has, with their snapshot and whenever that has changed
// (docs/protocol.md#how-many-are-subscribed).

// permitInfo refuses a subscribe that asks for the info without permission.
func (req *subscribeRequest) permitInfo(perms *permission.Channel) error {
	if !req.info {
		return nil
	}
	return (&access{perms: perms}).permitInfo()
}

// setInformed makes a subscription of the topic one whose client is sent the info, or
// not. The topic's lock must be held.
func (t *topic) setInformed(s *subscription, informed bool) {
	switch {
	case s.informed == informed:
		return
	case informed:
		t.informed++
	default:
		t.informed--
	}
	s.informed = informed
	if t.informed == 0 {
		s.conn.h.infos.read(t.channel) // finds that nobody wants it
	}
}

// inform notes the count of the snapshot that the client was sent, and has it looked
// at again: it may have changed meanwhile. The topic's lock must be held.
func (s *subscription) inform(count int) {
	if s.informed {
		s.shownCount = count
		s.conn.h.infos.read(s.channel)
	}
}

func (s *subscription) isInformed() bool {
	s.topic.mu.Lock()
	defer s.topic.mu.Unlock()
	return s.informed
}

// wantsInfo reports whether clients of a channel here are sent its info.
func (h *hub) wantsInfo(channel string) bool {
	t := h.topic(channel)
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.informed > 0
}

// sendInfo sends the count to those who were sent another one. The frame is built
// once, for all.
func (h *hub) sendInfo(channel string, count int) {
	t := h.topic(channel)
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var frame socket.Frame
	for _, s := range t.subs {
		// Others are sent a snapshot next, which has the count.
		if !s.informed || !s.told || s.gap || s.shownCount == count {
			continue
		}
		if frame.IsZero() {
			frame = channelInfoFrame(channel, count)
		}
		s.shownCount = count
		s.conn.sock.Send(frame)
	}
}

func channelInfoFrame(channel string, count int) socket.Frame {
	return socket.Finish(wire.AppendInfo(socket.Start(frameRoom), channel, count))
}

// An infoReader reads the counts of channels whose clients are sent the info, when
// they may have changed: at once, but of one channel no more often than once in
// infoPause. The store says once that a count has changed, until it is read.
type infoReader struct {
	h *Handler

	mu       sync.Mutex
	channels map[string]*infoRead
	stopped  bool
	work     sync.WaitGroup
}

// An infoRead is a channel that is read, or was less than infoPause ago.
type infoRead struct {
	again bool // It is to be read once more after that.
}

func newInfoReader(h *Handler) *infoReader {
	return &infoReader{h: h, channels: make(map[string]*infoRead)}
}

// read has a channel read. It does not wait.
func (r *infoReader) read(channel string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.channels[channel]; c != nil {
		c.again = true
		return
	}
	r.start(channel, new(infoRead))
}

// start reads a channel, unless the reader was stopped. r.mu is held.
func (r *infoReader) start(channel string, c *infoRead) {
	if r.stopped {
		return
	}
	c.again = false
	r.channels[channel] = c
	r.work.Go(func() {
		done := r.readOnce(channel)
		r.mu.Lock()
		defer r.mu.Unlock()
		c.again = c.again || !done
		time.AfterFunc(infoPause, func() { r.endPause(channel, c) })
	})
}

// endPause reads the channel again if that is wanted.
func (r *infoReader) endPause(channel string, c *infoRead) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.channels, channel)
	if c.again {
		r.start(channel, c)
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

// stop reads no more, and waits until nothing is read.
func (r *infoReader) stop() {
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	r.work.Wait()
}
