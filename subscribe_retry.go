package hotsock

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// This file is about what a connection retries, because the store was away or the
// rate limit did not allow it: subscribes, and unsubscribes that the client need
// not know of.

// A subscribeRetry is a subscribe that could not be carried out yet.
type subscribeRetry struct {
	req   subscribeRequest
	cmd   wire.Command
	tries int // that found what it needs unavailable
}

// A retryMark tells a retry from another one of the same channel.
type retryMark struct{ _ byte }

// isRetried reports whether a retry has not been ended.
func (c *connection) isRetried(m *retryMark) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, there := c.retryOf(m)
	return there
}

// retryOf returns under which channel a retry waits. c.mu is held.
func (c *connection) retryOf(m *retryMark) (channel string, there bool) {
	for channel, r := range c.retries {
		if r.req.retried == m {
			return channel, true
		}
	}
	return "", false
}

// retrySize is roughly how many bytes a subscribeRetry takes besides its strings.
const retrySize = 512

// size is how many bytes it takes, roughly.
func (r *subscribeRetry) size() int {
	size := retrySize + len(r.req.name) + len(r.req.channel) + len(r.req.token) + len(r.cmd.Ref)
	return size + len(r.req.granted.json())
}

// retryBytes is how much memory the subscribes that are retried would take with
// req among them.
func (c *connection) retryBytes(req *subscribeRequest) int {
	size := (&subscribeRetry{req: *req}).size()
	c.mu.Lock()
	defer c.mu.Unlock()
	for channel, r := range c.retries {
		if channel != req.channel {
			size += r.size()
		}
	}
	return size
}

// retrySubscribe has a subscribe retried when the store is back.
func (c *connection) retrySubscribe(r subscribeRetry) {
	c.retryLater(func(c *connection) {
		if c.retries == nil {
			c.retries = make(map[string]subscribeRetry)
		}
		if r.req.retried == nil {
			r.req.retried = new(retryMark)
		}
		c.retries[r.req.channel] = r
	})
}

// retryUnsubscribe has the store told later that a subscription has ended.
func (c *connection) retryUnsubscribe(channel string) {
	c.retryLater(func(c *connection) { c.unsubscribes = append(c.unsubscribes, channel) })
}

// retryLater adds something to what is retried, and sees to it that it is.
func (c *connection) retryLater(add func(*connection)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	add(c)
	if c.ending != nil || c.stopRetries != nil {
		return // The end waits for ops, and then unsubscribes.
	}
	var ctx context.Context
	ctx, c.stopRetries = context.WithCancel(c.h.ctx)
	c.background.Add(1)
	go c.runRetries(ctx)
}

// runRetries retries until nothing is to be retried any more.
func (c *connection) runRetries(ctx context.Context) {
	defer c.background.Done()
	for b := (backoff{}); b.sleep(ctx); {
		if c.retryOnce() {
			return
		}
	}
}

// retryOnce reports whether nothing is to be retried any more. It asks a store that
// is away once for the unsubscribes and once for the subscribes, and the next time
// begins with others: those may be in a part of the store that is there.
func (c *connection) retryOnce() bool {
	c.ops.Lock()
	defer c.ops.Unlock()
	c.retryUnsubscribes()
	c.retrySubscribes()
	c.mu.Lock()
	defer c.mu.Unlock()
	done := len(c.unsubscribes) == 0 && len(c.retries) == 0
	if done {
		c.stopRetries()
		c.stopRetries = nil
	}
	return done
}

// retryUnsubscribes unsubscribes until the store is away. ops is held.
func (c *connection) retryUnsubscribes() {
	c.mu.Lock()
	channels := c.unsubscribes
	c.unsubscribes = nil
	c.mu.Unlock()
	for i, channel := range channels {
		if c.subscription(channel) != nil {
			continue // subscribed again, and so the store knows
		}
		ctx := c.storeContext()
		err := c.storeUnsubscribe(ctx, store.UnsubscribeRequest{Channel: channel, Connection: c.id})
		ctx.end()
		if err != nil {
			c.mu.Lock()
			c.unsubscribes = append(append(c.unsubscribes, channels[i+1:]...), channel)
			c.mu.Unlock()
			return
		}
	}
}

// retrySubscribes subscribes until the store is away. ops is held, but not while a hook
// is asked: the client may have ended any of the retries then.
func (c *connection) retrySubscribes() {
	var retries []subscribeRetry
	c.mu.Lock()
	for _, r := range c.retries {
		retries = append(retries, r)
	}
	c.mu.Unlock()
	slices.SortFunc(retries, func(a, b subscribeRetry) int {
		return cmp.Or(cmp.Compare(a.tries, b.tries), strings.Compare(a.req.channel, b.req.channel))
	})
	for _, r := range retries {
		if !c.isRetried(r.req.retried) {
			continue
		}
		err := c.trySubscribe(&r.req, &r.cmd)
		c.mu.Lock()
		before, there := c.retryOf(r.req.retried) // a token that could not be verified may change the channel
		if !there {
			c.mu.Unlock()
			continue
		}
		delete(c.retries, before)
		if isTemporary(err) {
			if e, ok := errors.AsType[*Error](err); !ok || e.retry == 0 {
				r.tries++ // The rate limit is the connection's, and so is the order.
			}
			c.retries[r.req.channel] = r
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		if err != nil {
			c.fail(&r.cmd, err)
		}
	}
}
