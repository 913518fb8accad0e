// Package sinkredis keeps backend events durably in a Redis stream, and hands them
// to workers: each event to one worker of a group, and to another if that one
// fails or dies.
//
// A [Sink] writes on every node, and [Consume] reads in as many processes as there
// should be workers. The package needs Redis 6.2 or later, as a single server,
// with Sentinel or as a cluster. docs/events.md says what you can rely on.
package sinkredis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
)

// Options are settings of a [Sink]. The zero value has all the defaults.
type Options struct {
	// Stream is the key of the stream, the same for all nodes and workers.
	// Defaults to "hotsock:events".
	Stream string
	// MaxLen is about how many events the stream keeps. The oldest are removed
	// first, even if no worker has handled them yet. Defaults to 100,000.
	MaxLen int64
	// Logger is told when the stream cannot be written to, and when it can be
	// again. Defaults to none.
	Logger *slog.Logger
}

// ErrShutdown is returned for events that come after [Sink.Shutdown].
var ErrShutdown = errors.New("sinkredis: the sink is shut down")

// A Sink is a [hotsock.EventSink] that appends events to a stream. While Redis is
// away it tries again, for as long as it takes; an event that was tried several
// times is in the stream once.
//
// It holds up to 1,024 unwritten events, and one batch. Then HandleEvent waits, and
// the handler's own queue fills, which drops further events and counts them in the
// log.
type Sink struct {
	client redis.UniversalClient
	opts   Options
	stream string
	writer string // the key of the number that was written last
	queue  chan entry
	done   chan struct{}
	// ctx ends when what is left will not be written any more.
	ctx    context.Context
	cancel context.CancelFunc

	// What only the writing goroutine uses.
	next int64 // number of the next event
	lost int

	mu       sync.Mutex
	stopped  bool
	stopping chan struct{}
	sending  sync.WaitGroup
}

var _ hotsock.EventSink = (*Sink)(nil)

// An entry is an event as it will be in the stream.
type entry struct {
	id, typ string
	text    []byte
}

// queueLen is how many events may wait.
const queueLen = 1024

// New returns a sink that writes with the client, which the host keeps open
// until [Sink.Shutdown] has returned, and closes afterwards.
func New(client redis.UniversalClient, o Options) (*Sink, error) {
	if client == nil {
		return nil, errors.New("sinkredis: no client")
	}
	if o.MaxLen == 0 {
		o.MaxLen = 100_000
	}
	if o.MaxLen < 1 {
		return nil, fmt.Errorf("sinkredis: Options.MaxLen is %d", o.MaxLen)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	k, err := newKeys(o.Stream)
	if err != nil {
		return nil, err
	}
	s := &Sink{
		client: client, opts: o, stream: k.stream, writer: k.writer(ulid.Make().String()), next: 1,
		queue: make(chan entry, queueLen), done: make(chan struct{}), stopping: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.run()
	return s, nil
}

// HandleEvent queues an event to be written. It waits while the queue is full,
// until ctx ends.
func (s *Sink) HandleEvent(ctx context.Context, e hotsock.Event) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return ErrShutdown
	}
	s.sending.Add(1)
	s.mu.Unlock()
	defer s.sending.Done()
	select {
	case s.queue <- entry{id: e.ID, typ: e.Type, text: text}:
		return nil
	case <-s.stopping:
		return ErrShutdown
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown writes what is queued and ends the sink. If ctx ends first, the rest is
// lost, and the error says how much that is. Shut the handler down before, because
// it then hands out its last events.
func (s *Sink) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := !s.stopped
	s.stopped = true
	s.mu.Unlock()
	if first {
		close(s.stopping)
		s.sending.Wait()
		close(s.queue)
	}
	stop := context.AfterFunc(ctx, s.cancel)
	defer stop()
	<-s.done
	s.cancel()
	if s.lost > 0 {
		return fmt.Errorf("sinkredis: %d events could not be written: %w", s.lost, context.Cause(ctx))
	}
	return nil
}

// A batch is written in one step: so many events at the most, and events until
// there are so many bytes.
const (
	batchLen   = 256
	batchBytes = 1 << 20
)

func (s *Sink) run() {
	defer close(s.done)
	for e := range s.queue {
		batch, size := []entry{e}, len(e.text)
		for more := true; more && len(batch) < batchLen && size < batchBytes; {
			select {
			case e, ok := <-s.queue:
				if more = ok; ok {
					batch, size = append(batch, e), size+len(e.text)
				}
			default:
				more = false
			}
		}
		s.write(batch)
	}
}

// forget is how long after its last event a writer's number is kept: longer than
// any retry should take.
const forget = 24 * time.Hour

// write appends a batch, however often it has to be tried.
func (s *Sink) write(batch []entry) {
	args := []any{s.opts.MaxLen, forget.Milliseconds(), s.next}
	for _, e := range batch {
		args = append(args, e.id, e.typ, e.text)
	}
	s.next += int64(len(batch))
	var b backoff
	var since time.Time
	for s.ctx.Err() == nil {
		err := try(s.ctx, func(ctx context.Context) error {
			return appendScript.Run(ctx, s.client, []string{s.stream, s.writer}, args...).Err()
		})
		if err == nil {
			if !since.IsZero() {
				s.opts.Logger.Info("sinkredis: the stream can be written to again", "stream", s.stream, "after", time.Since(since))
			}
			return
		}
		if since.IsZero() && s.ctx.Err() == nil {
			since = time.Now()
			s.opts.Logger.Warn("sinkredis: the stream cannot be written to", "stream", s.stream, "err", err)
		}
		b.sleep(s.ctx, s.client)
	}
	s.lost += len(batch)
}
