package storeredis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// A churnChannel is published on without a pause.
type churnChannel struct {
	name string

	mu        sync.Mutex
	changed   *sync.Cond
	published []ulid.ULID
	delivered []ulid.ULID
	lost      int
}

// A churnReceiver remembers by channel.
type churnReceiver struct {
	store.Receiver
	channels map[string]*churnChannel
}

func (r churnReceiver) Deliver(it *store.Item) {
	c := r.channels[it.Channel]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delivered = append(c.delivered, it.ID)
	c.changed.Broadcast()
}

func (r churnReceiver) Lost(channel string) {
	c := r.channels[channel]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost++
}
func (r churnReceiver) CountChanged(string) {}
func (r churnReceiver) Rejoin()             {}

func (r churnReceiver) MemberRemoved(string, store.PresenceChange) {}

func (r churnReceiver) SubscriptionEnded(store.SubscriptionEnd) {}

// TestWatchesComeAndGo watches busy channels again and again, for a short time
// each, while links break. Whatever is published after the position at which
// one begins must be delivered in order, and nothing else after it.
func TestWatchesComeAndGo(t *testing.T) {
	t.Parallel()
	const rounds = 100
	srv := redistest.StartServer(t)
	channels := make(map[string]*churnChannel)
	for i := range 4 {
		c := &churnChannel{name: fmt.Sprint("c", i)}
		c.changed = sync.NewCond(&c.mu)
		channels[c.name] = c
	}
	o := testJoin
	o.ReplayLimit = 100_000
	n := joinAs(t, openAt(t, srv.Addr), churnReceiver{channels: channels}, o)
	other := joinAs(t, openAt(t, srv.Addr), newInbox(t), o)
	ctx, cancel := context.WithCancel(t.Context())
	var load, watchers sync.WaitGroup
	for _, c := range channels {
		load.Go(func() {
			for seq := 0; ctx.Err() == nil; seq++ {
				if err := c.publish(ctx, other, strconv.Itoa(seq)); err != nil {
					if ctx.Err() == nil {
						t.Error(err)
					}
					return
				}
			}
		})
		watchers.Go(func() {
			for round := range rounds {
				if err := c.round(n, round); err != nil {
					t.Error(c.name, "round", round, err)
					return
				}
			}
		})
	}
	load.Go(func() {
		for sleep(ctx, time.Duration(rand.IntN(1000))*time.Millisecond) {
			if err := srv.Client().ClientKillByFilter(ctx, "TYPE", "pubsub").Err(); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	watchers.Wait()
	cancel()
	load.Wait()
}

func (c *churnChannel) publish(ctx context.Context, n *node, event string) error {
	ctx, cancel := context.WithTimeout(ctx, maxTimeout)
	defer cancel()
	res, err := n.Publish(ctx, store.PublishRequest{Channel: c.name, Event: event})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.published = append(c.published, res.ID)
	c.changed.Broadcast()
	return nil
}

// round watches the channel once.
func (c *churnChannel) round(n *node, round int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Watch(ctx, c.name); err != nil {
		return err
	}
	defer n.Unwatch(c.name)
	r, err := n.Subscribe(ctx, store.SubscribeRequest{Channel: c.name, Connection: strconv.Itoa(round)})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, c.changed.Broadcast)
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	want := len(c.published) + 1 + rand.IntN(50)
	last := func() ulid.ULID { return c.published[want-1] }
	for len(c.published) < want || len(c.delivered) == 0 || c.delivered[len(c.delivered)-1].Compare(last()) < 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d published, %d items delivered", len(c.published), want, len(c.delivered))
		}
		c.changed.Wait()
	}
	first, _ := slices.BinarySearchFunc(c.published, r.Position, func(a, b ulid.ULID) int {
		if a.Compare(b) <= 0 {
			return -1
		}
		return 1
	})
	var got []ulid.ULID
	for _, id := range c.delivered {
		if id.Compare(r.Position) > 0 && id.Compare(last()) <= 0 {
			got = append(got, id)
		}
	}
	c.delivered = nil
	if !slices.Equal(got, c.published[first:want]) {
		return fmt.Errorf("after %v: got %v, want %v", r.Position, got, c.published[first:want])
	}
	if c.lost > 0 {
		return fmt.Errorf("called lost %d times", c.lost)
	}
	return nil
}
