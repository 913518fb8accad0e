package hotsock

import (
	"context"
	"encoding/binary"
	"math/bits"
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

func (sr *storeReader) readHistory(ctx context.Context, r store.HistoryRequest) (store.HistoryResult, error) {
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	return sr.node.History(limited, r)
}

func (sr *storeReader) readTallies(ctx context.Context, t store.TalliesRequest) ([]store.Tally, error) {
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	return sr.node.Tallies(limited, t)
}

// reactions returns a page of the reactions to a message.
func (sr *storeReader) reactions(ctx context.Context, q store.ReactionsRequest) (store.ReactionsResult, error) {
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	q.MaxBytes = maxPageSize
	return sr.node.Reactions(limited, q)
}

// readableMessage returns a kept message that the client may read.
func (sr *storeReader) readableMessage(ctx context.Context, acc *access, id ulid.ULID) (*store.Message, error) {
	if err := acc.permitRead(id); err != nil {
		return nil, err
	}
	return sr.keptMessage(ctx, acc.channel, id)
}

// keptMessage returns one that is in the history.
func (sr *storeReader) keptMessage(ctx context.Context, channel string, id ulid.ULID) (*store.Message, error) {
	r := store.HistoryRequest{Channel: channel, Limit: 1, MaxBytes: maxPageSize}
	r.After, r.Before = neighbors(id)
	page, err := sr.readHistory(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(page.Messages) == 0 || page.Messages[0].ID != id {
		return nil, refuse(CodeMessageNotFound)
	}
	return page.Messages[0], nil
}

// neighbors returns the ids right before and right after one.
func neighbors(id ulid.ULID) (before, after ulid.ULID) {
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	less, borrow := bits.Sub64(low, 1, 0)
	binary.BigEndian.PutUint64(before[:8], high-borrow)
	binary.BigEndian.PutUint64(before[8:], less)
	more, carry := bits.Add64(low, 1, 0)
	binary.BigEndian.PutUint64(after[:8], high+carry)
	binary.BigEndian.PutUint64(after[8:], more)
	return before, after
}

func (sr *storeReader) replay(ctx context.Context, r store.ReplayRequest) (store.ReplayResult, error) {
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	return sr.node.Replay(limited, r)
}

func (sr *storeReader) readEntries(ctx context.Context, r store.EntriesRequest) (store.EntriesResult, error) {
	limited := newLazyTimeout(ctx, sr.timeout)
	defer limited.end()
	return sr.node.Entries(limited, r)
}

// getAs reads an entry for a client; nil is none.
func (sr *storeReader) getAs(ctx context.Context, acc *access, key string) (*store.Entry, error) {
	if err := acc.permitGet(key); err != nil {
		return nil, err
	}
	page, err := sr.readEntries(ctx, store.EntriesRequest{Channel: acc.channel, Keys: []string{key}, MaxBytes: entryPage})
	if err != nil || len(page.Entries) == 0 {
		return nil, err
	}
	return page.Entries[0], nil
}
