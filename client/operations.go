package client

import (
	"context"
	"errors"
)

// UpdateUMD changes the user's metadata as a umd token from the app says: that of
// the subscription to the channel, or with "" that of the connection. After a
// reconnect, it is the metadata of the connect token again. Errors are those of
// [Client.Publish].
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

// ChannelInfo is what the getInfo permission lets a client see of a channel. As an
// [Event], of a subscription with [SubscribeOptions.Info], it tells how many
// subscriptions there are now.
type ChannelInfo struct {
	Channel string `json:"channel"`
	// Subscriptions is how many there are, except those that are not counted.
	Subscriptions int `json:"subscriptionsCount"`
	// Members are those of a presence channel; nil in an Event, as Subscription.Members
	// has them.
	Members []User `json:"members"`
}

// ChannelInfo returns how many subscriptions a channel has, and its members. It
// needs permission, but no subscription.
func (c *Client) ChannelInfo(ctx context.Context, channel string) (ChannelInfo, error) {
	var info ChannelInfo
	err := c.ask(ctx, channel, "getChannelInfo", struct {
		Channel string `json:"channel"`
	}{channel}, &info)
	return info, err
}

// CancelSchedule cancels a schedule of this client, or of another client of its
// user. After it returns nil, the schedule will not be carried out. With
// CodeScheduleNotFound, it was carried out or cancelled already. If there was no
// answer, the error is ErrUnknownOutcome; you may try again, and may then get
// CodeScheduleNotFound because the first try has cancelled it.
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
