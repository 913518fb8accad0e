package hotsock

import (
	"bytes"
	"context"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A storeWriter gives the store what clients and the app publish, write, react with
// and schedule.
type storeWriter struct {
	opts      *Options
	node      store.Node
	inMemory  bool // the store is, and so never waits
	scheduler store.Scheduler
	reads     *storeReader
	events    *emitter
	observer  *safeObserver
	hooks     *hookCaller
	counts    *counts
	adding    keyLocks
	// publishing are the turns of messages on their way to the store.
	publishing *turns
}

// publishInput is a client's message.
type publishInput struct {
	Event    string
	Data     []byte // compact JSON or nil
	Schedule wire.Schedule
	// DeduplicationID is "" if there is none. It is the client's own, whatever others
	// use.
	DeduplicationID string
}

// A publishResult says what became of a message, a write, a reaction or an edit that
// was accepted: with the id of the message, or of the schedule.
type publishResult struct {
	id  ulid.ULID
	arn string
	// written is an entry of which the client wants to know.
	written wire.Written
	// duplicate says that id is that of an earlier message, with the same deduplication id.
	duplicate bool
	// version is the new one of a message that was updated.
	version int64
}

// clientPublish publishes a client's message.
func (sw *storeWriter) clientPublish(ctx context.Context, who *source, acc *access, in publishInput) (publishResult, error) {
	perms, err := acc.permitPublish(in.Event)
	if err != nil {
		return publishResult{}, err
	}
	meta := acc.meta
	p := store.PublishRequest{
		Channel: acc.channel,
		Event:   in.Event,
		// The frame's buffer is used again.
		Data:      bytes.Clone(in.Data),
		Meta:      &meta,
		Retention: perms.Retention,
	}
	if !perms.Echo {
		p.Exclude = acc.connection
	}
	if in.DeduplicationID != "" {
		if err := validateDeduplicationID(in.DeduplicationID); err != nil {
			return publishResult{}, err
		}
		p.DedupID, p.DedupFor = acc.deduplicationID(in.DeduplicationID), sw.opts.DeduplicationWindow
	}
	var due time.Time // zero is now
	if in.Schedule.Expression != "" {
		if due, err = permitSchedule(in.Schedule, perms.ScheduleBefore); err != nil {
			return publishResult{}, err
		}
	}
	if sw.opts.Hooks.BeforePublish != nil {
		asked := p // Only this one has to be on the heap.
		if takenOver, err := sw.askPublish(ctx, who, acc, &asked, in.DeduplicationID, due); takenOver || err != nil {
			return publishResult{}, err
		}
		p = asked
	}
	if !due.IsZero() {
		later := p // Only this one has to be on the heap.
		return sw.schedule(ctx, who, &store.Schedule{Due: due, Connection: acc.connection, UID: meta.UID, Publish: &later, Emit: perms.Emit})
	}
	out, err := sw.publish(ctx, who, &p, perms.Emit)
	if in.DeduplicationID == "" {
		out.duplicate = false // by an id of a hook, of which the client knows nothing
	}
	return out, err
}

// publish is the one path of a message to the store.
func (sw *storeWriter) publish(ctx context.Context, who *source, p *store.PublishRequest, emit bool) (out publishResult, err error) {
	if sw.observer.on() {
		o := &Operation{Name: "message", Channel: p.Channel, Event: p.Event}
		ctx = sw.observer.beginPublish(ctx, who, o)
		p.Trace = o.Trace
		defer func() { sw.observer.endPublish(ctx, o, out, err) }()
	}
	if p.Retention != 0 {
		sw.keepOrigin(p, who, false)
	}
	t := turn{turns: sw.publishing}
	if err := t.take(ctx); err != nil {
		return publishResult{}, err
	}
	defer t.give()
	limited := ctx
	if !sw.inMemory {
		timeout := newLazyTimeout(ctx, sw.opts.StoreTimeout)
		defer timeout.end()
		limited = timeout
	}
	r, err := sw.node.Publish(limited, *p)
	if err != nil {
		return publishResult{}, err
	}
	t.succeeded()
	if !r.Duplicate {
		sw.counts.published.Add(1)
		if emit {
			sw.events.messagePublished(who, p, r.ID)
		}
	}
	return publishResult{id: r.ID, duplicate: r.Duplicate}, nil
}
