package hotsock

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"github.com/hotsock-go/hotsock/internal/wire"
	"github.com/hotsock-go/hotsock/store"
)

// This file reads a little of each of many channels, for unread badges.

// latest returns the newest stored message of each channel that has one.
func (sr *storeReader) latest(ctx context.Context, channels []string) (map[string]*store.Message, error) {
	return ofChannels(channels, func(channel string) (*store.Message, bool, error) {
		page, err := sr.readHistory(ctx, store.HistoryRequest{Channel: channel, Reverse: true, Limit: 1, MaxBytes: maxPageSize})
		if err != nil || len(page.Messages) == 0 {
			return nil, false, err
		}
		return page.Messages[0], true, nil
	})
}

// countSince counts the stored messages of each channel that follow an id.
func (sr *storeReader) countSince(ctx context.Context, after map[string]ulid.ULID) (map[string]int, error) {
	return ofChannels(slices.Collect(maps.Keys(after)), func(channel string) (int, bool, error) {
		limited := newLazyTimeout(ctx, sr.timeout)
		defer limited.end()
		n, err := sr.node.Count(limited, store.CountRequest{Channel: channel, After: after[channel], Limit: MaxCount})
		return n, true, err
	})
}

// ofChannels reads something of each of the channels, side by side, and returns what
// was there.
func ofChannels[T any](channels []string, read func(channel string) (T, bool, error)) (map[string]T, error) {
	if len(channels) > wire.MaxChannels {
		return nil, refuseBecause(CodeInvalidRequest, fmt.Sprintf("more than %d channels at once", wire.MaxChannels))
	}
	for _, channel := range channels {
		if err := validateChannel(channel); err != nil {
			return nil, err
		}
	}
	var mu sync.Mutex
	out := make(map[string]T, len(channels))
	var g errgroup.Group
	g.SetLimit(maxChannelReads)
	for _, channel := range channels {
		g.Go(func() error {
			v, there, err := read(channel)
			if err != nil || !there {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			out[channel] = v
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, asError(err)
	}
	return out, nil
}
