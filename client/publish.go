package client

import (
	"context"
	"time"
)

// Publish publishes a message and returns its id when the server has accepted it.
// The data is marshalled as JSON; nil is null. A json.RawMessage or a []byte is JSON
// already, and is refused if it is not valid. The id is "" if the server's app took
// the message over, instead of having it published.
//
// If the server refuses, the error is an [*Error]. If the connection breaks or
// ctx ends between sending and the answer, it is ErrUnknownOutcome: the protocol
// has no deduplication for clients, so publishing again may make a second message.
// With any other error, nothing was sent. While there is no connection, or a
// subscription to the channel is being renewed, Publish waits.
func (c *Client) Publish(ctx context.Context, channel, event string, data any) (id string, err error) {
	d, err := c.publish(ctx, channel, event, data, "")
	if err == nil && d.ID != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		if s := c.subscription(channel); s != nil {
			s.published(d.ID)
		}
	}
	return d.ID, err
}

// PublishAt schedules a message for a time, and returns the ARN of the schedule,
// for [Client.CancelSchedule]. The time is rounded up to whole
// seconds. Errors are those of Publish.
func (c *Client) PublishAt(ctx context.Context, t time.Time, channel, event string, data any) (arn string, err error) {
	d, err := c.publish(ctx, channel, event, data, at(t))
	return d.ScheduleARN, err
}

func (c *Client) publish(ctx context.Context, channel, event string, data any, schedule string) (ackData, error) {
	raw, err := marshal(data)
	if err != nil {
		return ackData{}, err
	}
	return c.accepted(ctx, command{Event: event, Channel: channel, Data: raw, Schedule: schedule})
}

// accepted sends a command whose answer is an acknowledgement.
func (c *Client) accepted(ctx context.Context, cmd command) (ackData, error) {
	var d ackData
	f, err := c.do(ctx, cmd, false)
	if err == nil {
		err = f.data(&d)
	}
	return d, err
}
