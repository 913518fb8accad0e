package hotsock

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/permission"
	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// setInput is a client's write.
type setInput struct {
	Key      string
	Data     []byte // compact JSON or nil
	Schedule wire.Schedule
	// IfVersion is the version that the entry must have, zero for no entry; nil for any.
	IfVersion *ulid.ULID
}

// clientSet writes an entry for a client.
func (sw *storeWriter) clientSet(ctx context.Context, who *source, acc *access, in setInput) (publishResult, error) {
	perms, err := acc.permitSet(in.Key)
	if err != nil {
		return publishResult{}, err
	}
	s := sw.clientSetRequest(who, acc, perms, in.Key, in.Data)
	s.IfID = in.IfVersion
	var due time.Time // zero is now
	if in.Schedule.Expression != "" {
		if in.IfVersion != nil {
			return publishResult{}, refuseBecause(CodeInvalidRequest, scheduledCondition)
		}
		if due, err = permitSchedule(in.Schedule, perms.ScheduleBefore); err != nil {
			return publishResult{}, err
		}
	}
	if sw.opts.Hooks.BeforeSetStorage != nil {
		if err := sw.askSet(ctx, who, acc, SetStorageRequest{Due: due}, s); err != nil {
			return publishResult{}, err
		}
	}
	if !due.IsZero() {
		return sw.schedule(ctx, who, &store.Schedule{Due: due, Connection: acc.connection, UID: acc.meta.UID, Set: s, Emit: perms.Emit})
	}
	r, err := sw.set(ctx, who, s)
	if err != nil || in.IfVersion == nil {
		return publishResult{}, forReader(err, perms.Get)
	}
	return publishResult{written: wire.Written{Entry: &r.Entry}}, nil
}

const scheduledCondition = `a scheduled write cannot have "ifVersion"`

// forReader leaves out of an error the entry that whoever is told of it may not read.
func forReader(err error, mayGet bool) error {
	if e, ok := errors.AsType[*Error](err); ok && e.current != nil && !mayGet {
		return refuse(e.Code)
	}
	return err
}

// clientSetRequest describes a client's write.
func (sw *storeWriter) clientSetRequest(who *source, acc *access, perms *permission.Entry, key string, data []byte) *store.SetRequest {
	s := setRequest(acc.channel, key, data)
	s.Meta, s.Retention = acc.meta, perms.Retention
	if perms.Emit {
		s.Emit, s.Origin = true, sw.opts.origin(who)
	}
	return s
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

// set is the one path of a write to the store. The error of one whose condition is not
// met has the entry that is there.
func (sw *storeWriter) set(ctx context.Context, who *source, s *store.SetRequest) (r store.SetResult, err error) {
	if sw.observer.on() {
		o := &Operation{Name: "entry", Channel: s.Channel, Event: s.Key}
		ctx = sw.observer.beginPublish(ctx, who, o)
		defer func() { sw.observer.endPublish(ctx, o, publishResult{}, err) }()
	}
	limited := newLazyTimeout(ctx, sw.opts.StoreTimeout)
	defer limited.end()
	r, err = sw.node.Set(limited, *s)
	switch {
	case err != nil:
		return r, err
	case r.Conflict:
		e := refuse(CodeConflict)
		e.current = &r.Entry
		return r, e
	case s.Emit && r.Changed:
		sw.events.storageUpdated(who, s.Channel, s.Key, s.Meta, &r)
	}
	return r, nil
}
