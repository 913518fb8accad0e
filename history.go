package hotsock

import (
	"context"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// A historyQuery selects a page of a channel's history.
type historyQuery struct {
	channel string
	// oldest is an exclusive lower bound that always counts; after counts only
	// forwards and before only in reverse.
	oldest, after, before ulid.ULID
	reverse               bool
}

// history returns a page of messages with the reactions to them.
func (h *Handler) history(ctx context.Context, q historyQuery) ([]*store.Message, map[ulid.ULID][]store.Reaction, error) {
	ctx, cancel := h.storeContext(ctx)
	defer cancel()
	r := store.HistoryRequest{Channel: q.channel, After: q.oldest, Reverse: q.reverse, Limit: wire.MaxPage}
	if q.reverse {
		r.Before = q.before
	} else if q.after.Compare(q.oldest) > 0 {
		r.After = q.after
	}
	messages, err := h.node.History(ctx, r)
	if err != nil || len(messages) == 0 {
		return nil, nil, err
	}
	ids := make([]ulid.ULID, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	reactions, err := h.node.ListReactions(ctx, q.channel, ids)
	return messages, reactions, err
}
