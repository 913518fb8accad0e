package client

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// A churn is a busy channel that somebody subscribes to again and again.
type churn struct {
	s       *site
	channel string

	mu        sync.Mutex
	changed   *sync.Cond
	published int // messages, whose data are their numbers
	seen      int // how many of them are over for the subscriber
	over      bool
}

// ahead is how far the publisher may be: less than the server replays.
const ahead = 300

// publish publishes until the rounds are over.
func (c *churn) publish() {
	for n := 0; ; n++ {
		c.mu.Lock()
		for n-c.seen >= ahead && !c.over {
			c.changed.Wait()
		}
		over := c.over
		c.mu.Unlock()
		if over {
			return
		}
		c.s.publish(c.channel, "e", n, 0)
		c.mu.Lock()
		c.published++
		c.mu.Unlock()
	}
}

// pass says that the first n messages are over, and returns how many have been
// published.
func (c *churn) pass(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = max(c.seen, n)
	c.changed.Broadcast()
	return c.published
}

// round subscribes, after the message with the number and id if there is one,
// receives some messages, and returns the last one's.
func (c *churn) round(ctx context.Context, by *Client, last int, id string) (int, string, error) {
	sub, err := by.Subscribe(ctx, c.channel, &SubscribeOptions{After: id})
	if err != nil {
		return 0, "", err
	}
	published := c.pass(0)
	if id == "" {
		c.pass(published)
	}
	for range 1 + rand.IntN(50) {
		event, err := sub.Next(ctx)
		if err != nil {
			return 0, "", fmt.Errorf("after %d: %w", last, err)
		}
		m, ok := event.(Message)
		var n int
		if !ok || json.Unmarshal(m.Data, &n) != nil {
			return 0, "", fmt.Errorf("got %#v after %d", event, last)
		}
		// One more could have been published when it began, but not acknowledged.
		if id == "" && n > published+1 || id != "" && (n != last+1 || m.ID <= id) {
			return 0, "", fmt.Errorf("got %d (%s) after %d (%s); %d were published when it began", n, m.ID, last, id, published)
		}
		last, id = n, m.ID
		c.pass(n + 1)
	}
	left, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(3))*time.Millisecond)
	defer cancel()
	_ = sub.Unsubscribe(left) // and perhaps subscribe again before the server knows
	return last, id, nil
}

// Channels are subscribed and unsubscribed, by one client with little room, while
// its connections break. Each subscription gets all from its beginning, or after
// the message that it names, in order and once.
func TestSubscriptionsComeAndGo(t *testing.T) {
	const rounds = 20
	s := newSite(t, nil)
	x, url := s.proxy()
	by := s.clientWith(Options{
		URL: url, Token: tokens("Jim", nil), MaxQueueSize: 20 * eventSize,
		MinDelay: time.Millisecond, MaxDelay: 10 * time.Millisecond,
	})
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	var load, followers sync.WaitGroup
	for i := range 4 {
		c := &churn{s: s, channel: fmt.Sprint("room.", i)}
		c.changed = sync.NewCond(&c.mu)
		load.Go(c.publish)
		followers.Go(func() {
			defer func() {
				c.mu.Lock()
				c.over = true
				c.changed.Broadcast()
				c.mu.Unlock()
			}()
			last, id := 0, ""
			for round := range rounds {
				if rand.IntN(2) == 0 {
					last, id = 0, ""
				}
				var err error
				if last, id, err = c.round(ctx, by, last, id); err != nil {
					t.Error(c.channel, "round", round, err)
					return
				}
			}
		})
	}
	breaking, stop := context.WithCancel(ctx)
	load.Go(func() {
		for pause := 50 * time.Millisecond; sleep(breaking, rand.N(2*pause)); {
			began := time.Now()
			if by.Connect(breaking) != nil {
				return
			}
			pause = max(50*time.Millisecond, 2*time.Since(began)) // A busy machine gets on, too.
			if rand.IntN(2) == 0 {
				x.Reset()
			} else {
				x.CutAnswers(1 + rand.IntN(10_000))
			}
		}
	})
	followers.Wait()
	stop()
	load.Wait()
}
