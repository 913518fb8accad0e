package storeredis

import (
	"context"
	"errors"

	"github.com/hotsock-go/hotsock/store"
)

// appendFormat is the format from which on nodes know what the log has of an append.
// Older ones leave it out, and their clients would miss it.
const appendFormat = 3

var errOlderNode = unavailable(errors.New("a node of an older version shares this Redis: nothing can be appended to messages"), nil)

// Edit updates, appends to or deletes a kept message; the script publishes the notice.
func (n *node) Edit(ctx context.Context, e store.EditRequest) (store.EditResult, error) {
	if n.left.Load() {
		return store.EditResult{}, errLeft
	}
	at := formatID(e.Message)
	if at == "" {
		return store.EditResult{}, store.ErrNotFound
	}
	if e.Append {
		if a := n.heartbeat.assigned.Load(); a != nil && a.formats.oldest < appendFormat {
			return store.EditResult{}, errOlderNode
		}
	}
	ck := n.s.keys.channel(e.Channel)
	r, err := n.s.do(ctx, n.editCall(&e, ck, at))
	if errors.Is(err, refusedOther) {
		return store.EditResult{}, store.ErrConflict
	}
	if err != nil {
		return store.EditResult{}, notFound(err)
	}
	res := store.EditResult{Notice: r.record.id(), Version: r.record.int(), Subscriptions: int(r.record.int())}
	n.losses.note(ck.part, e.Channel, res.Notice, r.server)
	return res, r.record.err()
}

func (n *node) editCall(e *store.EditRequest, ck channelKeys, at string) call {
	tail := ""
	if e.Append {
		tail = decimal(int64(e.Tail))
	}
	return n.channelCall(editScript, e.Channel, ck, append([]any{ck.erased()}, reactionKeys(&ck, at)...),
		encodeMessage(&e.Notice), e.NoticeEnd, at, decimal(e.IfVersion), flag(e.Delete), e.Data, tail, e.Stream)
}
