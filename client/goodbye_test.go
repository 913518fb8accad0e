package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/hotsock-go/hotsock"
	"github.com/hotsock-go/hotsock/internal/need"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
	storeredis "github.com/hotsock-go/hotsock/store_redis"
)

// A server stops while clients publish, and another one takes its place: no call
// fails, and every message is there once.
func TestGoodbye(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		s := storememory.New()
		sayGoodbye(t, s, s)
	})
	t.Run("redis", func(t *testing.T) {
		need.Program(t, "redis-server", "redis-server")
		server := redistest.StartServer(t)
		newStore := func() store.Store {
			client := redis.NewClient(&redis.Options{Addr: server.Addr, ContextTimeoutEnabled: true})
			t.Cleanup(func() { _ = client.Close() })
			st, err := storeredis.New(client, storeredis.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return st
		}
		sayGoodbye(t, newStore(), newStore())
	})
}

func sayGoodbye(t *testing.T, before, after store.Store) {
	const clients = 50
	old, replacement := newSite(t, before), newSite(t, after)
	var target atomic.Pointer[site]
	target.Store(old)
	d := &net.Dialer{}
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			address := strings.TrimSuffix(strings.TrimPrefix(target.Load().url, "http://"), "/rt")
			return d.DialContext(ctx, network, address)
		},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()

	var warm, publishing sync.WaitGroup
	var stopped atomic.Bool
	var published [clients]int
	for i := range clients {
		c := old.clientWith(Options{
			URL: "http://app/rt", Token: tokens("Jim", nil), HTTPClient: &http.Client{Transport: transport},
		})
		channel := fmt.Sprint("room-", i)
		subscribe(t, c, channel, nil)
		warm.Add(1)
		publishing.Go(func() {
			begun := sync.OnceFunc(warm.Done)
			defer begun()
			for last := false; !last; published[i]++ {
				last = stopped.Load()
				if _, err := c.Publish(ctx, channel, "kept", published[i]); err != nil {
					t.Errorf("the publish %d on %s: %v", published[i], channel, err)
					return
				}
				begun()
			}
		})
	}
	warm.Wait()
	target.Store(replacement)
	if err := old.h.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	stopped.Store(true)
	publishing.Wait()

	for i, want := range published {
		n := 0
		q := hotsock.HistoryQuery{Channel: fmt.Sprint("room-", i)}
		for more := true; more; more = q.After != "" {
			page, err := replacement.h.History(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page.Items {
				if string(m.Data) != fmt.Sprint(n) {
					t.Fatalf("%s: got %s, want %d", q.Channel, m.Data, n)
				}
				n++
			}
			q.After = page.Next
		}
		if n != want {
			t.Errorf("%s has %d messages, want %d", q.Channel, n, want)
		}
	}
}
