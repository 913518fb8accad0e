package client

import (
	"context"
	"encoding/json"
)

// Call calls a method of the app with parameters, which are marshalled as JSON as in
// [Client.Publish], and returns the result; nil gives no parameters. It needs the
// permission of the connect token's calls claim.
//
// The call waits for ctx, and no longer. If the connection breaks or ctx ends after
// the call was sent, the error is [ErrUnknownOutcome]: the method may have been
// carried out. A call that was sent is never sent again. An [Error] is what the server
// or the method refused with; its code may be one of the app's own.
func (c *Client) Call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	return c.callOn(ctx, "", method, params)
}

// Call calls a method on the channel, and is otherwise as [Client.Call]. The
// permission is that of the channel.
func (s *Subscription) Call(ctx context.Context, method string, params any) (json.RawMessage, error) {
	return s.c.callOn(ctx, s.name, method, params)
}

func (c *Client) callOn(ctx context.Context, channel, method string, params any) (json.RawMessage, error) {
	call := struct {
		Method string          `json:"method"`
		Params json.RawMessage `json:"params,omitzero"`
	}{Method: method}
	var err error
	if params != nil {
		if call.Params, err = marshal(params); err != nil {
			return nil, err
		}
	}
	raw, err := marshal(call)
	if err != nil {
		return nil, err
	}
	f, err := c.do(ctx, command{Event: "hotsock.call", Channel: channel, Data: raw}, false)
	if err != nil {
		return nil, err
	}
	return orNull(f.Data), nil
}
