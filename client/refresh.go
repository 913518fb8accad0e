package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Refresh has the connection go on with a fresh token of Options.Token, which must be the
// same user's: with its permissions, and as long to live as a new connection.
// Subscriptions that it does not permit end. If the server does not take the token, the
// error is an [*Error] with CodeUnauthorized, and nothing has changed. If the connection
// breaks meanwhile, the next one has a token of its own, and Refresh sends another.
func (c *Client) Refresh(ctx context.Context) error {
	if c.opts.Token == nil {
		return errors.New("hotsock: there is no Options.Token to refresh with")
	}
	token, err := c.opts.Token(ctx)
	if err != nil {
		return fmt.Errorf("hotsock: no token: %w", err)
	}
	data, err := json.Marshal(map[string]string{"token": token})
	if err != nil {
		return err
	}
	_, err = c.do(ctx, command{Event: "hotsock.refresh", Data: data}, false)
	return err
}
