package storeredis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// subscribeBatch is how many topics one command subscribes to.
const subscribeBatch = 256

// A pubsubConnection is the present one of a link: one goroutine subscribes, and one
// receives.
type pubsubConnection struct {
	l  *pubsubLink
	ps *redis.PubSub
	// up is sent to when the probe's topic is subscribed to.
	up chan<- struct{}
}

// send subscribes and unsubscribes as topics change, until it fails.
func (c *pubsubConnection) send(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.l.wake:
		}
		for {
			subscribe, unsubscribe := c.l.takeChanges()
			if len(subscribe)+len(unsubscribe) == 0 {
				break
			}
			if err := c.each(unsubscribe, func(topics []string) error {
				if c.l.sharded {
					return c.ps.SUnsubscribe(ctx, topics...)
				}
				return c.ps.Unsubscribe(ctx, topics...)
			}); err != nil {
				return err
			}
			if err := c.each(subscribe, func(topics []string) error {
				if c.l.sharded {
					return c.ps.SSubscribe(ctx, topics...)
				}
				return c.ps.Subscribe(ctx, topics...)
			}); err != nil {
				return err
			}
		}
	}
}

// each calls command with as many topics as one command may have: those of one
// partition, on a cluster.
func (c *pubsubConnection) each(topics []string, command func([]string) error) error {
	if c.l.sharded {
		for _, group := range c.l.f.n.s.keys.byPartition(topics) {
			if err := command(group); err != nil {
				return err
			}
		}
		return nil
	}
	for len(topics) > 0 {
		n := min(len(topics), subscribeBatch)
		if err := command(topics[:n]); err != nil {
			return err
		}
		topics = topics[n:]
	}
	return nil
}

// receive passes on what comes, until the connection fails.
func (c *pubsubConnection) receive(ctx context.Context) error {
	for {
		m, err := c.ps.ReceiveTimeout(ctx, 0)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *redis.Message:
			c.l.heardAt.Store(int64(time.Since(c.l.born)) + 1)
			c.l.f.dispatch(c.l, m.Channel, m.Payload)
		case *redis.Subscription:
			if err := c.subscribed(m); err != nil {
				return err
			}
		}
	}
}

func (c *pubsubConnection) subscribed(m *redis.Subscription) error {
	switch m.Kind {
	case "subscribe", "ssubscribe":
		if !c.l.confirm(m.Channel) {
			return nil
		}
		if m.Channel == c.l.probe {
			select {
			case c.up <- struct{}{}:
			default:
			}
			return nil
		}
		c.l.f.confirmed(m.Channel)
	case "sunsubscribe":
		// The server sends this by itself when a slot moves away.
		if c.l.has(m.Channel) && c.l.isSent(m.Channel) {
			return fmt.Errorf("the server ended the subscription to %s", m.Channel)
		}
	case "unsubscribe":
	default:
		return errors.New("unexpected " + m.Kind)
	}
	return nil
}
