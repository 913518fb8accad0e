package storeredis

import (
	"context"
	"errors"
	"slices"

	"github.com/hotsock-go/hotsock/store"
)

// appendFormat is the format from which on nodes know what the log has of an append.
// Older ones leave it out, and their clients would miss it.
const appendFormat = 3

// mayAppend returns why nothing can be appended to messages.
func (n *node) mayAppend() error {
	if a := n.heartbeat.assigned.Load(); a != nil && a.formats.oldest < appendFormat {
		return store.ErrOlderNode
	}
	return nil
}

// Edit updates, appends to or deletes a kept message; a script does that and publishes the
// notice.
func (n *node) Edit(ctx context.Context, e store.EditRequest) (store.EditResult, error) {
	if n.left.Load() {
		return store.EditResult{}, errLeft
	}
	at := formatID(e.Message)
	if at == "" {
		return store.EditResult{}, store.ErrNotFound
	}
	var c call
	if !e.Append {
		c = n.editCall(&e, at)
	} else if err := n.mayAppend(); err == nil {
		c = n.appendCall(&e, at)
	} else {
		return store.EditResult{}, err
	}
	r, err := n.s.do(ctx, c)
	if errors.Is(err, refusedOther) {
		return store.EditResult{}, store.ErrConflict
	}
	if err != nil {
		return store.EditResult{}, notFound(err)
	}
	res := store.EditResult{Notice: r.record.id(), Version: r.record.int(), Subscriptions: int(r.record.int())}
	n.losses.note(c.part, e.Channel, res.Notice, r.server)
	return res, r.record.err()
}

func (n *node) editCall(e *store.EditRequest, at string) call {
	ck := n.s.keys.channel(e.Channel)
	return n.channelCall(editScript, e.Channel, ck, append([]any{ck.erased()}, reactionKeys(&ck, at)...),
		encodeMessage(&e.Notice), e.NoticeEnd, at, decimal(e.IfVersion), flag(e.Delete), e.Data, e.Stream)
}

func (n *node) appendCall(e *store.EditRequest, at string) call {
	names := n.s.names.of(&n.s.keys, e.Channel)
	notice := e.Notice
	logged := appendInt(nil, int64(len(e.Data)))
	logged = appendField(appendField(logged, encodeMessage(&notice)), e.NoticeEnd)
	notice.Data = slices.Concat(notice.Data, e.Data, e.NoticeEnd)
	return call{
		script: appendScript, part: names.part, keys: names.appended(),
		args: n.channelArgs(names.topic, names.name, encodeMessage(&notice), logged, at, decimal(e.IfVersion), e.Data, decimal(int64(e.Tail)), e.Stream),
	}
}
