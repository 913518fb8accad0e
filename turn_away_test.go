package hotsock

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
)

// An awayStore has all channels whose names begin with "away" in a part that does not
// answer.
type awayStore struct{ store.Store }

func (s awayStore) Join(ctx context.Context, r store.Receiver, o store.JoinOptions) (store.Node, error) {
	n, err := s.Store.Join(ctx, r, o)
	return awayNode{n}, err
}

type awayNode struct{ store.Node }

func (awayNode) reach(ctx context.Context, channel string) error {
	if !strings.HasPrefix(channel, "away") {
		return nil
	}
	<-ctx.Done()
	return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
}

func (n awayNode) Publish(ctx context.Context, p store.PublishRequest) (store.PublishResult, error) {
	if err := n.reach(ctx, p.Channel); err != nil {
		return store.PublishResult{}, err
	}
	return n.Node.Publish(ctx, p)
}

func (n awayNode) Subscribe(ctx context.Context, q store.SubscribeRequest) (store.SubscribeResult, error) {
	if err := n.reach(ctx, q.Channel); err != nil {
		return store.SubscribeResult{}, err
	}
	return n.Node.Subscribe(ctx, q)
}

// TestPartAwayHoldsUpNobody: what is asked of a part of the store that does not answer
// holds up nobody who asks another one for long.
func TestPartAwayHoldsUpNobody(t *testing.T) {
	const lasts, clients = 5 * time.Second, 4 * maxSubscribing
	const moment = clients/maxSubscribing*turnStuck + turnStuck
	away := Options{Store: awayStore{storememory.New()}}
	inTime := func(t *testing.T, do func()) {
		t.Helper()
		began := time.Now()
		do()
		if took := time.Since(began); took > moment {
			t.Errorf("it took %v", took)
		}
	}
	t.Run("publishes", func(t *testing.T) {
		inRig(t, away, func(t *testing.T, r *rig) {
			var all sync.WaitGroup
			for began := time.Now(); time.Since(began) < lasts; time.Sleep(time.Millisecond) {
				all.Go(func() {
					if _, err := r.h.Publish(t.Context(), Message{Channel: "away", Event: "e"}); !errors.Is(err, &Error{Code: CodeUnavailable}) {
						t.Error(err)
					}
				})
				all.Go(func() {
					inTime(t, func() {
						if _, err := r.h.Publish(t.Context(), Message{Channel: "here", Event: "e"}); err != nil {
							t.Error(err)
						}
					})
				})
			}
			all.Wait()
		})
	})
	t.Run("subscribes", func(t *testing.T) {
		inRig(t, away, func(t *testing.T, r *rig) {
			for i := range clients {
				r.connect("Jim").Send(fmt.Sprintf(`{"event":"hotsock.subscribe","channel":"away%d"}`, i))
			}
			for began := time.Now(); time.Since(began) < lasts; time.Sleep(100 * time.Millisecond) {
				inTime(t, func() {
					c := r.connect("Jane")
					c.Do(`{"event":"hotsock.subscribe","channel":"here"}`, "hotsock.subscribed")
					c.Close()
				})
			}
		})
	})
}

// TestTurnIsStuck: a turn ends when one that began a while later has got on before, or
// nobody gets on, and only then. Who had it does not end another's.
func TestTurnIsStuck(t *testing.T) {
	for _, row := range []struct {
		why    string
		later  time.Duration // the other begins
		getsOn bool          // the other
		want   time.Duration // the next waits
	}{
		{"another began a while later and has got on", turnStuck, true, 0},
		{"another began soon after", turnStuck - 1, true, turnStuck},
		{"nobody gets on", 0, false, turnStuck},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				turns := newTurns(2, time.Second)
				var each [5]turn
				for i := range each {
					each[i].turns = turns
				}
				first, other, next, last, more := &each[0], &each[1], &each[2], &each[3], &each[4]
				time.Sleep(time.Hour)
				if err := first.tryTake(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(row.later)
				if err := other.tryTake(); err != nil {
					t.Fatal(err)
				}
				if row.getsOn {
					other.succeeded()
				}
				began := time.Now()
				if err := next.take(t.Context()); err != nil || time.Since(began) != row.want {
					t.Errorf("%v after %v", err, time.Since(began))
				}
				first.give() // which has ended
				other.give()
				if err := errors.Join(last.tryTake(), more.tryTake()); !errors.Is(err, errBusy) {
					t.Errorf("of two turns, three were taken")
				}
			})
		})
	}
}

// TestRetryWaitsForNoTurn: a client whose subscribe is retried can do other things, even
// when there is no turn for it.
func TestRetryWaitsForNoTurn(t *testing.T) {
	inRig(t, Options{}, func(t *testing.T, r *rig) {
		c := r.connect("Jim")
		r.s.setDown(true)
		c.Send(`{"event":"hotsock.subscribe","channel":"c"}`)
		c.Expect("UNAVAILABLE")
		r.s.setDown(false)
		var taken [maxSubscribing]turn
		for i := range taken {
			taken[i].turns = r.h.subscribing
			if err := taken[i].tryTake(); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			began := time.Now()
			c.Do(`{"event":"hotsock.ping"}`, "hotsock.pong")
			if took := time.Since(began); took > retryInterval {
				t.Errorf("an answer took %v", took)
			}
			time.Sleep(retryInterval)
		}
		for i := range taken {
			taken[i].give()
		}
		c.Expect("hotsock.subscribed")
	})
}
