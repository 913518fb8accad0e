package simplestore

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.RunInBubble(t, func(*testing.T) storetest.Harness { return harness{New()} })
}

type harness struct{ *Store }

func (h harness) Open(*testing.T) store.Store { return h.Store }

func (h harness) Kill(_ *testing.T, _ store.Store, n store.Node) {
	n.(*node).stop()
	n.(*node).tasks.Wait()
}

func (h harness) Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (h harness) Now() time.Time { return time.Now() }

// A node that is taken for dead joins again as soon as it can, and says so.
func TestRejoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := New(), new(rejoined)
		o := store.JoinOptions{ReplayWindow: time.Minute, ReplayLimit: 1, NodeTimeout: time.Minute}
		n, err := s.Join(t.Context(), r, o)
		if err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		delete(s.nodes, n.ID()) // as another node would while this one is suspended
		s.mu.Unlock()
		time.Sleep(time.Second)
		if peers, err := n.Peers(t.Context()); err != nil || len(peers) != 1 || r.times.Load() != 1 {
			t.Errorf("%d peers, rejoined %d times: %v", len(peers), r.times.Load(), err)
		}
		if err := n.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

type rejoined struct {
	store.Receiver

	times atomic.Int32
}

func (r *rejoined) Rejoin() { r.times.Add(1) }
