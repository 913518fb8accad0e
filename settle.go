package hotsock

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/hotsock-go/hotsock/internal/wire"
)

// This file is about what a connection must do later, because the store was
// away or the rate limit did not allow it.

// A waitingSubscribe is a subscribe that the store could not take yet.
type waitingSubscribe struct {
	join  joinRequest
	cmd   wire.Command
	tries int // that found what it needs unavailable
}

// waitingSize is roughly how many bytes a waitingSubscribe takes besides its
// strings.
const waitingSize = 512

// size is how many bytes it takes, roughly.
func (w *waitingSubscribe) size() int {
	return waitingSize + len(w.join.name) + len(w.join.channel) + len(w.join.token) + len(w.cmd.Ref)
}

// waitingBytes is how much memory the subscribes that wait would take with j
// among them.
func (c *connection) waitingBytes(j *joinRequest) int {
	size := (&waitingSubscribe{join: *j}).size()
	c.mu.Lock()
	defer c.mu.Unlock()
	for channel, w := range c.waiting {
		if channel != j.channel {
			size += w.size()
		}
	}
	return size
}

// keep has a subscribe tried again when the store is back.
func (c *connection) keep(w waitingSubscribe) {
	c.settleLater(func(c *connection) {
		if c.waiting == nil {
			c.waiting = make(map[string]waitingSubscribe)
		}
		c.waiting[w.join.channel] = w
	})
}

// settleLater notes something that the store must still be told, and makes sure
// that it is tried again.
func (c *connection) settleLater(note func(*connection)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	note(c)
	if c.stopSettle != nil {
		return
	}
	var ctx context.Context
	ctx, c.stopSettle = context.WithCancel(c.h.ctx)
	c.background.Add(1)
	go c.settle(ctx)
}

// settle tries what is waiting until nothing is.
func (c *connection) settle(ctx context.Context) {
	defer c.background.Done()
	for b := (backoff{}); b.sleep(ctx); {
		if c.settleOnce() {
			return
		}
	}
}

// settleOnce reports whether nothing waits any more. It asks a store that is away
// once for what was left and once for what waits, and the next time it begins with
// others: those may be in a part of the store that is there.
func (c *connection) settleOnce() bool {
	c.ops.Lock()
	defer c.ops.Unlock()
	c.mu.Lock()
	left := c.left
	c.left = nil
	var waiting []waitingSubscribe
	for _, w := range c.waiting {
		waiting = append(waiting, w)
	}
	c.mu.Unlock()

	for i, channel := range left {
		if c.subscription(channel) != nil {
			continue // subscribed again, and so the store knows
		}
		ctx, cancel := c.h.storeContext(c.h.ctx)
		err := c.h.unsubscribeStore(ctx, channel, c.id)
		cancel()
		if err != nil {
			c.mu.Lock()
			c.left = append(append(c.left, left[i+1:]...), channel)
			c.mu.Unlock()
			break
		}
	}
	slices.SortFunc(waiting, func(a, b waitingSubscribe) int {
		return cmp.Or(cmp.Compare(a.tries, b.tries), strings.Compare(a.join.channel, b.join.channel))
	})
	for _, w := range waiting {
		before := w.join.channel // which a token that could not be verified may change
		err := c.join(&w.join, &w.cmd)
		c.mu.Lock()
		delete(c.waiting, before)
		if isTemporary(err) {
			if e, ok := errors.AsType[*Error](err); !ok || e.retry == 0 {
				w.tries++ // The rate limit is the connection's, and so is the order.
			}
			c.waiting[w.join.channel] = w
			c.mu.Unlock()
			break
		}
		c.mu.Unlock()
		if err != nil {
			c.fail(&w.cmd, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	done := len(c.left) == 0 && len(c.waiting) == 0
	if done {
		c.stopSettle()
		c.stopSettle = nil
	}
	return done
}
