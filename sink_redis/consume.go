package sinkredis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
)

// ConsumeOptions say how [Consume] works. The zero value has all the defaults.
type ConsumeOptions struct {
	// Stream is the same as that of the sinks. Defaults to "hotsock:events".
	Stream string
	// Group is the group of workers that share the work: one worker of a group
	// handles each event, and every group gets all events, a new group those that
	// are still in the stream. Defaults to "workers".
	Group string
	// Consumer is the name of this worker within its group, which no other may
	// have at the same time. Defaults to the host's name and something random.
	Consumer string
	// Concurrency is how many events are handled at the same time. Defaults to
	// 1, which keeps their order, except for retries, if there is one worker.
	Concurrency int
	// ClaimAfter is how long a worker may give no sign of life before the events
	// that it was handling are handed to another. A handler may take longer than
	// that, because its worker keeps giving signs. Defaults to 1 min.
	ClaimAfter time.Duration
	// RetryAfter is the pause after the first failed attempt to handle an event.
	// It doubles with every attempt, up to ClaimAfter. Defaults to 1 s.
	RetryAfter time.Duration
	// MaxAttempts is how often all workers together try an event before it is
	// moved to the stream of dead events. Attempts that ended with the worker's
	// process count too. Defaults to 10.
	MaxAttempts int
	// MaxDead is about how many dead events are kept. Defaults to 10,000.
	MaxDead int64
	// Grace is how long handlers may go on when Consume is to end. Defaults to
	// 10 s.
	Grace time.Duration
	// Logger is told of what fails. Defaults to none.
	Logger *slog.Logger
}

// A Delivery is an event to be handled.
type Delivery struct {
	Event hotsock.Event
	// Entry is the id of its entry in the stream.
	Entry string
	// Attempt counts from 1.
	Attempt int
}

// Consume hands events to a handler until ctx ends. An event is done when the
// handler returns nil. After an error or a panic it is tried again, by this
// worker or another, until it has been tried MaxAttempts times. Then the event, or one that
// cannot be read, is moved to the stream whose name is Stream in braces (unless it
// has its own hash tag) followed by ":dead", with the fields error, attempts,
// group and entry in addition to id, type and event.
//
// An event is handled at least once: twice, for instance, if a worker dies just
// after handling it. A handler that must not do things twice has to remember the
// event's ID, best in the same transaction.
//
// When ctx ends, no more events are read, and handlers have ConsumeOptions.Grace
// to finish; then their context ends. It also ends when another
// worker has taken over the event, because this one could not give signs of life.
// Unfinished events are handed to others at once, and that attempt does not
// count. Consume returns when all handlers have returned.
//
// While Redis is away Consume waits for it. The only errors are wrong options.
// The client stays open. Its pool must have room for Concurrency + 2
// connections.
func Consume(ctx context.Context, client redis.UniversalClient, o ConsumeOptions, handle func(ctx context.Context, d Delivery) error) error {
	if client == nil || handle == nil {
		return errors.New("sinkredis: no client or no handler")
	}
	k, err := newKeys(o.Stream)
	if err != nil {
		return err
	}
	o.setDefaults()
	if err := o.validate(); err != nil {
		return err
	}
	c := newConsumer(client, k, o, handle)
	c.run(ctx)
	return nil
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o *ConsumeOptions) setDefaults() {
	if o.Consumer == "" {
		host, _ := os.Hostname() // "" will do
		o.Consumer = host + "-" + ulid.Make().String()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	orDefault(&o.Group, "workers")
	orDefault(&o.Concurrency, 1)
	orDefault(&o.ClaimAfter, time.Minute)
	orDefault(&o.RetryAfter, time.Second)
	orDefault(&o.MaxAttempts, 10)
	orDefault(&o.MaxDead, 10_000)
	orDefault(&o.Grace, 10*time.Second)
}

func (o *ConsumeOptions) validate() error {
	for _, f := range []struct {
		name  string
		value int64
		least int64
	}{
		{"Concurrency", int64(o.Concurrency), 1},
		{"ClaimAfter", o.ClaimAfter.Milliseconds(), 100},
		{"RetryAfter", o.RetryAfter.Milliseconds(), 1},
		{"MaxAttempts", int64(o.MaxAttempts), 1},
		{"MaxDead", o.MaxDead, 1},
		{"Grace", o.Grace.Milliseconds(), 0},
	} {
		if f.value < f.least {
			return fmt.Errorf("sinkredis: ConsumeOptions.%s is too small", f.name)
		}
	}
	return nil
}
