package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

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
		ctx, cancel := context.WithTimeout(n.ctx, s.c.opts.ConnectTimeout)
		defer cancel()
		token, err := s.opts.Token(ctx, n.id)
		if err != nil && !isPermanent(err) {
			// The error counts if it is not that of a link that has died.
			n.stands(n.ctx)
		}
		s.c.mu.Lock()
		defer s.c.mu.Unlock()
		switch {
		case n.ctx.Err() != nil || s.c.conn != n || s.state != joining || s.joins != attempt:
			// What has ended is joined again on the next connection.
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
		Token    string  `json:"token,omitempty"`
		After    *string `json:"after"`
		Presence string  `json:"presence,omitempty"`
		Info     bool    `json:"info,omitempty"`
		Rewind   any     `json:"rewind,omitempty"`
	}{Token: token, Info: s.opts.Info, Rewind: s.opts.rewind()}
	if strings.HasPrefix(s.name, "presence.") {
		data.Presence = "changes"
	}
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

// resume asks, on a channel that the server has subscribed, for what came since
// the last event that is in the queue. n may be nil: then it joins when there is
// a connection. Client.mu must be held.
func (s *Subscription) resume(n *conn) {
	s.state = joining
	if n != nil {
		s.joins++
		s.subscribe(n, "")
	}
}

// rejoin leaves the channel on the server and joins it again, which a subscribe
// token takes, and a server that knows no other way to catch up. Client.mu must
// be held.
func (s *Subscription) rejoin(n *conn) {
	s.state, s.left = joining, true
	_, _ = n.enqueue(command{Event: "hotsock.unsubscribe", Channel: s.name}, nil)
	s.join(n)
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
	if s.state == live && f.Event == eventSubscribed {
		// The client asked twice, because the first was put off. For the server
		// the subscription has begun again, and perhaps passed over something.
		s.resume(n)
		return nil
	}
	if s.state != joining {
		return nil
	}
	if f.Event == eventSubscribed {
		if other := n.channels[f.Channel]; other != nil && other != s {
			// By its other name. For the server, it has begun again.
			s.end(alreadySubscribed())
			if other.state == live {
				other.resume(n)
			}
			return nil
		}
		s.state = live
		return s.begin(n, f)
	}
	if f.Error == nil {
		return fmt.Errorf("hotsock: the server answered a subscribe with %q", f.Event)
	}
	err := f.Error.asError()
	switch f.Error.Code {
	case CodeAlreadySubscribed:
		switch {
		case s.c.hasOther(s):
			s.end(alreadySubscribed())
		case s.left:
			s.end(err) // It has the channel by a name that is not known here.
		default:
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
		s.giveUp(err)
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

// begin starts or restarts the flow of events, as hotsock.subscribed says, when the
// list of members is complete. Client.mu is held.
func (s *Subscription) begin(n *conn, f *frame) error {
	var d subscribedData
	if err := f.data(&d); err != nil {
		return err
	}
	s.channel = f.Channel
	n.channels[f.Channel] = s
	if s.paged = nil; d.More {
		s.paged = &pagedStart{f, d}
		return nil
	}
	return s.start(n, f, &d)
}

func (s *Subscription) start(n *conn, f *frame, d *subscribedData) error {
	last, err := d.lastID()
	if err != nil {
		return err
	}
	again := s.begun
	if again && f.Ref == "" && !d.Recovered && s.opts.rewind() != nil {
		s.resume(n) // The server has lost track of what the client knows.
		return nil
	}
	s.retries.reset()
	s.lastErr, s.left = nil, false
	s.alias, s.me = f.Meta.Alias, f.Meta.user()

	s.rewound = d.Rewound
	s.restartFollowers()
	first := !again && s.last == ""
	if first || d.Recovered || s.push(0, Gap{After: s.last, Last: last}) {
		s.beginAt(last, first, d)
	}
	if !again || s.push(f.size, memberChanges(s.members, d.Members)...) {
		s.members = d.Members
	}
	if again || d.Rewound.Messages > 0 {
		s.awaitRest(n, last)
	}
	if !again {
		s.begun = true
		close(s.ready)
	}
	s.c.broadcast()
	return nil
}

// awaitRest waits for the end of what the server sends after hotsock.subscribed:
// the storage entries that are still there, and the messages that were missed.
// A ping, sent now, is answered after that.
func (s *Subscription) awaitRest(n *conn, last string) {
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
	s.rests++
	this := s.rests
	_, _ = n.enqueue(command{Event: "hotsock.ping"}, func(*frame) error {
		if s.state != live || s.rests != this {
			return nil
		}
		s.passed(max(s.last, last))
		for _, key := range slices.Sorted(maps.Keys(s.stale)) {
			if !s.push(len(key), Entry{Channel: s.channel, Key: key, Data: null}) {
				return nil
			}
			delete(s.stale, key)
			delete(s.stored, key)
		}
		s.stale = nil
		return nil
	})
}
