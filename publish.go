package hotsock

import (
	"bytes"
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// publishInput is a client's message.
type publishInput struct {
	Event    string
	Data     []byte // compact JSON or nil
	Schedule wire.Schedule
}

// An accepted answers a request that was accepted: with the id of a message, or
// of a schedule.
type accepted struct {
	id  ulid.ULID
	arn string
	// duplicate says that id is that of an earlier message.
	duplicate bool
}

// publishAs publishes a client's message.
func (h *Handler) publishAs(ctx context.Context, who *requester, sc *scope, in publishInput) (accepted, error) {
	g, err := sc.permitPublish(in.Event)
	if err != nil {
		return accepted{}, err
	}
	meta := sc.meta
	p := store.PublishRequest{
		Channel: sc.channel,
		Event:   in.Event,
		// The frame's buffer is used again.
		Data: bytes.Clone(in.Data),
		Meta: &meta,
		Keep: g.Keep,
	}
	if !g.Echo {
		p.Exclude = sc.connection
	}
	if in.Schedule.Expression != "" {
		due, err := permitSchedule(in.Schedule, g.ScheduleBefore)
		if err != nil {
			return accepted{}, err
		}
		later := p // Only this one has to be on the heap.
		return h.schedule(ctx, who, &store.Schedule{Due: due, Connection: sc.connection, UID: meta.UID, Publish: &later, Emit: g.Emit})
	}
	return h.publish(ctx, who, &p, g.Emit)
}

// publish is the one path of a message to the store.
func (h *Handler) publish(ctx context.Context, who *requester, p *store.PublishRequest, emit bool) (out accepted, err error) {
	if h.observer.on() {
		o := &Operation{Name: "message", Channel: p.Channel, Event: p.Event}
		ctx = h.observer.beginPublish(ctx, who, o)
		p.Trace = o.Trace
		defer func() { h.observer.endPublish(ctx, o, out, err) }()
	}
	ctx, cancel := h.storeContext(ctx)
	defer cancel()
	r, err := h.node.Publish(ctx, *p)
	if err != nil {
		return accepted{}, err
	}
	if !r.Duplicate {
		h.counts.published.Add(1)
		if emit {
			h.events.messagePublished(who, p, r.ID)
		}
	}
	return accepted{id: r.ID, duplicate: r.Duplicate}, nil
}
