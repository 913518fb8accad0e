package hotsock

import (
	"context"
	"errors"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// writeEntry writes an entry for the app in one of the ways that there are.
func writeEntry(
	ctx context.Context, e Entry, data []byte, write func(context.Context, *source, serverWrite) (publishResult, error),
) (SetResult, error) {
	w := serverWrite{channel: e.Channel, key: e.Key, data: data, retention: Forever, emit: e.EmitEvent, due: e.At}
	var err error
	if e.Store != 0 {
		if w.retention, err = retentionOf(e.Store); err != nil {
			return SetResult{}, err
		}
	}
	if e.IfVersion != nil {
		if w.ifVersion, err = parseVersion(*e.IfVersion); err != nil {
			return SetResult{}, err
		}
	}
	who := source{Trigger: triggerGo}
	out, err := write(ctx, &who, w)
	result := SetResult{ScheduleARN: out.arn}
	there := out.written.Entry
	if refused, ok := errors.AsType[*Error](err); ok {
		there = refused.current
	}
	if there != nil {
		result.Current = new(toStoredEntry(there))
	}
	return result, hostError(err)
}

// parseVersion reads the version of an entry, "" for none.
func parseVersion(version string) (*ulid.ULID, error) {
	var id ulid.ULID
	if version != "" {
		var err error
		if id, err = ulid.ParseStrict(version); err != nil || id.IsZero() {
			return nil, refuseBecause(CodeInvalidRequest, "IfVersion must be the Version of an entry, or empty")
		}
	}
	return &id, nil
}

func toStoredEntry(e *store.Entry) StoredEntry {
	out := StoredEntry{Key: e.Key, Data: e.Value, By: Member{UID: e.Meta.UID, UMD: e.Meta.UMD}, Expires: e.Expires}
	if e.Value != nil {
		out.Version = e.ID.String()
	}
	return out
}
