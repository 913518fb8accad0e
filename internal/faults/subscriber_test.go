package faults

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// A subscriber stays connected as a good client does: when its connection ends,
// it connects to another node and catches up from what it saw last.
type subscriber struct {
	tr        *trial
	name, uid string
	keep      int

	views  map[string]*view
	cancel context.CancelFunc
	done   chan struct{}

	mu sync.Mutex
	// at is the node to connect to now.
	at    func() *node
	c     *client
	on    *node
	times int // connected
}

// subscribe starts a subscriber, and waits until it is subscribed.
func (tr *trial) subscribe(name, uid string, at func() *node, channels ...string) *subscriber {
	s := &subscriber{tr: tr, name: name, uid: uid, at: at, views: make(map[string]*view), done: make(chan struct{})}
	for _, ch := range channels {
		s.views[ch] = &view{who: name, channel: ch}
	}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(tr.ctx)
	go s.run(ctx)
	tr.onEnd(s.stop)
	for began := time.Now(); !s.isSubscribed(); pause(tr.ctx, 2*time.Millisecond) {
		if time.Since(began) > startLimit || tr.ctx.Err() != nil {
			tr.fatalf("%s cannot subscribe", name)
		}
	}
	return s
}

func (s *subscriber) isSubscribed() bool {
	for _, v := range s.views {
		v.mu.Lock()
		ok := len(v.segments) > 0
		v.mu.Unlock()
		if !ok {
			return false
		}
	}
	return true
}

func (s *subscriber) run(ctx context.Context) {
	defer close(s.done)
	for ctx.Err() == nil {
		s.mu.Lock()
		at := s.at
		s.mu.Unlock()
		n := at()
		c, _, err := dial(ctx, n, s.uid, s.keep, s.hear)
		if err != nil {
			s.tr.logf("%s cannot connect to %s: %v", s.name, n.name, err)
			pause(ctx, 100*time.Millisecond)
			continue
		}
		s.mu.Lock()
		s.c, s.on = c, n
		s.times++
		s.mu.Unlock()
		if err := s.subscribeAll(ctx, c); err != nil && ctx.Err() == nil {
			s.tr.logf("%s on %s: %v", s.name, n.name, err)
		}
		select {
		case <-c.ended:
			if ctx.Err() == nil {
				s.tr.logf("%s: its connection to %s ended", s.name, n.name)
			}
		case <-ctx.Done():
		}
		c.close()
	}
}

func (s *subscriber) subscribeAll(ctx context.Context, c *client) error {
	for _, ch := range slices.Sorted(maps.Keys(s.views)) {
		v := s.views[ch]
		f, err := c.do(ctx, map[string]any{"event": "hotsock.subscribe", "channel": ch, "data": map[string]any{"after": v.after()}})
		if err != nil {
			return err
		}
		// The server goes on by itself with what is UNAVAILABLE.
		if f.Error != nil && f.Error.Code != "UNAVAILABLE" {
			return errors.New(f.Error.Code)
		}
	}
	return nil
}

func (s *subscriber) hear(f frame) {
	if v := s.views[f.Channel]; v != nil {
		v.hear(f)
	}
}

// client returns the present connection, which may have ended.
func (s *subscriber) client() *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.c
}

// isElsewhere reports whether the subscriber is connected, and not to the node.
func (s *subscriber) isElsewhere(n *node) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.c.ended:
		return false
	default:
		return s.on != n
	}
}

func (s *subscriber) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times
}

func (s *subscriber) stop() {
	s.cancel()
	<-s.done
}

// reconnect cuts the connection, and so makes the subscriber come back.
func (s *subscriber) reconnect() {
	if c := s.client(); c != nil {
		c.close()
	}
}

// noticeLimit is how long after a failover it may take until a client is told
// that the failover lost something that it has not seen.
const noticeLimit = 20 * time.Second

// settle waits until every subscriber has the last messages, and checks what
// all of them saw.
func (tr *trial) settle(j *journal, limit time.Duration, last []*publication, subs ...*subscriber) {
	began := time.Now()
	for _, s := range subs {
		for _, p := range last {
			v := s.views[p.channel]
			if v == nil {
				continue
			}
			for !v.reached(p.id) {
				if time.Since(began) > limit || tr.ctx.Err() != nil {
					tr.failf("%s has no %s (%q) of %s within %v", s.name, p.id, p.payload, p.channel, limit)
					break
				}
				pause(tr.ctx, 5*time.Millisecond)
			}
		}
	}
	// What comes twice would come now.
	tr.sleep(100 * time.Millisecond)
	for _, s := range subs {
		for _, v := range s.views {
			wrong := v.check(j, tr.failover)
			for tr.failover && len(wrong) > 0 && time.Since(began) < noticeLimit && tr.ctx.Err() == nil {
				pause(tr.ctx, 50*time.Millisecond)
				wrong = v.check(j, tr.failover)
			}
			for _, w := range wrong {
				tr.failf("%s", w)
			}
			if tr.failover {
				tr.count("missing, and told of only after newer ones", v.late)
			}
		}
	}
	for _, p := range j.accepted() {
		tr.took("accepted before it was refused", p.at.Add(p.took).Sub(timeOf(p.id)))
		tr.logf("%s (%q) was refused after %v, accepted at %s", p.id, p.payload, p.took, timeOf(p.id).Sub(tr.began))
	}
	acked, refusals := j.acked()
	tr.count("messages acknowledged", acked)
	tr.count("messages refused", refusals)
}
