package client

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
)

// SubscribeOptions are settings of a [Subscription]. All may be left out.
type SubscribeOptions struct {
	// After is the id of the last message that the program has seen, perhaps in
	// another process: the subscription begins after it. If the server cannot
	// tell what is missing, the first event is a [Gap]. Without After, the
	// subscription begins now.
	After string
	// Rewind has the subscription begin with stored messages that the token lets the
	// client list: with the newest, at most so many, 1 to 1,000; or RewindFor with those
	// of the last time, rounded up to seconds. Only one of them may be set. After a break
	// they come again only if they were missed and the subscription cannot catch up: then
	// they follow a [Gap]. [Subscription.Rewound] says how many come. A server before 0.3
	// sends none.
	Rewind    int
	RewindFor time.Duration
	// Info has the subscription receive a [ChannelInfo] when it has begun, and when the
	// number of subscriptions has changed, at most once a second. It takes the getInfo
	// permission: without it, the server refuses the subscription. A server before 0.3
	// sends none.
	Info bool
	// Token returns a subscribe token for the connection with that id. It is
	// called for every attempt to subscribe, at least after each reconnect. Its
	// context ends with the connection, and after Options.ConnectTimeout. An
	// error is returned by Subscribe, unless the connection has broken
	// meanwhile: then, as later, another attempt follows. A [Permanent] error
	// ends the subscription at any time. Without Token, the connect token must
	// permit the subscription.
	Token func(ctx context.Context, connectionID string) (string, error)
}

// errTooManyKeys ends subscriptions whose storage is too large to be followed.
var errTooManyKeys = fmt.Errorf("hotsock: the channel has more than %d storage keys that may be observed", maxStored)

// maxStored bounds what a subscription remembers of storage.
const maxStored = 1 << 16

// Subscribe subscribes to a channel, by its name or its alias, and waits until
// the server has accepted that. From then on the client keeps the subscription:
// after a reconnect it subscribes again and catches up. The options may be nil.
//
// A refusal is an [*Error]. If the server cannot reach its store, or limits the
// rate or number of subscriptions, Subscribe waits until it has succeeded, or
// ctx ends; the error then has the reason. A channel to which
// the client already has a Subscription is refused with CodeAlreadySubscribed. A
// channel that the connect token subscribes automatically is not; but if the
// options have a Token, the client leaves it and subscribes again with that.
func (c *Client) Subscribe(ctx context.Context, channel string, o *SubscribeOptions) (*Subscription, error) {
	s := &Subscription{
		c: c, name: channel,
		ready: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1),
		retries: backoff{min: c.opts.MinDelay, max: c.opts.MaxDelay},
	}
	if o != nil {
		s.opts = *o
		if o.Rewind < 0 || o.RewindFor < 0 || o.Rewind > 0 && o.RewindFor > 0 {
			return nil, &Error{Code: CodeInvalidRequest, Message: "SubscribeOptions.Rewind and RewindFor must not be negative, and not both be set"}
		}
		if s.last = o.After; s.last != "" {
			if _, err := ulid.ParseStrict(s.last); err != nil {
				return nil, &Error{Code: CodeInvalidRequest, Message: "SubscribeOptions.After must be the id of a message"}
			}
		}
	}
	if err := c.add(s); err != nil {
		return nil, err
	}
	select {
	case <-s.ready:
	case <-s.ended:
	case <-ctx.Done():
		select {
		case <-s.ready:
		case <-s.ended:
		case <-lastLook(ctx):
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.begun:
		return s, nil
	case s.state == over:
		return nil, s.err
	}
	reason := s.lastErr
	if c.conn == nil {
		reason = c.lastErr
	}
	s.leave()
	return nil, notReady(ctx, reason)
}

func (c *Client) add(s *Subscription) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if c.subscription(s.name) != nil {
		return alreadySubscribed()
	}
	c.subs[s.name] = s
	if c.conn != nil {
		s.join(c.conn)
	}
	return nil
}

func alreadySubscribed() error {
	return &Error{Code: CodeAlreadySubscribed, Message: "the client has a subscription to this channel"}
}

// Unsubscribe ends the subscription. Next returns what was received before, and
// then ErrUnsubscribed. Unsubscribe waits for the server's answer, but for the
// program the subscription has ended even if ctx ends first. Unsubscribing again
// does nothing.
func (s *Subscription) Unsubscribe(ctx context.Context) error {
	s.c.mu.Lock()
	if s.state == over {
		s.c.mu.Unlock()
		return nil
	}
	left := s.leave()
	n := s.c.conn
	s.c.mu.Unlock()
	if n == nil {
		return nil // the connection's end was its end
	}
	select {
	case <-left:
		return nil
	case <-n.ctx.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave ends the subscription and tells the server, whose answer closes the
// channel. Client.mu must be held.
func (s *Subscription) leave() <-chan struct{} {
	left := make(chan struct{})
	s.end(ErrUnsubscribed)
	if n := s.c.conn; n != nil {
		_, _ = n.enqueue(command{Event: "hotsock.unsubscribe", Channel: s.name}, func(*frame) error {
			close(left)
			return nil
		})
	}
	return left
}
