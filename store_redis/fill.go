package storeredis

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"
)

// fillPage is how many entries of each kind one read takes.
const fillPage = 200

// A stretch is what a channel has had after some item.
type stretch struct {
	newest string
	// items by id, and whether there are more after them.
	items   []heard
	more    bool
	members []placed
	now     int64
}

// since reads what a watched channel has had after an item; after "", only
// where it is.
func (s *Store) since(ctx context.Context, w *watch, after string, members bool) (stretch, error) {
	var out stretch
	ck := w.keys
	r, err := s.do(ctx, call{
		script: sinceScript, part: ck.part,
		keys: []any{ck.state(), ck.log(), ck.changes(), ck.order(), ck.bodies(), ck.members()},
		args: []any{after, strconv.Itoa(fillPage), flag(members)},
	})
	if err != nil {
		return out, err
	}
	out.newest, out.now = r.record.next(), r.now
	if r.record.bad || len(r.more) < 4 {
		return out, errRecord
	}
	if out.members, err = decodeMembers(r.more[3]); err != nil {
		return out, err
	}
	// Where a source has more, nothing after its last entry is known to follow.
	limit := ""
	for i := range 3 {
		flat, err := r.list(i)
		if err != nil {
			return out, err
		}
		for j := 0; j+2 < len(flat); j += 3 {
			out.items = append(out.items, heard{padID(flat[j]), flat[j+1], flat[j+2]})
		}
		if len(flat) == 3*fillPage {
			out.more = true
			if last := padID(flat[len(flat)-3]); limit == "" || last < limit {
				limit = last
			}
		}
	}
	slices.SortFunc(out.items, func(a, b heard) int { return cmp.Compare(a.id, b.id) })
	out.items = slices.CompactFunc(out.items, func(a, b heard) bool { return a.id == b.id })
	if out.more {
		out.items = slices.DeleteFunc(out.items, func(h heard) bool { return h.id > limit })
	}
	return out, nil
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
	select {
	case n.fills <- struct{}{}:
		defer func() { <-n.fills }()
	case <-n.ctx.Done():
		return
	}
	stripe := &n.stripes[w.keys.part]
	for !w.ended.Load() {
		stripe.Lock()
		after := w.at
		w.again = false
		stripe.Unlock()
		// A channel that had no item yet may have had its first ones.
		from := after
		if from == "" {
			from = "0-0"
		}
		got, err := n.s.since(n.ctx, w, from, false)
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
			continue
		}
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// broken reports whether what was read does not continue from an item: then
// items may be missing, or the item itself is not of the history that Redis has
// now.
func broken(after string, got stretch) bool {
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
func (n *node) lose(w *watch, after string, got stretch) error {
	if after != "" && got.newest < after && after >= joinID(uint64(got.now), 0) {
		// Redis has lost what was delivered, and its clock is behind: what it
		// makes next must still come after it.
		_, err := n.s.do(n.ctx, call{
			script: raiseScript, part: w.keys.part, keys: []any{w.keys.state()}, args: []any{after, n.window},
		})
		if err != nil {
			return err
		}
	}
	now, err := n.s.since(n.ctx, w, "", true)
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
			n.goRun(func() { n.acked.prove(n.ctx, w.channel, []any{after}) })
		}
	}
	w.at, w.members = now.newest, now.members
	w.filling = false
	if !n.release(w) {
		n.catchUp(w)
	}
	return nil
}

// release delivers what was held back, and makes the watch live if nothing is
// missing. The stripe is held.
func (n *node) release(w *watch) bool {
	full := len(w.held) >= maxHeld
	held := w.held
	w.held = nil
	for i, h := range held {
		switch {
		case h.id <= w.at:
		case w.follows(h):
			n.deliver(w, h)
		default:
			w.held = held[i:]
			return false
		}
	}
	if full {
		return false // Others did not fit.
	}
	w.live = true
	return true
}
