package client

import (
	"context"
	"errors"
)

// UpdateStorage changes the value of an entry: the function gets the entry as it is, with
// null for none, and returns the value to store, or null to clear it. If somebody else
// changes the entry meanwhile, the function is called again with what is there then, and
// nobody's change is lost. It may be called any number of times, and should do nothing
// but compute. If it returns an error, nothing is stored, and UpdateStorage returns that.
//
// It needs the permissions to get and to set the entry. Other errors are those of
// [Client.SetStorage].
func (c *Client) UpdateStorage(ctx context.Context, channel, key string, change func(Entry) (any, error)) error {
	f, err := c.do(ctx, command{Event: "hotsock.channelStorageGet", Channel: channel, Key: key, WithVersion: true}, true)
	if err != nil {
		return err
	}
	entry, version := f.entry(), f.Version
	for {
		value, err := change(entry)
		if err != nil {
			return err
		}
		raw, err := marshal(value)
		if err != nil {
			return err
		}
		_, err = c.accepted(ctx, command{
			Event: "hotsock.channelStorageSet", Channel: channel, Key: key, Data: raw, IfVersion: orNull(version),
		})
		refused, _ := errors.AsType[*Error](err)
		if refused == nil || refused.Code != CodeConflict || refused.current == nil {
			return err
		}
		there := refused.current
		entry = Entry{Channel: channel, Key: key, Data: orNull(there.Data), By: there.Meta.user()}
		version = there.Version
	}
}

// AddStorage adds a number to that of an entry, in one step; no entry is 0. It returns
// the sum, or 0 for a client that may not get the entry. If the entry is not a number,
// the code of the [Error] is [CodeConflict]. Other errors are those of
// [Client.SetStorage].
func (c *Client) AddStorage(ctx context.Context, channel, key string, n float64) (sum float64, err error) {
	raw, err := marshal(n)
	if err != nil {
		return 0, err
	}
	f, err := c.do(ctx, command{Event: "hotsock.channelStorageAdd", Channel: channel, Key: key, Data: raw}, false)
	if err != nil {
		return 0, err
	}
	var d struct {
		Data float64 `json:"data"`
	}
	err = f.data(&d)
	return d.Data, err
}
