package client

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

// Publish publishes a message and returns its id when the server has accepted it.
// The data is marshalled as JSON; nil is null. A json.RawMessage or a []byte is JSON
// already, and is refused if it is not valid. The id is "" if the server's app took
// the message over, instead of having it published.
//
// If the server refuses, the error is an [*Error]. If the connection breaks between
// sending and the answer, a client whose token has a uid publishes again on the next
// connection, up to three times within two minutes; the server knows the message and
// does not publish it twice. If that does not help, because ctx ends for instance, or
// there is no uid, the error is ErrUnknownOutcome, and whoever calls Publish again may
// make a second message. With any other error, nothing was published. While there is no
// connection, or a subscription to the channel is being renewed, Publish waits.
func (c *Client) Publish(ctx context.Context, channel, event string, data any) (id string, err error) {
	raw, err := marshal(data)
	if err != nil {
		return "", err
	}
	var d ackData
	f, err := c.publish(ctx, command{Event: event, Channel: channel, Data: raw})
	if err == nil {
		err = f.data(&d)
	}
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
// for [Client.CancelSchedule]. The time is rounded up to whole seconds. Errors are those
// of Publish, but what was sent and not answered is not sent again: there would be two
// schedules.
func (c *Client) PublishAt(ctx context.Context, t time.Time, channel, event string, data any) (arn string, err error) {
	raw, err := marshal(data)
	if err != nil {
		return "", err
	}
	d, err := c.accepted(ctx, command{Event: event, Channel: channel, Data: raw, Schedule: at(t)})
	return d.ScheduleARN, err
}

const (
	// maxPublishes bounds how often a message is sent: it may be what breaks the
	// connection.
	maxPublishes = 4
	// publishAgainFor is well below how long servers remember deduplication ids, which
	// is five minutes unless the app changes that.
	publishAgainFor = 2 * time.Minute
)

// publish sends a message, and again while it is in doubt whether the server has it
// and the server can tell.
func (c *Client) publish(ctx context.Context, cmd command) (*frame, error) {
	if err := c.takeSlot(ctx); err != nil {
		return nil, err
	}
	defer c.freeSlot()
	id := rand.Text()
	var doubt error // about what was sent before
	var uid string  // whose it was
	var began time.Time
	for sent := 0; ; {
		n, err := c.ready(ctx, cmd.Channel)
		if err == nil && doubt != nil && (n.uid != uid || time.Since(began) > publishAgainFor) {
			return nil, doubt
		}
		var f *frame
		if err == nil {
			if doubt == nil {
				uid, began = n.uid, time.Now()
			}
			if cmd.Dedup = ""; n.uid != "" {
				cmd.Dedup = id
			}
			f, err = n.call(ctx, cmd)
		}
		if err == nil && f.Error != nil {
			err = f.Error.asError()
		}
		switch {
		case err == nil:
			return f, nil
		case errors.Is(err, errNotSent):
		case errors.Is(err, errBroken) && !tooLong(err) && uid != "" && sent < maxPublishes-1:
			doubt = err
			sent++
		case doubt != nil && !errors.Is(err, ErrUnknownOutcome):
			return nil, unknownOutcome(err)
		default:
			return nil, err
		}
	}
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
