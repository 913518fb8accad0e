package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
)

// SubscribeOptions may be left out.
type SubscribeOptions struct {
	// After is the id of the last message that the program has seen, perhaps in
	// another process: the subscription begins after it. If the server cannot
	// tell what is missing, the first event is a [Gap]. Without After, the
	// subscription begins now.
	After string
	// Token returns a subscribe token for the connection with that id. It is
	// called for every attempt to subscribe, after each reconnect at least.
	// Without Token, the connect token must permit the subscription.
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
// ctx ends; the error then has the reason. A channel to which the client has a
// [Subscription] already is refused with [CodeAlreadySubscribed]. One to which
// the token has subscribed the connection by itself is not: the client leaves
// it and subscribes again, so that it knows from where on it has received
// everything.
func (c *Client) Subscribe(ctx context.Context, channel string, o *SubscribeOptions) (*Subscription, error) {
	s := &Subscription{
		c: c, name: channel,
		ready: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1),
		retries: backoff{min: c.opts.MinDelay, max: c.opts.MaxDelay},
	}
	if o != nil {
		s.opts = *o
		if s.last = o.After; s.last != "" {
			if _, err := ulid.ParseStrict(s.last); err != nil {
				return nil, &Error{CodeInvalidRequest, "SubscribeOptions.After must be the id of a message"}
			}
		}
	}
	if err := c.add(s); err != nil {
		return nil, err
	}
	select {
	case <-s.ready:
		return s, nil
	case <-s.ended:
		c.mu.Lock()
		defer c.mu.Unlock()
		return nil, s.err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		reason := s.lastErr
		if c.conn == nil {
			reason = c.lastErr
		}
		s.leave()
		return nil, notReady(ctx, reason)
	}
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
	return &Error{CodeAlreadySubscribed, "the client has a subscription to this channel"}
}

// Unsubscribe ends the subscription. Next returns what was received before, and
// then [ErrUnsubscribed]. It waits until the server has taken note, but the
// subscription has ended for the program even if ctx ends before. Unsubscribing
// again does nothing.
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

// join asks the server for the subscription. Client.mu must be held.
func (s *Subscription) join(n *conn) {
	s.state = joining
	s.joins++
	if s.opts.Token == nil {
		s.subscribe(n, "")
		return
	}
	attempt := s.joins
	s.c.background.Go(func() {
		token, err := s.opts.Token(n.ctx, n.id)
		s.c.mu.Lock()
		defer s.c.mu.Unlock()
		switch {
		case s.c.conn != n || s.state != joining || s.joins != attempt:
		case err == nil:
			s.subscribe(n, token)
		case s.begun && !isPermanent(err):
			s.retry(n, err, 0)
		default:
			s.end(fmt.Errorf("hotsock: no subscribe token: %w", err))
		}
	})
}

func isPermanent(err error) bool {
	_, ok := errors.AsType[*permanentError](err)
	return ok
}

func (s *Subscription) subscribe(n *conn, token string) {
	data := struct {
		Token string  `json:"token,omitempty"`
		After *string `json:"after"`
	}{Token: token}
	if s.last != "" {
		data.After = &s.last
	}
	raw, _ := json.Marshal(data)
	_, err := n.enqueue(command{Event: "hotsock.subscribe", Channel: s.name, Data: raw}, func(f *frame) error {
		return s.answered(n, f)
	})
	if err != nil {
		s.end(err)
	}
}

// rejoin leaves the channel on the server and joins it again, to get what came
// since the last event that is in the queue. n may be nil: then it joins when
// there is a connection. Client.mu must be held.
func (s *Subscription) rejoin(n *conn) {
	s.state = joining
	if n != nil {
		_, _ = n.enqueue(command{Event: "hotsock.unsubscribe", Channel: s.name}, nil)
		s.join(n)
	}
}

// retry joins again after a delay, unless something happens before.
func (s *Subscription) retry(n *conn, err error, least time.Duration) {
	s.lastErr = err
	s.c.broadcast()
	attempt, delay := s.joins, s.retries.next(least)
	s.c.background.Go(func() {
		if !sleep(n.ctx, delay) {
			return
		}
		s.c.mu.Lock()
		defer s.c.mu.Unlock()
		if s.c.conn == n && s.state == joining && s.joins == attempt {
			s.join(n)
		}
	})
}

// answered takes the answer to a subscribe. Client.mu is held.
func (s *Subscription) answered(n *conn, f *frame) error {
	if s.state != joining {
		return nil
	}
	if f.Event == eventSubscribed {
		s.state = live
		return s.begin(n, f)
	}
	if f.Error == nil {
		return fmt.Errorf("hotsock: the server answered a subscribe with %q", f.Event)
	}
	err := f.Error.asError()
	switch f.Error.Code {
	case CodeAlreadySubscribed:
		if s.c.hasOther(s) {
			s.end(alreadySubscribed())
		} else {
			s.rejoin(n) // the server subscribed by itself
		}
	case CodeUnavailable, CodeRateLimited:
		// The server carries it out later. Should it not, the client asks once
		// more, and is perhaps told that it is subscribed already.
		n.pending[f.Ref] = func(f *frame) error { return s.answered(n, f) }
		s.retry(n, err, s.c.opts.MaxDelay)
	case CodeInternal:
		if s.begun {
			s.retry(n, err, 0)
			return nil
		}
		s.end(err)
	default:
		s.end(err)
	}
	return nil
}

// hasOther reports whether another subscription has the channel. mu must be
// held.
func (c *Client) hasOther(s *Subscription) bool {
	for _, other := range c.subs {
		if other != s && (other.channel == s.name || other.alias == s.name) {
			return true
		}
	}
	return false
}

// begin starts or restarts the flow of events, as hotsock.subscribed says.
// Client.mu is held.
func (s *Subscription) begin(n *conn, f *frame) error {
	var d subscribedData
	if err := f.data(&d); err != nil {
		return err
	}
	last, err := d.lastID()
	if err != nil {
		return err
	}
	s.retries.reset()
	s.lastErr = nil
	s.channel, s.alias, s.me = f.Channel, f.Meta.Alias, f.Meta.user()
	n.channels[f.Channel] = s

	again := s.begun
	switch {
	case !again && s.last == "":
		s.last = last
	case !d.Recovered && (last != s.last || d.LastID == nil):
		if s.push(Gap{After: s.last, Last: last}, 0) {
			s.passed(last)
		}
	}
	if again {
		for _, change := range memberChanges(s.members, d.Members) {
			if !s.push(change, f.size) {
				return nil
			}
		}
	}
	s.members = d.Members
	if again {
		s.settle(n, last)
	}
	if !s.begun {
		s.begun = true
		close(s.ready)
	}
	s.c.broadcast()
	return nil
}

// settle waits for the end of what the server sends after hotsock.subscribed:
// the storage entries that are still there, and the messages that were missed.
// A ping, sent now, is answered after that.
func (s *Subscription) settle(n *conn, last string) {
	s.stale = nil
	if len(s.stored) == 0 && last <= s.last {
		return
	}
	if len(s.stored) > 0 {
		s.stale = make(map[string]bool, len(s.stored))
		for key := range s.stored {
			s.stale[key] = true
		}
	}
	s.settles++
	this := s.settles
	_, _ = n.enqueue(command{Event: "hotsock.ping"}, func(*frame) error {
		if s.state != live || s.settles != this {
			return nil
		}
		s.passed(max(s.last, last))
		for _, key := range slices.Sorted(maps.Keys(s.stale)) {
			if !s.push(Entry{Channel: s.channel, Key: key, Data: null}, len(key)) {
				return nil
			}
			delete(s.stale, key)
			delete(s.stored, key)
		}
		s.stale = nil
		return nil
	})
}
