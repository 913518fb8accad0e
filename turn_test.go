package hotsock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/internal/wstest"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// A busyStore does one thing after another, each of which takes a while, whether
// somebody still waits for it or not.
type busyStore struct {
	store.Store
	takes time.Duration

	mu    sync.Mutex
	until time.Time
}

func (s *busyStore) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	n, err := s.Store.Join(ctx, r, o)
	return busyNode{n, s}, err
}

// work waits until something is done.
func (s *busyStore) work(ctx context.Context) error {
	s.mu.Lock()
	if now := time.Now(); s.until.Before(now) {
		s.until = now
	}
	s.until = s.until.Add(s.takes)
	done := time.NewTimer(time.Until(s.until))
	s.mu.Unlock()
	defer done.Stop()
	select {
	case <-done.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
}

type busyNode struct {
	store.Node
	s *busyStore
}

func (n busyNode) Ready(ctx context.Context) error {
	if err := n.s.work(ctx); err != nil {
		return err
	}
	return n.Node.Ready(ctx)
}

func (n busyNode) Publish(ctx context.Context, p store.PublishRequest) (store.PublishResult, error) {
	if err := n.s.work(ctx); err != nil {
		return store.PublishResult{}, err
	}
	return n.Node.Publish(ctx, p)
}

func (n busyNode) Subscribe(ctx context.Context, q store.SubscribeRequest) (store.SubscribeResult, error) {
	if err := n.s.work(ctx); err != nil {
		return store.SubscribeResult{}, err
	}
	return n.Node.Subscribe(ctx, q)
}

// TestManyConnectAtOnce: the store needs several times StoreTimeout for all who come at
// the same moment, as when another node has died. Nobody is refused.
func TestManyConnectAtOnce(t *testing.T) {
	const clients, takes = 400, 12 * time.Millisecond
	for _, row := range []struct {
		why string
		o   Options
	}{
		{why: "the app's Authenticate"},
		{why: "an Authenticate that takes long holds up nobody else", o: Options{Authenticate: func(*http.Request) (*Claims, error) {
			time.Sleep(3 * time.Second)
			return everything("Jim"), nil
		}}},
		{why: "a hook that takes long", o: Options{Hooks: Hooks{BeforeConnect: func(context.Context, Requester) error {
			time.Sleep(time.Second)
			return nil
		}}}},
	} {
		t.Run(row.why, func(t *testing.T) {
			row.o.Store = &busyStore{Store: storememory.New(), takes: takes}
			inRig(t, row.o, func(t *testing.T, r *rig) {
				var all sync.WaitGroup
				began := time.Now()
				for i := range clients {
					all.Go(func() {
						c, _, err := wstest.Try(t, r.url("Jim"), r.dial())
						if err != nil {
							t.Errorf("refused: %v", err)
							return
						}
						c.Greet()
						c.Send(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"c%d"}`, i))
						c.Expect("hotsock.subscribed")
					})
				}
				all.Wait()
				if took, least := time.Since(began), clients*takes; took < least || took > least+least/2+3*time.Second {
					t.Errorf("all were subscribed after %v", took)
				}
			})
		})
	}
}

// TestManyPublishAtOnce: those who are refused try again, more often than the store
// could do anything for them. It does as much as it can, all the same.
func TestManyPublishAtOnce(t *testing.T) {
	const publishers, takes = 3000, 3 * time.Millisecond / 2
	inRig(t, Options{Store: &busyStore{Store: storememory.New(), takes: takes}}, func(t *testing.T, r *rig) {
		var all sync.WaitGroup
		began := time.Now()
		for range publishers {
			all.Go(func() {
				for {
					_, err := r.h.Publish(t.Context(), Message{Channel: "c", Event: "e"})
					if err == nil {
						return
					}
					if !errors.Is(err, errBusy) {
						t.Errorf("refused: %v", err)
						return
					}
					if time.Since(began) > time.Minute {
						return
					}
					time.Sleep(rand.N(2 * time.Second))
				}
			})
		}
		all.Wait()
		if took, least := time.Since(began), publishers*takes; took < least || took > least+least/2+2*time.Second {
			t.Errorf("all were published after %v", took)
		}
	})
}

// TestTurnsEnd: whoever waits for a turn gives up when its context is over, nobody gets
// on, or it takes too long.
func TestTurnsEnd(t *testing.T) {
	const stalled = time.Second
	for _, row := range []struct {
		why           string
		context, want time.Duration
		getsOn        bool
	}{
		{"its context is over", stalled / 2, stalled / 2, false},
		{"nobody gets on", time.Hour, stalled, false},
		{"some get on", time.Hour, turnPatience, true},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				turns := newTurns(1, stalled)
				first, other := turn{turns: turns}, turn{turns: turns}
				if err := first.take(t.Context()); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), row.context)
				var others sync.WaitGroup
				if row.getsOn {
					others.Go(func() {
						for ctx.Err() == nil {
							first.succeeded()
							time.Sleep(turnStuck / 2)
						}
					})
				} else {
					for range 2 * stalled / turnStuck { // who find out, in turn, that they do not, either
						others.Go(func() {
							before := turn{turns: turns}
							if before.take(ctx) == nil {
								<-ctx.Done()
								before.give()
							}
						})
					}
					synctest.Wait()
				}
				began := time.Now()
				err := other.take(ctx)
				if took := time.Since(began); !errors.Is(err, errBusy) || took < row.want || took > row.want+stalled {
					t.Errorf("%v after %v, want %v", err, took, row.want)
				}
				cancel()
				others.Wait()
				other.give() // gives nothing
				if err := first.lend(ctx, func() error { return other.take(t.Context()) }); !errors.Is(err, errBusy) {
					t.Errorf("the turn that was lent: %v", err)
				}
				first.give()
				other.give()
				if err := first.take(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
