package hotsock

import (
	"bytes"
	"context"
	"time"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// setInput is a client's write.
type setInput struct {
	Key      string
	Data     []byte // compact JSON or nil
	Schedule wire.Schedule
}

// clientSet writes an entry for a client.
func (sw *storeWriter) clientSet(ctx context.Context, who *source, acc *access, in setInput) (publishResult, error) {
	perms, err := acc.permitSet(in.Key)
	if err != nil {
		return publishResult{}, err
	}
	s := setRequest(acc.channel, in.Key, in.Data)
	s.Meta, s.Retention = acc.meta, perms.Retention
	if perms.Emit {
		s.Emit, s.Origin = true, sw.opts.origin(who)
	}
	var due time.Time // zero is now
	if in.Schedule.Expression != "" {
		if due, err = permitSchedule(in.Schedule, perms.ScheduleBefore); err != nil {
			return publishResult{}, err
		}
	}
	if sw.opts.Hooks.BeforeSetStorage != nil {
		if err := sw.askSet(ctx, who, acc, s, due); err != nil {
			return publishResult{}, err
		}
	}
	if !due.IsZero() {
		return sw.schedule(ctx, who, &store.Schedule{Due: due, Connection: acc.connection, UID: acc.meta.UID, Set: s, Emit: perms.Emit})
	}
	return publishResult{}, sw.set(ctx, who, s)
}

// setRequest describes a write; null, {} and nothing clear.
func setRequest(channel, key string, data []byte) *store.SetRequest {
	s := &store.SetRequest{Channel: channel, Key: key, Retention: store.Forever}
	if data != nil && !wire.IsClear(data) {
		s.Value = bytes.Clone(data)
		s.Digest = wire.Digest(s.Value)
	}
	return s
}

// set is the one path of a write to the store.
func (sw *storeWriter) set(ctx context.Context, who *source, s *store.SetRequest) (err error) {
	if sw.observer.on() {
		o := &Operation{Name: "entry", Channel: s.Channel, Event: s.Key}
		ctx = sw.observer.beginPublish(ctx, who, o)
		defer func() { sw.observer.endPublish(ctx, o, publishResult{}, err) }()
	}
	limited := newLazyTimeout(ctx, sw.opts.StoreTimeout)
	defer limited.end()
	r, err := sw.node.Set(limited, *s)
	if err != nil {
		return err
	}
	if s.Emit && r.Changed {
		sw.events.storageUpdated(who, s.Channel, s.Key, s.Meta, &r)
	}
	return nil
}
