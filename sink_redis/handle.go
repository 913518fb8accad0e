package sinkredis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/redis/go-redis/v9"
)

// start handles an entry in a goroutine of its own, for which a slot has been
// acquired, and reports whether it does: not if it is being handled already, or was
// when it was claimed. When Redis was away for long, the worker can claim its own.
func (c *consumer) start(work context.Context, m redis.XMessage, attempt int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[m.ID] != nil || c.ended[m.ID] {
		return false
	}
	ctx, cancel := context.WithCancelCause(work)
	c.running[m.ID] = &running{cancel: cancel}
	c.handlers.Go(func() {
		ended := false
		defer func() {
			c.mu.Lock()
			delete(c.running, m.ID)
			if ended && c.ended != nil {
				c.ended[m.ID] = true
			}
			c.mu.Unlock()
			cancel(nil)
			c.slots <- struct{}{}
		}()
		ended = c.work(ctx, m, attempt)
	})
	return true
}

// work handles an entry and says in the stream how that ended. It reports whether
// nobody will handle it again.
func (c *consumer) work(ctx context.Context, m redis.XMessage, attempt int) (ended bool) {
	if m.Values == nil {
		return c.ack(ctx, m.ID) // The stream does not have it any more.
	}
	d := Delivery{Entry: m.ID, Attempt: attempt}
	text, _ := m.Values["event"].(string)
	if err := json.Unmarshal([]byte(text), &d.Event); err != nil {
		return c.setAside(ctx, d, fmt.Errorf("not an event: %w", err))
	}
	if attempt > c.opts.MaxAttempts {
		return c.setAside(ctx, d, errors.New("the workers that tried it ended"))
	}
	err := c.call(ctx, d)
	switch cause := context.Cause(ctx); {
	case err == nil:
		return c.ack(ctx, m.ID)
	case errors.Is(cause, errStopping):
		c.release(ctx, d, c.opts.ClaimAfter, attempt-1)
	case errors.Is(cause, errClaimed):
	case attempt >= c.opts.MaxAttempts:
		return c.setAside(ctx, d, err)
	default:
		c.opts.Logger.Warn("sinkredis: an event could not be handled", "type", d.Event.Type, "id", d.Event.ID, "attempt", attempt, "err", err)
		c.release(ctx, d, c.opts.ClaimAfter-c.retryDelay(attempt), attempt)
	}
	return false
}

// retryDelay is how long to wait after an attempt.
func (c *consumer) retryDelay(attempt int) time.Duration {
	d := c.opts.RetryAfter
	for range attempt - 1 {
		if d >= c.opts.ClaimAfter {
			break
		}
		d *= 2
	}
	return min(d, c.opts.ClaimAfter)
}

func (c *consumer) call(ctx context.Context, d Delivery) (err error) {
	defer func() {
		if p := recover(); p != nil {
			c.opts.Logger.Error("sinkredis: the handler panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.handle(ctx, d)
}

func (c *consumer) ack(ctx context.Context, id string) bool {
	return c.writeEnd(ctx, func(ctx context.Context) error {
		return c.client.XAck(ctx, c.keys.stream, c.opts.Group, id).Err()
	})
}

// release lets an entry be claimed when it has been idle for long enough, of
// which some is over.
func (c *consumer) release(ctx context.Context, d Delivery, idle time.Duration, attempts int) {
	c.mu.Lock()
	c.running[d.Entry].over = true
	c.mu.Unlock()
	c.writeEnd(ctx, func(ctx context.Context) error {
		c.renewing.RLock()
		defer c.renewing.RUnlock()
		return releaseScript.Run(ctx, c.client, []string{c.keys.stream},
			c.opts.Group, c.opts.Consumer, d.Entry, idle.Milliseconds(), attempts).Err()
	})
}

// maxError is how much of an error is kept, in bytes.
const maxError = 1 << 10

func (c *consumer) setAside(ctx context.Context, d Delivery, why error) bool {
	text := why.Error()
	if len(text) > maxError {
		text = text[:maxError]
	}
	c.opts.Logger.Error("sinkredis: an event was given up", "type", d.Event.Type, "id", d.Event.ID, "entry", d.Entry, "attempts", d.Attempt, "err", text)
	return c.writeEnd(ctx, func(ctx context.Context) error {
		return setAsideScript.Run(ctx, c.client, []string{c.keys.stream, c.keys.dead()},
			c.opts.Group, c.opts.Consumer, d.Entry, d.Attempt, text, c.opts.MaxDead).Err()
	})
}

// writeEnd writes how it ended, if need be when the context has ended. It gives up
// when another may have claimed the entry, or when the worker must stop, and returns
// false: the event is then handled again.
func (c *consumer) writeEnd(ctx context.Context, f func(ctx context.Context) error) bool {
	var b backoff
	end := time.Now().Add(c.opts.ClaimAfter)
	for {
		err := try(context.WithoutCancel(ctx), f)
		switch {
		case err == nil:
			return true
		case ctx.Err() != nil, time.Now().After(end):
			c.opts.Logger.Warn("sinkredis: an event will be handled again", "err", err)
			return false
		}
		b.sleep(ctx, c.client)
	}
}
