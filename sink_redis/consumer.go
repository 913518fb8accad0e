package sinkredis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Why a handler's context ends.
var (
	errStopping = errors.New("sinkredis: the worker is stopping")
	errClaimed  = errors.New("sinkredis: another worker has the event by now")
)

// A consumer is one call of [Consume].
type consumer struct {
	client redis.UniversalClient
	keys   keys
	opts   ConsumeOptions
	handle func(ctx context.Context, d Delivery) error

	// slots has a token for each handler that may start.
	slots    chan struct{}
	handlers sync.WaitGroup
	// cursor is how far the last claim got through what is pending.
	cursor string

	mu      sync.Mutex
	running map[string]*running // by entry
	// ended has the entries that were done with while some were claimed, nil if none are:
	// these may be among them.
	ended map[string]bool
	// renewing is held for writing while signs of life are given, and for reading
	// while an entry is given back: a sign that came later would undo that.
	renewing sync.RWMutex
}

// running is an entry that is being handled.
type running struct {
	cancel context.CancelCauseFunc
	over   bool // no more signs of life
}

func newConsumer(client redis.UniversalClient, k keys, o ConsumeOptions, handle func(ctx context.Context, d Delivery) error) *consumer {
	c := &consumer{
		client: client, keys: k, opts: o, handle: handle, cursor: "0-0",
		slots: make(chan struct{}, o.Concurrency), running: make(map[string]*running),
	}
	for range o.Concurrency {
		c.slots <- struct{}{}
	}
	return c
}

// pollInterval is how often it is looked for entries to claim, at the least.
const pollInterval = time.Second

// run reads until ctx ends, and then waits for the handlers.
func (c *consumer) run(ctx context.Context) {
	// work goes on when ctx has ended, until the handlers are done or cut off.
	work, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	renewing, stopRenewing := context.WithCancel(context.WithoutCancel(ctx))
	var renewer sync.WaitGroup
	renewer.Go(func() { c.renew(renewing) })

	c.read(ctx, work)

	timer := time.AfterFunc(c.opts.Grace, func() { cut(errStopping) })
	c.handlers.Wait()
	timer.Stop()
	cut(nil)
	stopRenewing()
	renewer.Wait()
	c.tidy(context.WithoutCancel(ctx), c.opts.Consumer)
}

// read starts a handler for each event that comes, or that another worker left.
func (c *consumer) read(ctx, work context.Context) {
	poll := min(pollInterval, c.opts.RetryAfter)
	var claimed time.Time
	var b backoff
	for c.acquire(ctx) {
		free := 1 + c.acquireMore()
		var batch []redis.XMessage
		var attempts map[string]int
		var err error
		if time.Since(claimed) >= poll {
			c.noteEnded(true)
			batch, attempts, err = c.claim(ctx, free)
			// Where there are more, they are taken at once.
			if err == nil && len(batch) < free {
				claimed = time.Now()
			}
		}
		if err == nil && len(batch) == 0 {
			batch, err = c.readNew(ctx, free, poll)
		}
		for _, m := range batch {
			if c.start(work, m, max(attempts[m.ID], 1)) {
				free--
			}
		}
		c.noteEnded(false)
		for range free {
			c.slots <- struct{}{}
		}
		switch {
		case err == nil:
			b = backoff{}
		case redis.HasErrorPrefix(err, "NOGROUP"):
			// The first time, or the data was lost.
			if err = c.join(ctx); err == nil {
				continue
			}
			fallthrough
		default:
			if ctx.Err() == nil && b.last == 0 {
				c.opts.Logger.Warn("sinkredis: cannot read the stream", "stream", c.keys.stream, "err", err)
			}
			b.sleep(ctx, c.client)
		}
	}
}

// noteEnded has c.ended begin, or end.
func (c *consumer) noteEnded(noted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = nil
	if noted {
		c.ended = make(map[string]bool)
	}
}

// acquire waits until a handler may start, and returns false if ctx ended.
func (c *consumer) acquire(ctx context.Context) bool {
	select {
	case <-c.slots:
		if ctx.Err() == nil {
			return true
		}
		c.slots <- struct{}{}
	case <-ctx.Done():
	}
	return false
}

// acquireMore returns how many more may start.
func (c *consumer) acquireMore() (n int) {
	for {
		select {
		case <-c.slots:
			n++
		default:
			return n
		}
	}
}

// join makes the group if there is none.
func (c *consumer) join(ctx context.Context) error {
	err := try(ctx, func(ctx context.Context) error {
		return c.client.XGroupCreateMkStream(ctx, c.keys.stream, c.opts.Group, "0").Err()
	})
	if err != nil && !redis.HasErrorPrefix(err, "BUSYGROUP") {
		return err
	}
	c.tidy(ctx, "")
	return nil
}

// readNew waits for events that no worker of the group has been given yet.
func (c *consumer) readNew(ctx context.Context, count int, wait time.Duration) ([]redis.XMessage, error) {
	streams, err := c.client.XReadGroup(ctx, &redis.XReadGroupArgs{
		Group: c.opts.Group, Consumer: c.opts.Consumer, Streams: []string{c.keys.stream, ">"},
		Count: int64(count), Block: max(wait, time.Millisecond),
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil || len(streams) == 0 {
		return nil, err
	}
	return streams[0].Messages, nil
}

// claim takes over entries that have been idle for too long, and returns how
// often each has been tried, this time included.
func (c *consumer) claim(ctx context.Context, count int) (batch []redis.XMessage, attempts map[string]int, err error) {
	err = try(ctx, func(ctx context.Context) error {
		batch, c.cursor, err = c.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{
			Stream: c.keys.stream, Group: c.opts.Group, Consumer: c.opts.Consumer,
			MinIdle: c.opts.ClaimAfter, Start: c.cursor, Count: int64(count),
		}).Result()
		return err
	})
	if err != nil {
		c.cursor = "0-0"
		return nil, nil, err
	}
	if len(batch) == 0 {
		return nil, nil, nil
	}
	attempts = make(map[string]int)
	for _, m := range batch {
		err = try(ctx, func(ctx context.Context) error {
			pending, err := c.client.XPendingExt(ctx, &redis.XPendingExtArgs{
				Stream: c.keys.stream, Group: c.opts.Group, Start: m.ID, End: m.ID, Count: 1,
			}).Result()
			for _, p := range pending {
				attempts[p.ID] = int(p.RetryCount)
			}
			return err
		})
		if err != nil {
			// They stay ours until they have been idle once more.
			return nil, nil, err
		}
	}
	return batch, attempts, nil
}

// renew gives signs of life for what is being handled.
func (c *consumer) renew(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, c.opts.ClaimAfter/4)
		c.renewNow(ctx)
	}
}

func (c *consumer) renewNow(ctx context.Context) {
	c.renewing.Lock()
	defer c.renewing.Unlock()
	args := []any{c.opts.Group, c.opts.Consumer}
	c.mu.Lock()
	for id, r := range c.running {
		if !r.over {
			args = append(args, id)
		}
	}
	c.mu.Unlock()
	if len(args) == 2 || ctx.Err() != nil {
		return
	}
	var lost []string
	err := try(ctx, func(ctx context.Context) (err error) {
		lost, err = renewScript.Run(ctx, c.client, []string{c.keys.stream}, args...).StringSlice()
		return err
	})
	if err != nil && ctx.Err() == nil {
		c.opts.Logger.Warn("sinkredis: cannot give signs of life", "stream", c.keys.stream, "err", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range lost {
		if r := c.running[id]; r != nil {
			r.cancel(errClaimed)
		}
	}
}

// gone is after how long a consumer that has nothing pending is forgotten.
const gone = 24 * time.Hour

// tidy removes consumers that are gone, and the one that ends, if any.
func (c *consumer) tidy(ctx context.Context, ending string) {
	err := try(ctx, func(ctx context.Context) error {
		return tidyScript.Run(ctx, c.client, []string{c.keys.stream}, c.opts.Group, ending, gone.Milliseconds()).Err()
	})
	if err != nil {
		c.opts.Logger.Warn("sinkredis: cannot tidy up", "stream", c.keys.stream, "err", err)
	}
}
