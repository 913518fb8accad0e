package storememory

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
)

// counting is a receiver that counts what it is told.
type counting struct {
	items   map[string]int
	expired int
}

func (c *counting) Deliver(item *store.Item)                     { c.items[item.Channel]++ }
func (c *counting) Lost(string)                                  {}
func (c *counting) CountChanged(string)                          {}
func (c *counting) Rejoin()                                      {}
func (c *counting) SubscriptionEnded(store.SubscriptionEnd)      {}
func (c *counting) ConnectionEnded(store.Connection)             {}
func (c *counting) MemberRemoved(string, store.PresenceChange)   {}
func (c *counting) EntryExpired(store.Entry)                     { c.expired++ }
func (c *counting) Call(context.Context, []byte) ([]byte, error) { return nil, nil }

func joined(t *testing.T, s *Store, o store.JoinOptions) (*node, *counting) {
	t.Helper()
	r := &counting{items: make(map[string]int)}
	n, err := s.Join(t.Context(), r, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Leave(context.Background()) })
	return n.(*node), r
}

// nothing reports whatever is left in the store, once its sweeps have ended.
func nothing(t *testing.T, s *Store) {
	t.Helper()
	synctest.Wait()
	for i := range s.shards {
		sh := &s.shards[i]
		if n := sh.channels.Len(); n > 0 {
			t.Errorf("shard %d has %d channels left", i, n)
		}
		if n := len(sh.due.heap); n > 0 {
			t.Errorf("shard %d has %d channels waiting", i, n)
		}
		if c := cap(sh.due.heap); c > shrinkFrom {
			t.Errorf("shard %d has room for %d channels to wait", i, c)
		}
	}
	if n := s.tokens.used.Len() + len(s.tokens.expiry.heap); n > 0 {
		t.Errorf("%d tokens left", n)
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// publishes is how many TestMemoryReturns makes, and a measure for others.
var publishes = 1_000_000

// TestMemoryReturns publishes a million messages, and something of everything
// else, all to expire soon. Then time passes, and nothing is left.
func TestMemoryReturns(t *testing.T) {
	if testing.Short() {
		t.Skip("not with -short: publishes a million messages")
	}
	synctest.Test(t, func(t *testing.T) {
		const channels = 1000
		s := New()
		n, _ := joined(t, s, store.JoinOptions{ReplayWindow: time.Second, ReplayLimit: 100, NodeTimeout: time.Minute})
		before := heap()
		ctx := t.Context()
		names := make([]string, channels)
		for i := range names {
			names[i] = fmt.Sprint("channel ", i)
		}
		for i := range publishes {
			p := store.PublishRequest{Channel: names[i%channels], Event: "e"}
			p.Retention = time.Duration(i%4) * time.Second // Some are not kept.
			if i%16 == 0 {
				p.DedupID, p.DedupFor = fmt.Sprint(i), 2*time.Second
			}
			if _, err := n.Publish(ctx, p); err != nil {
				t.Fatal(err)
			}
			if i%(publishes/10) == 0 {
				time.Sleep(100 * time.Millisecond)
			}
		}
		for i, c := range names {
			if _, err := n.UseToken(ctx, c, time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
			set := store.SetRequest{Channel: c, Key: fmt.Sprint(i), Value: []byte("1"), Retention: time.Second}
			if _, err := n.Set(ctx, set); err != nil {
				t.Fatal(err)
			}
			res, err := n.Publish(ctx, store.PublishRequest{Channel: c, Event: "e", Retention: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.React(ctx, store.ReactRequest{
				Channel:  c,
				Reaction: store.Reaction{Message: res.ID, UID: "Jim", Reaction: "+1"},
				Notice:   store.PublishRequest{Channel: c, Event: "notice"},
			})
			if err != nil {
				t.Fatal(err)
			}
			sub := store.SubscribeRequest{Channel: c, Connection: "1", UID: "Jim", Presence: true, MemberSize: 10, MaxMembersSize: 1000}
			if _, err := n.Subscribe(ctx, sub); err != nil {
				t.Fatal(err)
			}
			if _, err := n.Unsubscribe(ctx, store.UnsubscribeRequest{Channel: c, Connection: "1"}); err != nil {
				t.Fatal(err)
			}
			if err := n.Watch(ctx, c); err != nil {
				t.Fatal(err)
			}
			n.Unwatch(c)
			// What fails makes no channel, or none that stays.
			if _, err := n.Unsubscribe(ctx, store.UnsubscribeRequest{Channel: c + "x", Connection: "1"}); err == nil {
				t.Fatal("unsubscribed what was not subscribed")
			}
			if _, err := n.Set(ctx, store.SetRequest{Channel: c + "y", Key: "k"}); err != nil {
				t.Fatal(err)
			}
			sub.Channel, sub.MaxMembersSize = c+"z", 1
			if _, err := n.Subscribe(ctx, sub); err == nil {
				t.Fatal("subscribed beyond the capacity")
			}
		}
		most := heap()
		time.Sleep(4*time.Second + 2*sweepEvery)
		nothing(t, s)
		if left := heap() - before; left > (most-before)/100 {
			t.Errorf("%d bytes are left of %d", left, most-before)
		}
	})
}

// TestBusyChannelGivesMemoryBack: a channel that stays in use does not keep
// what a busy time needed.
func TestBusyChannelGivesMemoryBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		n, _ := joined(t, s, store.JoinOptions{ReplayWindow: time.Second, ReplayLimit: 1000, NodeTimeout: time.Minute})
		ctx := t.Context()
		if err := n.Watch(ctx, "c"); err != nil {
			t.Fatal(err)
		}
		publish := func(keep time.Duration, dedup string) {
			p := store.PublishRequest{Channel: "c", Event: "e", Retention: keep, DedupID: dedup, DedupFor: keep}
			if _, err := n.Publish(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		before := heap()
		for i := range 50_000 {
			publish(2*time.Second, fmt.Sprint("burst ", i))
			if i%5000 == 0 {
				publish(time.Hour, fmt.Sprint("rare ", i))
			}
		}
		time.Sleep(2*time.Second + 2*sweepEvery)
		if left := heap() - before; left > 100_000 {
			t.Errorf("10 messages that are left take %d bytes", left)
		}
		page, err := n.History(ctx, store.HistoryRequest{Channel: "c", Limit: 100, MaxBytes: 1 << 20})
		if err != nil || len(page.Messages) != 10 {
			t.Errorf("%d messages are left, want 10 (%v)", len(page.Messages), err)
		}
		n.Unwatch("c")
	})
}

// TestIDsGoOnAfterAChannelWasForgotten sets an id ahead of the clock, as if
// the clock had been set back since, and lets the channel be forgotten.
func TestIDsGoOnAfterAChannelWasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		n, _ := joined(t, s, store.JoinOptions{ReplayWindow: time.Second, ReplayLimit: 10, NodeTimeout: time.Minute})
		ctx := t.Context()
		var ahead ulid.ULID
		_ = ahead.SetTime(uint64(time.Now().Add(time.Hour).UnixMilli()))
		c := s.lock("c")
		c.last = ahead
		c.unlock()
		time.Sleep(2 * sweepEvery)
		nothing(t, s)
		res, err := n.Publish(ctx, store.PublishRequest{Channel: "c", Event: "e"})
		if err != nil || res.ID.Compare(ahead) <= 0 {
			t.Errorf("id %v, want one after %v (%v)", res.ID, ahead, err)
		}
		sub, err := n.Subscribe(ctx, store.SubscribeRequest{Channel: "never seen", Connection: "1"})
		if err != nil || sub.Position.IsZero() || sub.Position == ahead {
			t.Errorf("a new channel has the position %v (%v)", sub.Position, err)
		}
	})
}

// TestForgottenChannelProvesNothing: the channel comes back, and does not
// claim to know what it forgot.
func TestForgottenChannelProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		n, _ := joined(t, s, store.JoinOptions{ReplayWindow: time.Second, ReplayLimit: 10, NodeTimeout: time.Minute})
		ctx := t.Context()
		old, err := n.Publish(ctx, store.PublishRequest{Channel: "c", Event: "e"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second + 2*sweepEvery)
		nothing(t, s)
		res, err := n.Publish(ctx, store.PublishRequest{Channel: "c", Event: "e"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := n.Replay(ctx, store.ReplayRequest{Channel: "c", After: old.ID, Until: res.ID, Limit: 10, MaxBytes: 1 << 20})
		if err != nil || got.Complete {
			t.Errorf("a replay after what was forgotten: %+v (%v)", got, err)
		}
	})
}

// TestPositionOfAnotherStore: an empty channel of a process is not the one that
// the process before it had.
func TestPositionOfAnotherStore(t *testing.T) {
	position := func(s *Store) (*node, ulid.ULID) {
		n, _ := joined(t, s, defaults)
		r, err := n.Subscribe(t.Context(), store.SubscribeRequest{Channel: "c", Connection: "1"})
		if err != nil {
			t.Fatal(err)
		}
		return n, r.Position
	}
	_, old := position(New())
	n, fresh := position(New())
	for after, want := range map[ulid.ULID]bool{old: false, fresh: true} {
		r, err := n.Replay(t.Context(), store.ReplayRequest{Channel: "c", After: after, Until: ulid.Make(), Limit: 1, MaxBytes: 1 << 20})
		if err != nil || r.Complete != want {
			t.Errorf("complete is %v (%v), want %v", r.Complete, err, want)
		}
	}
}

// TestMuchThatExpires reports every one of more entries than are removed in
// one go.
func TestMuchThatExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		n, r := joined(t, s, store.JoinOptions{ReplayWindow: time.Second, ReplayLimit: 10, NodeTimeout: time.Minute})
		const entries = 10_000
		for i := range entries {
			_, err := n.Set(t.Context(), store.SetRequest{
				Channel: "c", Key: fmt.Sprint(i), Value: []byte("1"), Retention: time.Second, Emit: true,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second + 2*sweepEvery)
		nothing(t, s)
		if r.expired != entries {
			t.Errorf("%d entries were reported as expired, want %d", r.expired, entries)
		}
	})
}

// TestRemovedChannelIsLeftAlone: a channel that was removed while it waited to
// be looked at does not take its successor with it.
func TestRemovedChannelIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		n, r := joined(t, s, defaults)
		c := s.lock("c")
		c.unlock() // It has nothing, so it waits.
		s.shard("c").remove(c)
		if err := n.Watch(t.Context(), "c"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * sweepEvery)
		synctest.Wait()
		s.shard("c").remove(c)
		if _, err := n.Publish(t.Context(), store.PublishRequest{Channel: "c", Event: "e"}); err != nil {
			t.Fatal(err)
		}
		if r.items["c"] != 1 {
			t.Errorf("%d items were delivered, want 1", r.items["c"])
		}
	})
}

// TestChannelIsUsedBeforeItsRemoval publishes to a channel that a sweep has
// found to have nothing, before the sweep removes it: it stays, and is looked
// at again when the message expires.
func TestChannelIsUsedBeforeItsRemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New()
		n, _ := joined(t, s, defaults)
		c := s.lock("c")
		c.unlock() // It has nothing, so it waits.
		if got, ok := c.shard.due.takeDue(clock()); !ok || got != c {
			t.Fatal("the channel does not wait to be removed")
		}
		res, err := n.Publish(t.Context(), store.PublishRequest{Channel: "c", Event: "e", Retention: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		c.shard.remove(c)
		page, err := n.History(t.Context(), store.HistoryRequest{Channel: "c", Limit: 1, MaxBytes: 1})
		if err != nil || len(page.Messages) != 1 || page.Messages[0].ID != res.ID {
			t.Error("the message was removed with its channel")
		}
		time.Sleep(time.Hour + 2*sweepEvery)
		nothing(t, s)
	})
}

// TestChannelsComeAndGo has channels be made and forgotten as fast as can be,
// while nodes sweep all the time: nothing is lost, and nothing stays.
func TestChannelsComeAndGo(t *testing.T) {
	s := New()
	const workers = 4
	o := defaults
	o.ReplayWindow = 1 // Else who left is awaited.
	var sweepers, users sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		n, _ := joined(t, s, o)
		sweepers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					s.sweep(n)
				}
			}
		})
	}
	for w := range workers {
		n, _ := joined(t, s, o)
		sub := store.SubscribeRequest{Channel: fmt.Sprint(w), Connection: "1", Counted: true}
		users.Go(func() {
			for range publishes / 20 {
				if _, err := n.Subscribe(t.Context(), sub); err != nil {
					t.Error(err)
				}
				info, err := n.Channel(t.Context(), sub.Channel)
				if err != nil || info.Count != 1 {
					t.Errorf("%d subscriptions after one (%v)", info.Count, err)
					return
				}
				if _, err := n.Unsubscribe(t.Context(), store.UnsubscribeRequest{Channel: sub.Channel, Connection: "1"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Wait()
	close(done)
	sweepers.Wait()
	n, _ := joined(t, s, o)
	// A node may still be about to remove what it has taken from the queue.
	await.That(t, "all channels to be removed", func() bool {
		s.sweep(n)
		left := 0
		for i := range s.shards {
			sh := &s.shards[i]
			sh.mu.Lock()
			left += sh.channels.Len()
			sh.mu.Unlock()
		}
		return left == 0
	})
}
