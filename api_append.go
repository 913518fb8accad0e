package hotsock

import (
	"context"
	"errors"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A MessageAppend is what a host adds to the text of a stored message.
type MessageAppend struct {
	Channel   string
	MessageID string
	// Text is added at the end of the message's text: of its data, if that is a string,
	// or of the member "text" of an object. The data is at most [Options.MaxStreamSize]
	// long then.
	Text string
	// IfVersion, From and Exclude are as in a [MessageUpdate].
	IfVersion int64
	From      *Member
	Exclude   string
}

// AppendMessage adds to the text of a stored message and tells the channel's subscribers
// what was added. All else is as with [Handler.UpdateMessage]: it returns the new version.
// Appends at the same time all come in, in some order. To write an answer as it comes
// about, use [Handler.Stream]: nothing can be appended to a message while it is streamed.
func (h *Handler) AppendMessage(ctx context.Context, a MessageAppend) (version int64, err error) {
	if err := errors.Join(validateChannel(a.Channel), validateExclude(a.Exclude)); err != nil {
		return 0, hostError(err)
	}
	in := wire.Append{Text: a.Text, IfVersion: a.IfVersion}
	if in.MessageID, err = ulid.ParseStrict(a.MessageID); err != nil {
		return 0, refuse(CodeMessageNotFound)
	}
	if a.IfVersion < 0 {
		return 0, refuseBecause(CodeInvalidRequest, "IfVersion must not be negative")
	}
	var by *store.Meta
	if a.From != nil {
		if by, err = newSender(a.From.UID, a.From.UMD, h.opts.MaxMetadataSize); err != nil {
			return 0, hostError(err)
		}
	}
	who := source{Trigger: triggerGo}
	out, err := h.writes.appendText(ctx, &who, a.Channel, by, in, a.Exclude)
	return out.version, hostError(err)
}
