package storeredis

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/hotsock-go/hotsock/store"
)

// maxHeld and maxHeldBytes are how many items a watch holds back while it catches
// up, and how long they may be together. Those that do not fit are read from the
// log instead.
const (
	maxHeld      = 256
	maxHeldBytes = 256 << 10
)

// A watch delivers one channel's items to the receiver. Each item names the one
// before it, so that the watch sees when one is missing; it then holds back what
// it hears, reads what is missing, and goes on.
type watch struct {
	channel string
	keys    channelKeys
	// started is closed when the first subscription is confirmed, and ready
	// when the watch delivers, or failed with err.
	started, ready chan struct{}
	err            error
	// ended is set by Unwatch, which must not wait for a delivery.
	ended atomic.Bool
	// listSize is how many bytes the members take in a reply, roughly.
	listSize atomic.Int64

	// The rest is guarded by the stripe of the partition.

	// lost is the newest item that is known to be lost, "" for none.
	lost string
	// placed is false until the watch knows where its channel is, and at that is
	// right. It does not catch up before.
	placed bool
	// at is the newest item delivered or passed by.
	at string
	// live is false while the watch catches up; held is what it hears then, of
	// heldBytes together, and overheard is true if that is not all.
	live      bool
	held      []heard
	heldBytes int
	overheard bool
	// filling is true while a goroutine catches up, and again if it has to look
	// once more, or has to begin when the watch is placed.
	filling, again bool
}

// A heard is an item as it was published.
type heard struct{ id, before, item string }

// heard reads an item of those that were published together.
func (r *record) heard() heard { return heard{r.next(), r.next(), r.next()} }

// hear takes an item that was published. The stripe is held.
func (n *node) hear(w *watch, h heard) {
	switch {
	case w.ended.Load():
	case !w.live:
		w.hold(h)
	case w.follows(h):
		n.deliver(w, h)
	default:
		// Items are missing; or it is not newer than what was delivered, and so
		// either comes late or from a server that has lost the newer ones.
		w.live = false
		if h.id > w.at {
			w.hold(h)
		}
		n.catchUp(w)
	}
}

// hold keeps an item for when the watch has caught up.
func (w *watch) hold(h heard) {
	if len(w.held) == maxHeld || w.heldBytes > maxHeldBytes {
		w.overheard = true
		return
	}
	w.held = append(w.held, h)
	w.heldBytes += len(h.item)
}

// follows reports whether nothing is missing before an item. An item without
// one before it begins a new history: the old one had expired, and nothing had
// been published since, or it would have been heard.
func (w *watch) follows(h heard) bool {
	return h.id > w.at && (h.before == w.at || h.before == "")
}

// memberSize is how many bytes a member takes in a reply besides its texts.
const memberSize = 96

// count notes a change of members.
func (w *watch) count(change *store.PresenceChange) {
	size := int64(memberSize + len(change.Member.UID) + len(change.Member.UMD))
	switch change.Kind {
	case store.MemberAdded:
		w.listSize.Add(size)
	case store.MemberRemoved:
		w.listSize.Store(max(0, w.listSize.Load()-size))
	}
}

// listSize is how many bytes the members of a channel take in a reply, as far as
// this node knows.
func (n *node) listSize(channel string) int {
	if w := n.fan.find(channel); w != nil {
		return int(w.listSize.Load())
	}
	return oneReply
}

// deliver hands an item to the receiver. The stripe is held.
func (n *node) deliver(w *watch, h heard) {
	w.at = h.id
	if h.item == "" {
		return // It was edited away.
	}
	it, err := decodeItem(w.channel, h.id, h.item)
	if kind, ok := errors.AsType[unknownKind](err); ok {
		n.leaveOut("item", string(kind))
		return
	}
	if err != nil {
		n.s.log.Error("malformed item", "err", err)
		n.r.Lost(w.channel)
		return
	}
	if it.Presence != nil {
		w.count(it.Presence)
	}
	if !w.ended.Load() {
		n.r.Deliver(it)
	}
}

// Watch subscribes to the channel's topic and finds out where the channel is.
func (n *node) Watch(ctx context.Context, channel string) error {
	if n.left.Load() {
		return errLeft
	}
	ctx, cancel := withTimeout(ctx)
	defer cancel()
	w, first := n.fan.add(channel)
	if !first {
		select {
		case <-w.ready:
			return w.err
		case <-ctx.Done():
			return unavailable(ctx.Err(), nil)
		}
	}
	err := n.startWatch(ctx, w)
	if err != nil {
		n.fan.remove(w)
		w.ended.Store(true)
	}
	w.err = err
	close(w.ready)
	return err
}

func (n *node) startWatch(ctx context.Context, w *watch) error {
	n.fan.subscribe(w)
	select {
	case <-w.started:
	case <-ctx.Done():
		return unavailable(ctx.Err(), nil)
	case <-n.ctx.Done():
		return errLeft
	}
	r, err := n.s.where(ctx, w)
	if err != nil {
		return err
	}
	stripe := &n.stripes[w.keys.part]
	stripe.Lock()
	defer stripe.Unlock()
	w.at, w.placed = r.newest, true
	w.listSize.Store(r.listSize)
	if w.again || !n.release(w) {
		n.catchUp(w)
	}
	return nil
}

// Unwatch ends a watch. It takes no lock that a delivery holds.
func (n *node) Unwatch(channel string) {
	if w := n.fan.find(channel); w != nil {
		w.ended.Store(true)
		n.fan.remove(w)
	}
	n.UnwatchCount(channel)
}

var _ store.Subscriptions = (*node)(nil)
