package hotsock

import (
	"bytes"
	"context"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// clientEdit updates or deletes a message for a client.
func (sw *storeWriter) clientEdit(ctx context.Context, who *source, acc *access, in wire.Edit) (publishResult, error) {
	if err := acc.permitEditing(); err != nil {
		return publishResult{}, err
	}
	m, err := sw.reads.readableMessage(ctx, acc, in.MessageID)
	if err != nil {
		return publishResult{}, err
	}
	if err := acc.permitEdit(m.Event, m.Meta, in.Delete); err != nil {
		return publishResult{}, err
	}
	command := wire.EventMessageUpdate
	if in.Delete {
		command = wire.EventMessageDelete
		if sw.opts.Hooks.BeforeDelete != nil {
			err = sw.askDelete(ctx, who, acc, m)
		}
	} else {
		in.Data = bytes.Clone(in.Data) // The frame's buffer is used again.
		if sw.opts.Hooks.BeforeUpdate != nil {
			err = sw.askUpdate(ctx, who, acc, m, &in)
		}
	}
	if err != nil {
		return publishResult{}, err
	}
	exclude := acc.connection
	if acc.perms.Event(command).Echo {
		exclude = ""
	}
	return sw.edit(ctx, who, acc.channel, &acc.meta, in, editOptions{exclude: exclude, emit: acc.perms.Event(m.Event).Emit})
}

type editOptions struct {
	exclude string // connection
	emit    bool
}

// edit updates or deletes a message. by is nil for the server.
func (sw *storeWriter) edit(ctx context.Context, who *source, channel string, by *store.Meta, in wire.Edit, o editOptions) (publishResult, error) {
	r := store.EditRequest{Channel: channel, Message: in.MessageID, Delete: in.Delete, Data: in.Data, IfVersion: in.IfVersion}
	r.Notice = store.PublishRequest{Channel: channel, Event: wire.EventMessageUpdated, Meta: by, Exclude: o.exclude}
	if in.Delete {
		r.Notice.Event = wire.EventMessageDeleted
	}
	r.Notice.Data, r.NoticeEnd = wire.AppendEditData(nil, in)
	res, err := sw.editOnce(ctx, who, r)
	if err != nil {
		return publishResult{}, editError(err)
	}
	if o.emit {
		sw.events.messageEdited(who, &r, &res)
	}
	return publishResult{version: res.Version}, nil
}
