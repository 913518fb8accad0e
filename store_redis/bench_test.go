package storeredis

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/internal/await"
	"github.com/hotsock-go/hotsock/internal/redistest"
	"github.com/hotsock-go/hotsock/store"
	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"
)

// A sink is a Receiver that counts deliveries.
type sink struct{ delivered, counts atomic.Int64 }

func (s *sink) Deliver(*store.Item)                          { s.delivered.Add(1) }
func (s *sink) Lost(string)                                  {}
func (s *sink) CountChanged(string)                          { s.counts.Add(1) }
func (s *sink) Rejoin()                                      {}
func (s *sink) SubscriptionEnded(store.SubscriptionEnd)      {}
func (s *sink) ConnectionEnded(store.Connection)             {}
func (s *sink) MemberRemoved(string, store.PresenceChange)   {}
func (s *sink) EntryExpired(store.Entry)                     {}
func (s *sink) Call(context.Context, []byte) ([]byte, error) { return nil, nil }

func benchNode(b *testing.B, addr string) (*node, *sink) {
	b.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	b.Cleanup(func() { _ = c.Close() })
	s, err := New(c, Options{})
	if err != nil {
		b.Fatal(err)
	}
	r := new(sink)
	n, err := s.Join(context.Background(), r, store.JoinOptions{
		ReplayWindow: 2 * time.Minute, ReplayLimit: 1000, NodeTimeout: 8 * time.Second,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = n.Leave(context.Background()) })
	return n.(*node), r
}

// cpuOf returns how many seconds of CPU a server has used.
func cpuOf(b *testing.B, srv *redistest.Server) float64 {
	info, err := srv.Client().Info(context.Background(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	values := parseInfo(info)
	var sum float64
	for _, k := range []string{"used_cpu_user", "used_cpu_sys"} {
		v, err := strconv.ParseFloat(values[k], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += v
	}
	return sum
}

// BenchmarkPublish publishes from 64 goroutines, and waits until all has been
// heard.
func BenchmarkPublish(b *testing.B) {
	data := []byte(`"` + fmt.Sprintf("%0256d", 0) + `"`)
	for _, keep := range []time.Duration{0, time.Minute, store.Forever} {
		for _, channels := range []int{1, 1000} {
			b.Run(fmt.Sprintf("keep=%v/channels=%d", keep, channels), func(b *testing.B) {
				srv := redistest.StartServer(b)
				n, r := benchNode(b, srv.Addr)
				for i := range channels {
					if err := n.Watch(context.Background(), fmt.Sprint("c", i)); err != nil {
						b.Fatal(err)
					}
				}
				var next atomic.Int64
				b.SetParallelism(32)
				b.ReportAllocs()
				busy := cpuOf(b, srv)
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						p := store.PublishRequest{
							Channel: fmt.Sprint("c", next.Add(1)%int64(channels)), Event: "e", Data: data, Retention: keep,
						}
						if _, err := n.Publish(context.Background(), p); err != nil {
							b.Error(err)
						}
					}
				})
				for r.delivered.Load() < int64(b.N) {
					await.Pass(100*time.Microsecond, "until the next look")
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
				b.ReportMetric((cpuOf(b, srv)-busy)/float64(b.N)*1e6, "redis-µs/msg")
			})
		}
	}
}

// BenchmarkPublishLatency publishes one message after the other.
func BenchmarkPublishLatency(b *testing.B) {
	srv := redistest.StartServer(b)
	n, _ := benchNode(b, srv.Addr)
	var last ulid.ULID
	for b.Loop() {
		res, err := n.Publish(context.Background(), store.PublishRequest{Channel: "c", Event: "e"})
		if err != nil || res.ID.Compare(last) <= 0 {
			b.Fatal(res, err)
		}
		last = res.ID
	}
}

// BenchmarkPresence has one user come and go on a channel with others.
func BenchmarkPresence(b *testing.B) {
	for _, others := range []int{1, 1000, 10_000} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			srv := redistest.StartServer(b)
			n, _ := benchNode(b, srv.Addr)
			ctx := context.Background()
			if err := n.Watch(ctx, "presence.c"); err != nil {
				b.Fatal(err)
			}
			join := func(i int) {
				s := store.SubscribeRequest{
					Channel: "presence.c", Connection: fmt.Sprint("connection ", i), UID: fmt.Sprint("user ", i), UMD: []byte(`{"name":"Somebody"}`),
					Presence: true, MemberSize: 60, MaxMembersSize: 1 << 20, Counted: true, KnowsMembers: true,
				}
				for {
					if _, err := n.Subscribe(ctx, s); err == nil {
						return // and not too slow for a loaded machine
					}
				}
			}
			var all errgroup.Group
			all.SetLimit(8)
			for i := range others {
				all.Go(func() error { join(i); return nil })
			}
			_ = all.Wait()
			busy := cpuOf(b, srv)
			for b.Loop() {
				join(-1)
				if _, err := n.Unsubscribe(ctx, store.UnsubscribeRequest{Channel: "presence.c", Connection: "connection -1"}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuOf(b, srv)-busy)/float64(b.N)*1e6, "redis-µs/op")
		})
	}
}
