package hotsock

import (
	"context"
	"errors"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/protocol"
	"github.com/hotsock-go/hotsock/internal/socket"
	"github.com/hotsock-go/hotsock/store"
)

// catchUp sends the client of a subscription what came after an item that it has
// seen, with a new snapshot. So it need not unsubscribe to catch up if its token
// subscribes the channel, or if it has dropped something. What was sent since that
// item is sent again. ops is held.
func (c *connection) catchUp(s *subscription, req *subscribeRequest, ref string) error {
	t := s.topic
	t.mu.Lock()
	s.state = subBuffering
	t.mu.Unlock()
	snap, err := c.catchUpSnapshot(s, req)

	t.mu.Lock()
	defer t.mu.Unlock()
	c.mu.Lock()
	delete(c.retries, s.channel)
	c.mu.Unlock()
	if err != nil {
		s.passItems(s.position) // as if it had not been asked for
		return err
	}
	snap.Ref = ref
	t.setFollows(s, req.memberChanges && protocol.IsPresence(s.channel))
	t.setInformed(s, req.info)
	s.goLive(snap)
	return nil
}

// catchUpSnapshot reads the snapshot of a subscription that the store knows.
func (c *connection) catchUpSnapshot(s *subscription, req *subscribeRequest) (snapshot, error) {
	ctx := c.storeContext()
	defer ctx.end()
	r, err := c.storeSubscribe(ctx, s)
	if err != nil {
		return snapshot{}, err
	}
	return c.readSnapshot(s, req, &r)
}

// mayReplay reports whether what came after an item may be read: what history
// permits, and what the subscription gets anyway.
func (s *subscription) mayReplay(after ulid.ULID) bool {
	if after.Compare(s.from) >= 0 {
		return true
	}
	start, ok := s.perms().History()
	return ok && !ulid.Time(after.Time()).Before(start)
}

// readMissed reads what came after an item, page by page, and reports whether it is
// all that is wanted. It is not if the store cannot prove that, or if it is more
// than the client may be sent at once: then nothing more of it is read.
func (c *connection) readMissed(s *subscription, after, until ulid.ULID) (missed []*store.Message, complete bool, err error) {
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
			if release = c.h.catchUps.acquire(c.h.ctx); release == nil {
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

// A catchUpReader is what those who catch up on a node have in common. Many may
// come back at once.
type catchUpReader struct {
	// slots is for those who have missed more than the first page.
	slots chan struct{}

	mu sync.Mutex
	// frames are of messages that somebody has missed, for as long as they wait for
	// anybody.
	frames map[missedKey]socket.WeakFrame
}

type missedKey struct {
	channel string
	id      ulid.ULID
	updates int64
}

func newCatchUpReader() *catchUpReader {
	return &catchUpReader{
		slots:  make(chan struct{}, maxCatchUpReads),
		frames: make(map[missedKey]socket.WeakFrame),
	}
}

// acquire waits until much may be read, and returns what ends that; nil if the
// context ended first.
func (r *catchUpReader) acquire(ctx context.Context) (release func()) {
	select {
	case r.slots <- struct{}{}:
		return func() { <-r.slots }
	case <-ctx.Done():
		return nil
	}
}

// appendFrames appends the frames of messages: those that wait for others, if
// there are any.
func (r *catchUpReader) appendFrames(frames []socket.Frame, messages []*store.Message) []socket.Frame {
	if len(messages) == 0 {
		return frames
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.frames) > maxCatchUpFrames {
		for key, weak := range r.frames {
			if weak.Frame().IsZero() {
				delete(r.frames, key)
			}
		}
	}
	for _, m := range messages {
		key := missedKey{m.Channel, m.ID, m.Updates}
		f := r.frames[key].Frame()
		if f.IsZero() {
			f = messageFrame(m)
			if len(r.frames) <= maxCatchUpFrames {
				r.frames[key] = f.Weak()
			}
		}
		frames = append(frames, f)
	}
	return frames
}
