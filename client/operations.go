package client

import (
	"context"
	"errors"
)

// UpdateUMD changes the user's metadata as a umd token says that the app has
// given: that of the subscription to the channel, or with "" that of the
// connection. A reconnect begins with the metadata of the connect token again.
// Errors are those of [Client.Publish].
func (c *Client) UpdateUMD(ctx context.Context, channel, token string) error {
	raw, err := marshal(struct {
		Token string `json:"token"`
	}{token})
	if err != nil {
		return err
	}
	_, err = c.accepted(ctx, command{Event: "hotsock.umdUpdate", Channel: channel, Data: raw})
	return err
}

// ChannelInfo is what a channel's getInfo permission tells.
type ChannelInfo struct {
	Channel string `json:"channel"`
	// Subscriptions is how many there are, without those that are not to be
	// counted.
	Subscriptions int `json:"subscriptionsCount"`
	// Members are those of a presence channel.
	Members []User `json:"members"`
}

// ChannelInfo returns how many are subscribed to a channel, and who. It takes
// permission, but no subscription.
func (c *Client) ChannelInfo(ctx context.Context, channel string) (ChannelInfo, error) {
	var info ChannelInfo
	err := c.ask(ctx, channel, "getChannelInfo", struct {
		Channel string `json:"channel"`
	}{channel}, &info)
	return info, err
}

// CancelSchedule cancels what this client, or another one of its user, has
// scheduled. When it returns nil, it will not be carried out. Refused with
// [CodeScheduleNotFound], it was carried out or cancelled already. If there was
// no answer, the error is [ErrUnknownOutcome]; then it may be tried again, and
// not be found because the first try has cancelled it.
func (c *Client) CancelSchedule(ctx context.Context, arn string) error {
	for {
		n, err := c.ready(ctx, "")
		if err != nil {
			return err
		}
		err = c.request(ctx, n, "cancelSchedule", struct {
			ARN string `json:"scheduleArn"`
		}{arn}, &struct{}{})
		if e, ok := errors.AsType[*noAnswer](err); ok {
			return unknownOutcome(e.cause)
		}
		if !errors.Is(err, &Error{Code: CodeUnauthorized}) || n.stands(ctx) {
			return err
		}
	}
}
