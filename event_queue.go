package hotsock

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
)

// An emitter carries events to the sinks without making anybody wait.
type emitter struct {
	logger *slog.Logger
	cancel context.CancelFunc
	sinks  []*sinkQueue

	mu      sync.Mutex // guards what is counted in the queues, too
	lost    uint64     // events that sinks were not given
	stopped bool
}

// A sinkQueue is what one sink has yet to be given.
type sinkQueue struct {
	sink    EventSink
	queue   chan Event
	size    int // bytes of what is queued, as sizeOf counts
	dropped int
	done    chan struct{}
}

// newEmitter returns nil for no sink: its methods do nothing then.
func newEmitter(sink EventSink, logger *slog.Logger) *emitter {
	sinks := flatten(nil, sink)
	if len(sinks) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &emitter{logger: logger, cancel: cancel}
	for _, s := range sinks {
		q := &sinkQueue{sink: s, queue: make(chan Event, eventQueue), done: make(chan struct{})}
		e.sinks = append(e.sinks, q)
		go e.run(ctx, q)
	}
	return e
}

// on reports whether events are wanted, so that none is built in vain.
func (e *emitter) on() bool { return e != nil }

func (e *emitter) emit(typ, dataType string, m EventMetadata, data any) {
	if e == nil {
		return
	}
	m.HotsockVersion = Version
	ev := Event{Source: "hotsock.v1", Type: typ, Metadata: m, Data: data, DataType: dataType}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped {
		return
	}
	ev.ID = newRequestID()
	size := sizeOf(data)
	for _, q := range e.sinks {
		if len(q.queue) == cap(q.queue) || q.size+size > maxEventBytes {
			q.dropped++
			e.lost++
			continue
		}
		q.queue <- ev // has room, since nobody else sends
		q.size += size
		e.reportDropped(q)
	}
}

// sizeOf is about what an event's data holds of memory that can be much.
func sizeOf(data any) int {
	switch d := data.(type) {
	case EventMessageData:
		return len(d.Data)
	case EventStorageData:
		return len(d.Data) + len(d.DataPrevious)
	case EventMemberData:
		const each = 64 // for what surrounds a member's metadata
		size := each * len(d.Members)
		for _, m := range d.Members {
			size += len(m.UMD)
		}
		return size
	}
	return 0
}

// taken makes room for what was as long.
func (e *emitter) taken(q *sinkQueue, ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	q.size -= sizeOf(ev.Data)
}

// droppedSoFar is how many events sinks were not given.
func (e *emitter) droppedSoFar() uint64 {
	if e == nil {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lost
}

func (e *emitter) reportDropped(q *sinkQueue) {
	if q.dropped > 0 {
		e.logger.Error("hotsock: the event sink fell behind, events were dropped",
			"sink", fmt.Sprintf("%T", q.sink), "dropped", q.dropped)
		q.dropped = 0
	}
}

func (e *emitter) run(ctx context.Context, q *sinkQueue) {
	defer close(q.done)
	lost := 0
	defer func() {
		if lost > 0 {
			e.logger.Error("hotsock: events were lost in the shutdown", "sink", fmt.Sprintf("%T", q.sink), "lost", lost)
		}
	}()
	for ev := range q.queue {
		e.taken(q, ev)
		if ctx.Err() != nil {
			lost++
			continue
		}
		if err := e.handle(ctx, q.sink, ev); err != nil {
			e.logger.Error("hotsock: the event sink failed",
				"sink", fmt.Sprintf("%T", q.sink), "type", ev.Type, "id", ev.ID, "err", err)
		}
	}
}

func (e *emitter) handle(ctx context.Context, sink EventSink, ev Event) error {
	defer func() {
		if p := recover(); p != nil {
			e.logger.Error("hotsock: the event sink panicked",
				"sink", fmt.Sprintf("%T", sink), "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return sink.HandleEvent(ctx, ev)
}

// stop hands out what is queued, until ctx ends.
func (e *emitter) stop(ctx context.Context) {
	if e == nil {
		return
	}
	e.mu.Lock()
	if !e.stopped {
		e.stopped = true
		for _, q := range e.sinks {
			close(q.queue)
			e.reportDropped(q)
		}
	}
	e.mu.Unlock()
	stop := context.AfterFunc(ctx, e.cancel)
	defer stop()
	for _, q := range e.sinks {
		<-q.done
	}
	e.cancel()
}
