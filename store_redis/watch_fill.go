package storeredis

import (
	"context"
	"strconv"
	"time"
)

const (
	// fillItems is how many items one read of a channel that catches up takes.
	fillItems = 600
	// firstFill is how many bytes the first one takes: most have missed little,
	// and many of those go in one pipeline. Each further one takes twice as many,
	// up to readBytes, or half as many if the one before took longer than fillTime.
	firstFill = 16 << 10
	fillTime  = time.Second
	// fillTimeout is how long one read may take. Its bytes may come over a slow
	// line, and nobody waits for it.
	fillTimeout = 5 * time.Second
	// fillRetry is how long to wait after a read that failed; longer after each
	// one, up to a second.
	fillRetry    = 50 * time.Millisecond
	maxFillRetry = time.Second
)

// A span is what a channel has had after some item.
type span struct {
	newest string
	// items by id, and whether there are more after them.
	items []heard
	more  bool
	// listSize is how many bytes the members take in a reply, roughly.
	listSize int64
	now      int64
}

// where reads where a watched channel is.
func (s *Store) where(ctx context.Context, w *watch) (span, error) {
	return s.read(ctx, w.readAfterCall("", 0))
}

// readAfter reads what a watched channel has had after an item, in so many bytes.
func (s *Store) readAfter(ctx context.Context, w *watch, after string, size int) (span, error) {
	ctx, cancel := context.WithTimeout(ctx, fillTimeout)
	defer cancel()
	if after == "" {
		after = "0-0" // A channel that had no item yet may have had its first ones.
	}
	c := w.readAfterCall(after, size)
	c.kind, c.replySize = fillReply, size
	return s.read(ctx, c)
}

func (w *watch) readAfterCall(after string, size int) call {
	ck := w.keys
	return call{
		script: readAfterScript, part: ck.part,
		keys: []any{ck.state(), ck.log(), ck.changes(), ck.order(), ck.bodies(), ck.members(), ck.erased()},
		args: []any{after, strconv.Itoa(fillItems), strconv.Itoa(size)},
	}
}

func (s *Store) read(ctx context.Context, c call) (span, error) {
	r, err := s.do(ctx, c)
	if err != nil {
		return span{}, err
	}
	out := span{newest: r.record.next(), more: r.record.flag(), now: r.now}
	// What members count for is not always bytes, but nearly.
	out.listSize = memberSize*r.record.int() + r.record.int()
	flat, err := r.list(0)
	if err != nil {
		return out, err
	}
	for i := 0; i+2 < len(flat); i += 3 {
		h := heard{flat[i], flat[i+1], flat[i+2]}
		if before, item := splitBody(h.item); item != h.item {
			h.before, h.item = before, item
		}
		out.items = append(out.items, h)
	}
	return out, r.record.err()
}

// catchUp makes a watch that is not live catch up. The stripe is held.
func (n *node) catchUp(w *watch) {
	if w.filling || !w.placed {
		w.again = true
		return
	}
	w.filling = true
	n.goRun(func() { n.fill(w) })
}

// fill reads what a watch has missed until it is live again.
func (n *node) fill(w *watch) {
	release := n.fills.take(n.ctx, w.keys.part)
	if release == nil {
		return
	}
	defer release()
	stripe := &n.stripes[w.keys.part]
	size, pause := firstFill, fillRetry
	for !w.ended.Load() {
		stripe.Lock()
		after := w.at
		w.again = false
		stripe.Unlock()
		began := time.Now()
		got, err := n.s.readAfter(n.ctx, w, after, size)
		if err == nil && broken(after, got) {
			err = n.lose(w, after, got)
			if err == nil {
				return
			}
		} else if err == nil {
			stripe.Lock()
			for _, h := range got.items {
				n.deliver(w, h)
			}
			done := !got.more && !w.again && n.release(w)
			if done {
				w.filling = false
			}
			stripe.Unlock()
			if done {
				return
			}
			pause = fillRetry
			if time.Since(began) < fillTime {
				size = min(2*size, readBytes)
			} else {
				size = max(size/2, firstFill)
			}
			continue
		}
		size = firstFill
		if !sleep(n.ctx, pause) {
			return
		}
		pause = min(2*pause, maxFillRetry)
	}
}

// broken reports whether what was read does not continue from an item: then
// items may be missing, or the item itself is not of the history that Redis has
// now.
func broken(after string, got span) bool {
	at := after
	for _, h := range got.items {
		if h.before != at {
			return true
		}
		at = h.id
	}
	return !got.more && at != got.newest
}

// lose says that items are lost, and goes on from where the channel is now.
func (n *node) lose(w *watch, after string, got span) error {
	if after != "" && got.newest < after && after >= joinID(uint64(got.now), 0) {
		// Redis has lost what was delivered, and its clock is behind: what it
		// makes next must still come after it.
		_, err := n.s.do(n.ctx, call{
			script: raiseFloorScript, part: w.keys.part, keys: []any{w.keys.state()}, args: []any{after, n.window},
		})
		if err != nil {
			return err
		}
	}
	now, err := n.s.where(n.ctx, w)
	if err != nil {
		return err
	}
	stripe := &n.stripes[w.keys.part]
	stripe.Lock()
	defer stripe.Unlock()
	if !w.ended.Load() {
		n.s.log.Warn("items of a channel are lost", "after", after, "newest", now.newest)
		w.lost = max(w.lost, after)
		n.r.Lost(w.channel)
		if after != "" {
			// Perhaps lost to this node alone; if not, the others must know.
			n.goRun(func() { n.losses.verifyChannel(n.ctx, w.channel, []any{after}) })
		}
	}
	w.at = now.newest
	w.listSize.Store(now.listSize)
	w.filling = false
	if !n.release(w) {
		n.catchUp(w)
	}
	return nil
}

// release delivers what was held back, and makes the watch live if nothing is
// missing. The stripe is held.
func (n *node) release(w *watch) bool {
	held, more := w.held, w.overheard
	w.held, w.heldBytes, w.overheard = nil, 0, false
	for i, h := range held {
		switch {
		case h.id <= w.at:
		case w.follows(h):
			n.deliver(w, h)
		default:
			for _, h := range held[i:] {
				w.hold(h)
			}
			w.overheard = w.overheard || more
			return false
		}
	}
	if more {
		return false
	}
	w.live = true
	return true
}
