package hotsock

import (
	"context"
	"errors"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/store"
)

// missed reads what came after an item, page by page, and reports whether it is
// all that is wanted. It is not if the store cannot prove that, or if it is more
// than the client may be sent at once: then nothing more of it is read.
func (c *connection) missed(s *subscription, after, until ulid.ULID) (missed []*store.Message, complete bool, err error) {
	room := c.sock.Room()
	if c.replayTimedOut || s.topic.exceeded(after) {
		return nil, false, nil
	}
	r := store.ReplayRequest{Channel: s.channel, After: after, Until: until, MaxBytes: firstReplayPage}
	var release func() // nil while it is little
	for size := 0; ; r.MaxBytes = replayPage {
		r.Limit, r.MaxBytes = c.h.opts.ReplayLimit-len(missed), min(r.MaxBytes, room-size)
		if r.Limit < 1 || r.MaxBytes < 1 {
			break
		}
		page, err := c.h.reads.replay(c.h.ctx, r)
		if errors.Is(err, context.DeadlineExceeded) {
			c.replayTimedOut = true
			return nil, false, nil
		}
		if err != nil || !page.Complete {
			return nil, false, err
		}
		missed = append(missed, page.Messages...)
		for _, m := range page.Messages {
			size += m.Size()
			r.After = m.ID
		}
		if !page.More {
			return missed, true, nil
		}
		if release == nil {
			if release = c.h.missed.acquire(c.h.ctx); release == nil {
				return nil, false, nil
			}
			defer release()
		}
	}
	if room == c.h.opts.MaxQueueSize {
		s.topic.exceed(after)
	}
	return nil, false, nil
}

// A missedReader is what those who catch up on a node have in common. Many may
// come back at once.
type missedReader struct {
	// slots is for those who have missed more than the first page.
	slots chan struct{}

	mu sync.Mutex
	// frames are of messages that somebody has missed, for as long as they wait for
	// anybody.
	frames map[missedMessage]socket.WeakFrame
}

type missedMessage struct {
	channel string
	id      ulid.ULID
}

func newMissedReader() *missedReader {
	return &missedReader{
		slots:  make(chan struct{}, maxMissedReads),
		frames: make(map[missedMessage]socket.WeakFrame),
	}
}

// acquire waits until much may be read, and returns what ends that; nil if the
// context ended first.
func (r *missedReader) acquire(ctx context.Context) (release func()) {
	select {
	case r.slots <- struct{}{}:
		return func() { <-r.slots }
	case <-ctx.Done():
		return nil
	}
}

// appendFrames appends the frames of messages: those that wait for others, if
// there are any.
func (r *missedReader) appendFrames(frames []socket.Frame, messages []*store.Message) []socket.Frame {
	if len(messages) == 0 {
		return frames
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.frames) > maxMissedFrames {
		for key, weak := range r.frames {
			if weak.Frame().IsZero() {
				delete(r.frames, key)
			}
		}
	}
	for _, m := range messages {
		key := missedMessage{m.Channel, m.ID}
		f := r.frames[key].Frame()
		if f.IsZero() {
			f = messageFrame(m)
			if len(r.frames) <= maxMissedFrames {
				r.frames[key] = f.Weak()
			}
		}
		frames = append(frames, f)
	}
	return frames
}
