package storeredis

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hotsock-go/hotsock/store"
	"github.com/hotsock-go/hotsock/store/storetest"
	"github.com/redis/go-redis/v9"
)

// kill ends a node as the death of its process would: nothing is removed.
func (n *node) kill() {
	n.left.Store(true)
	n.stop()
}

// A miniHarness runs on miniredis, with fake time.
type miniHarness struct {
	m *miniredis.Miniredis
}

func newMiniHarness(t *testing.T) storetest.Harness {
	return &miniHarness{m: newMini(t)}
}

func newMini(t *testing.T) *miniredis.Miniredis {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true)
	t.Cleanup(m.Close)
	return m
}

func (h *miniHarness) Open(t *testing.T) store.Store {
	c := redis.NewClient(&redis.Options{
		Addr: "127.0.0.1:6379", ContextTimeoutEnabled: true, DisableIdentity: true,
		Dialer: func(context.Context, string, string) (net.Conn, error) { return h.m.Dial() },
	})
	t.Cleanup(func() { _ = c.Close() })
	s, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (h *miniHarness) Kill(_ *testing.T, _ store.Store, n store.Node) { n.(*node).kill() }

func (h *miniHarness) Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (h *miniHarness) Now() time.Time { return time.Now() }

func TestConformanceOnMiniredis(t *testing.T) {
	storetest.RunInBubble(t, newMiniHarness)
}
