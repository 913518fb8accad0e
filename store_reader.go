package hotsock

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/hotsock-go/hotsock/store"
)

// A storeReader reads what channels keep: what is long piece by piece, each in
// the time of an operation.
type storeReader struct {
	node    store.Node
	timeout time.Duration // of an operation
}

func (sr *storeReader) readHistory(ctx context.Context, r store.HistoryRequest) (store.HistoryPage, error) {
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	return sr.node.History(limited, r)
}

func (sr *storeReader) readTallies(ctx context.Context, t store.TallyRequest) ([]store.Tally, error) {
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	return sr.node.Tallies(limited, t)
}

// reactions returns a page of the reactions to a message.
func (sr *storeReader) reactions(ctx context.Context, q store.ReactionsRequest) (store.ReactionPage, error) {
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	q.MaxBytes = maxPageSize
	return sr.node.ListReactions(limited, q)
}

// readableMessage returns a kept message that the client may read.
func (sr *storeReader) readableMessage(ctx context.Context, acc *access, id ulid.ULID) (*store.Message, error) {
	if err := acc.permitRead(id); err != nil {
		return nil, err
	}
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	m, err := sr.node.Message(limited, acc.channel, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refuse(CodeMessageNotFound)
	}
	return m, err
}

func (sr *storeReader) replay(ctx context.Context, r store.ReplayRequest) (store.Replay, error) {
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	return sr.node.Replay(limited, r)
}

func (sr *storeReader) readEntries(ctx context.Context, r store.EntriesRequest) (store.EntryPage, error) {
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	return sr.node.Entries(limited, r)
}

// getAs reads an entry for a client; nil is none.
func (sr *storeReader) getAs(ctx context.Context, acc *access, key string) (*store.Entry, error) {
	if err := acc.permitGet(key); err != nil {
		return nil, err
	}
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	e, err := sr.node.Get(limited, acc.channel, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return e, err
}
