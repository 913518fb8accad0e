package hotsock

import (
	"context"
	"errors"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A MessageUpdate is what a host changes of a stored message.
type MessageUpdate struct {
	Channel   string
	MessageID string
	// Data is the new one, as in [Message].
	Data any
	// IfVersion, if not 0, is the [HistoryMessage.Version] that the message must be
	// of: 1 if nobody has updated it.
	IfVersion int64
	// From is in whose name it is updated, and Exclude the id of a connection that is
	// not told, both as in [Message]. The message keeps its sender.
	From    *Member
	Exclude string
	// EmitEvent raises [EventMessageUpdated].
	EmitEvent bool
}

// A MessageDeletion names a stored message that a host deletes.
type MessageDeletion struct {
	Channel   string
	MessageID string
	// From is in whose name it is deleted, and Exclude the id of a connection that is
	// not told, both as in [Message].
	From    *Member
	Exclude string
	// EmitEvent raises [EventMessageDeleted].
	EmitEvent bool
}

// UpdateMessage changes the data of a stored message and tells the channel's
// subscribers. Its place in the history, its reactions and the time until which it is
// stored stay. It returns the new version: 2 after the first update. The error is an
// [*Error], with [CodeMessageNotFound] if there is no such stored message, and
// [CodeConflict] if it is of another version than IfVersion.
func (h *Handler) UpdateMessage(ctx context.Context, u MessageUpdate) (version int64, err error) {
	data, err := marshalData(u.Data, h.opts.MaxDataSize)
	if err != nil {
		return 0, err
	}
	if u.IfVersion < 0 {
		return 0, refuseBecause(CodeInvalidRequest, "IfVersion must not be negative")
	}
	out, err := h.writes.hostEdit(ctx, u.Channel, u.MessageID, u.From, wire.Edit{Data: data, IfVersion: u.IfVersion}, editOptions{u.Exclude, u.EmitEvent})
	return out.version, err
}

// DeleteMessage deletes a stored message with its reactions, and tells the channel's
// subscribers. No history and nobody who catches up gets anything of it from then on.
// A repeated publish with its DeduplicationID does not bring it back. The error is an
// [*Error], with [CodeMessageNotFound] if there is no such stored message, perhaps
// because it was deleted before.
func (h *Handler) DeleteMessage(ctx context.Context, d MessageDeletion) error {
	_, err := h.writes.hostEdit(ctx, d.Channel, d.MessageID, d.From, wire.Edit{Delete: true}, editOptions{d.Exclude, d.EmitEvent})
	return err
}

// hostEdit updates or deletes a message for the app.
func (sw *storeWriter) hostEdit(ctx context.Context, channel, message string, from *Member, e wire.Edit, o editOptions) (publishResult, error) {
	if err := errors.Join(validateChannel(channel), validateExclude(o.exclude)); err != nil {
		return publishResult{}, hostError(err)
	}
	var err error
	if e.MessageID, err = ulid.ParseStrict(message); err != nil {
		return publishResult{}, refuse(CodeMessageNotFound)
	}
	var by *store.Meta
	if from != nil {
		if by, err = newSender(from.UID, from.UMD, sw.opts.MaxMetadataSize); err != nil {
			return publishResult{}, hostError(err)
		}
	}
	who := source{Trigger: triggerGo}
	out, err := sw.edit(ctx, &who, channel, by, e, o)
	return out, hostError(err)
}
