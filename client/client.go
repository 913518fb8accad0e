package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
)

// A Client is one user's connection to a server, renewed whenever it breaks,
// until Close. All its methods may be called concurrently.
//
// Methods that take a context wait for a connection if there is none. If the
// context ends first, the error wraps its error and says why the last attempt
// to connect failed.
type Client struct {
	opts Options
	base *url.URL
	http *http.Client
	own  *http.Transport // nil if the program brought its HTTPClient

	// ctx ends when the client closes; its cause is what everything returns
	// then. background are the goroutines besides run.
	ctx        context.Context
	cancel     context.CancelCauseFunc
	background sync.WaitGroup
	done       chan struct{} // closed when all has ended
	slots      chan struct{} // taken by commands that are under way

	// mu guards what follows, and the state of connections and subscriptions.
	mu      sync.Mutex
	conn    *conn
	subs    map[string]*Subscription // by the name that the program used
	lastErr error                    // why there is no connection
	changed chan struct{}            // closed and replaced when commands may be possible again
}

// maxCommands is how many commands may wait for their answers.
const maxCommands = 1000

// New makes a client, which begins to connect at once and keeps trying until
// Close. The error lists everything that is wrong with the options.
func New(o Options) (*Client, error) {
	o.setDefaults()
	base, err := o.validate()
	if err != nil {
		return nil, err
	}
	o.Header = o.Header.Clone()
	c := &Client{
		opts: o, base: base, http: new(http.Client),
		done: make(chan struct{}), slots: make(chan struct{}, maxCommands),
		subs: make(map[string]*Subscription), changed: make(chan struct{}),
	}
	if o.HTTPClient != nil {
		*c.http = *o.HTTPClient
	} else {
		c.own = http.DefaultTransport.(*http.Transport).Clone()
		c.http.Transport = c.own
	}
	c.http.CheckRedirect = c.stayHere
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	go c.run()
	return c, nil
}

// Close ends the connection, all subscriptions and all waiting calls, and returns
// when no goroutine of the client is left. It waits for a call of Options.Token or
// OnState that is under way. Closing again does nothing.
func (c *Client) Close() error {
	c.cancel(ErrClosed)
	<-c.done
	return nil
}

// Connect waits until the client is connected.
func (c *Client) Connect(ctx context.Context) error {
	_, err := c.ready(ctx, "")
	return err
}

// ConnectionID is the server's name for the current connection, "" if there is
// none. Subscribe tokens may be bound to it. It changes with every reconnect.
func (c *Client) ConnectionID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return ""
	}
	return c.conn.id
}

// ready waits for a connection on which commands for the channel ("" for none)
// find the subscription that the program has, if it has one.
func (c *Client) ready(ctx context.Context, channel string) (*conn, error) {
	for {
		if ctx.Err() != nil {
			return nil, ctx.Err() // even if it could be used
		}
		c.mu.Lock()
		n, changed, reason := c.conn, c.changed, c.lastErr
		if n != nil {
			s := c.subscription(channel)
			if s == nil || s.state != joining {
				c.mu.Unlock()
				return n, nil
			}
			reason = s.lastErr
		}
		c.mu.Unlock()
		select {
		case <-changed:
		case <-c.ctx.Done():
			return nil, context.Cause(c.ctx)
		case <-ctx.Done():
			return nil, notReady(ctx, reason)
		}
	}
}

// notReady is the error of a context that ended while there was no connection
// or subscription; the reason for that may be nil.
func notReady(ctx context.Context, reason error) error {
	if reason == nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w; the last attempt: %w", ctx.Err(), reason)
}

// subscription finds one by any of the channel's names. mu must be held.
func (c *Client) subscription(name string) *Subscription {
	if s := c.subs[name]; s != nil {
		return s
	}
	if c.conn != nil {
		if s := c.conn.channels[name]; s != nil {
			return s
		}
	}
	for _, s := range c.subs {
		if name != "" && (s.alias == name || s.channel == name) {
			return s
		}
	}
	return nil
}

// broadcast wakes those who wait for a change. mu must be held.
func (c *Client) broadcast() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Client) report(s State) {
	if c.opts.OnState != nil {
		c.opts.OnState(s)
	}
}

// do sends a command and returns the answer. A command that is safe to repeat
// is repeated if the connection breaks, others only if they were not sent.
func (c *Client) do(ctx context.Context, cmd command, repeat bool) (*frame, error) {
	if err := c.takeSlot(ctx); err != nil {
		return nil, err
	}
	defer c.freeSlot()
	for {
		n, err := c.ready(ctx, cmd.Channel)
		if err != nil {
			return nil, err
		}
		f, err := n.call(ctx, cmd)
		switch {
		case errors.Is(err, errNotSent):
		case repeat && errors.Is(err, errBroken):
		case repeat && ctx.Err() != nil:
			return nil, ctx.Err() // The outcome does not matter.
		case err != nil:
			return nil, err
		case f.Error != nil:
			return nil, f.Error.asError()
		default:
			return f, nil
		}
	}
}

// takeSlot waits until there are fewer than maxCommands under way.
func (c *Client) takeSlot(ctx context.Context) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

func (c *Client) freeSlot() { <-c.slots }
