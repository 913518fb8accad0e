package hotsock

import (
	"context"
	"errors"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// appendText appends to a message. by is nil for the server, and exclude the connection
// that is not told. Where the text is must be read first, so somebody else may come
// before it.
func (sw *storeWriter) appendText(ctx context.Context, who *source, channel string, by *store.Meta, in wire.Append, exclude string) (publishResult, error) {
	text, _ := wire.AppendText(nil, in.Text)
	for range maxAppendTries {
		m, err := sw.reads.keptMessage(ctx, channel, in.MessageID)
		if err != nil {
			return publishResult{}, err
		}
		tail, units, ok := wire.FindText(m.Data)
		switch {
		case !ok:
			return publishResult{}, refuseBecause(CodeInvalidRequest, `only to a string, or to an object whose "text" is one, can be appended`)
		case in.IfVersion != 0 && in.IfVersion != m.Version():
			return publishResult{}, refuse(CodeConflict)
		case wire.IsStreamOpen(m.Stream):
			return publishResult{}, refuseBecause(CodeConflict, "the message is being streamed")
		case len(m.Data)+len(text) > sw.opts.MaxStreamSize:
			return publishResult{}, refuse(CodePayloadTooLarge)
		}
		notice := wire.Appended{MessageID: in.MessageID, Offset: units, Version: m.Version() + 1}
		r := store.EditRequest{
			Channel: channel, Message: in.MessageID, Append: true, Data: text, Tail: tail, IfVersion: m.Version(),
			Notice: store.PublishRequest{Channel: channel, Event: wire.EventMessageAppended, Meta: by, Exclude: exclude},
		}
		r.Notice.Data, r.NoticeEnd = wire.AppendAppendData(nil, notice)
		res, err := sw.editOnce(ctx, who, r)
		if !errors.Is(err, store.ErrConflict) {
			return publishResult{version: res.Version}, editError(err)
		}
	}
	return publishResult{}, refuse(CodeConflict)
}

// editOnce is the one path of an edit to the store. The errors are those of the store.
func (sw *storeWriter) editOnce(ctx context.Context, who *source, r store.EditRequest) (res store.EditResult, err error) {
	if sw.observer.on() {
		op := &Operation{Name: "edit", Channel: r.Channel, Event: r.Notice.Event}
		ctx = sw.observer.beginPublish(ctx, who, op)
		r.Notice.Trace = op.Trace
		defer func() { sw.observer.endPublish(ctx, op, publishResult{}, editError(err)) }()
	}
	limited := newLazyTimeout(ctx, sw.opts.StoreTimeout)
	defer limited.end()
	res, err = sw.node.Edit(limited, r)
	if err == nil {
		sw.counts.published.Add(1)
	}
	return res, err
}

// editError is what the app or a client is told.
func editError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return refuse(CodeMessageNotFound)
	case errors.Is(err, store.ErrConflict):
		return refuse(CodeConflict)
	}
	return err
}
