package client

import (
	"context"
	"encoding/json"
	"iter"
	"time"
)

// Storage returns the entry under a key of a channel; its Data is null if there is
// none. It needs permission, but no subscription. Observe changes with a
// [Subscription].
func (c *Client) Storage(ctx context.Context, channel, key string) (Entry, error) {
	f, err := c.do(ctx, command{Event: "hotsock.channelStorageGet", Channel: channel, Key: key}, true)
	if err != nil {
		return Entry{}, err
	}
	return f.entry(), nil
}

// SetStorage stores a value under a key of a channel. The value is marshalled as
// JSON as in [Client.Publish], whose errors it returns. null and {} clear the entry.
func (c *Client) SetStorage(ctx context.Context, channel, key string, value any) error {
	_, err := c.setStorage(ctx, channel, key, value, "")
	return err
}

// SetStorageAt schedules the write of a value, as [Client.PublishAt] does with
// messages.
func (c *Client) SetStorageAt(ctx context.Context, t time.Time, channel, key string, value any) (arn string, err error) {
	d, err := c.setStorage(ctx, channel, key, value, at(t))
	return d.ScheduleARN, err
}

func (c *Client) setStorage(ctx context.Context, channel, key string, value any, schedule string) (ackData, error) {
	raw, err := marshal(value)
	if err != nil {
		return ackData{}, err
	}
	return c.accepted(ctx, command{
		Event: "hotsock.channelStorageSet", Channel: channel, Key: key, Data: raw, Schedule: schedule,
	})
}

// ListStorage iterates over the entries of a channel that the client may get, in
// the order of their keys. With keys, at most 100, it returns only those. After an
// error it ends.
func (c *Client) ListStorage(ctx context.Context, channel string, keys ...string) iter.Seq2[Entry, error] {
	type entry struct {
		Key  string          `json:"key"`
		Data json.RawMessage `json:"data"`
		Meta meta            `json:"meta"`
	}
	return func(yield func(Entry, error) bool) {
		body := struct {
			Channel string   `json:"channel"`
			Keys    []string `json:"keys,omitempty"`
			After   string   `json:"after,omitempty"`
		}{channel, keys, ""}
		for {
			var page struct {
				Items []entry `json:"items"`
				More  bool    `json:"more"`
			}
			if err := c.ask(ctx, channel, "channelStorageList", body, &page); err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range page.Items {
				if !yield(Entry{Channel: channel, Key: e.Key, Data: orNull(e.Data), By: e.Meta.user()}, nil) {
					return
				}
				body.After = e.Key
			}
			if len(page.Items) == 0 || len(page.Items) < pageSize && !page.More {
				return
			}
		}
	}
}

// pageSize is the length of pages that are not the last.
const pageSize = 100
