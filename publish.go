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

// A publishResult says what became of a message, a write or a reaction that was
// accepted: with the id of the message, or of the schedule.
type publishResult struct {
	id  ulid.ULID
	arn string
	// duplicate says that id is that of an earlier message.
	duplicate bool
}

// publishAs publishes a client's message.
func (h *Handler) publishAs(ctx context.Context, who *requester, acc *access, in publishInput) (publishResult, error) {
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
		Retention: perms.Keep,
	}
	if !perms.Echo {
		p.Exclude = acc.connection
	}
	if in.Schedule.Expression != "" {
		due, err := permitSchedule(in.Schedule, perms.ScheduleBefore)
		if err != nil {
			return publishResult{}, err
		}
		later := p // Only this one has to be on the heap.
		return h.schedule(ctx, who, &store.Schedule{Due: due, Connection: acc.connection, UID: meta.UID, Publish: &later, Emit: perms.Emit})
	}
	return h.publish(ctx, who, &p, perms.Emit)
}

// publish is the one path of a message to the store.
func (h *Handler) publish(ctx context.Context, who *requester, p *store.PublishRequest, emit bool) (out publishResult, err error) {
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
		return publishResult{}, err
	}
	if !r.Duplicate {
		h.counts.published.Add(1)
		if emit {
			h.events.messagePublished(who, p, r.ID)
		}
	}
	return publishResult{id: r.ID, duplicate: r.Duplicate}, nil
}
