package storememory_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hotsock-go/hotsock/store"
	storememory "github.com/hotsock-go/hotsock/store_memory"
	"github.com/oklog/ulid/v2"
)

// silent is a receiver that does nothing.
type silent struct{}

func (silent) Deliver(*store.Item)                          {}
func (silent) Lost(string)                                  {}
func (silent) CountChanged(string)                          {}
func (silent) Rejoin()                                      {}
func (silent) SubscriptionEnded(store.SubscriptionEnd)      {}
func (silent) ConnectionEnded(store.Connection)             {}
func (silent) MemberRemoved(string, store.PresenceChange)   {}
func (silent) EntryExpired(store.Entry)                     {}
func (silent) Call(context.Context, []byte) ([]byte, error) { return nil, nil }

var options = store.JoinOptions{ReplayWindow: 2 * time.Minute, ReplayLimit: 1000, NodeTimeout: 10 * time.Second}

func join(tb testing.TB, s *storememory.Store) store.Node {
	tb.Helper()
	n, err := s.Join(tb.Context(), silent{}, options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = n.Leave(context.Background()) })
	return n
}

func BenchmarkPublish(b *testing.B) {
	message := store.PublishRequest{
		Channel: "c", Event: "chat", Data: []byte(`{"text":"hello"}`), Meta: &store.Meta{UID: "Jim"},
	}
	kept := message
	kept.Retention = time.Hour
	dedup := message
	dedup.DedupFor = 5 * time.Minute
	for name, p := range map[string]store.PublishRequest{"unkept": message, "kept": kept, "dedup": dedup} {
		b.Run(name, func(b *testing.B) {
			n := join(b, storememory.New())
			if err := n.Watch(b.Context(), "c"); err != nil {
				b.Fatal(err)
			}
			ctx := context.Background()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if p.DedupFor > 0 {
					i++
					p.DedupID = fmt.Sprint(i)
				}
				if _, err := n.Publish(ctx, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPublishChannels publishes from all processors, each to a channel of
// its own.
func BenchmarkPublishChannels(b *testing.B) {
	n := join(b, storememory.New())
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		p := store.PublishRequest{Channel: fmt.Sprint("c", next.Add(1)), Event: "chat", Data: []byte(`{"text":"hello"}`)}
		if err := n.Watch(b.Context(), p.Channel); err != nil {
			b.Error(err)
		}
		ctx := context.Background()
		for pb.Next() {
			_, _ = n.Publish(ctx, p)
		}
	})
}

func BenchmarkReplay(b *testing.B) {
	n := join(b, storememory.New())
	ctx := context.Background()
	var ids []ulid.ULID
	for i := range 1000 {
		p := store.PublishRequest{Channel: "c", Event: "chat"}
		if i%2 == 0 {
			p.Retention = time.Hour
		}
		res, err := n.Publish(ctx, p)
		if err != nil {
			b.Fatal(err)
		}
		ids = append(ids, res.ID)
	}
	for _, missed := range []int{0, 10, 999} {
		b.Run(fmt.Sprint(missed), func(b *testing.B) {
			b.ReportAllocs()
			r := store.ReplayRequest{Channel: "c", After: ids[999-missed], Until: ids[999], Limit: 1000, MaxBytes: 1 << 20}
			for b.Loop() {
				got, err := n.Replay(ctx, r)
				if err != nil || !got.Complete || len(got.Messages) != missed {
					b.Fatal(err, got.Complete, len(got.Messages))
				}
			}
		})
	}
}

func BenchmarkSet(b *testing.B) {
	n := join(b, storememory.New())
	ctx := context.Background()
	values := [][]byte{[]byte("0"), []byte("1")}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i ^= 1
		_, err := n.Set(ctx, store.SetRequest{
			Channel: "c", Key: "k", Value: values[i], Digest: string(values[i]), Retention: time.Hour,
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPresence has one user come and go on a channel with others.
func BenchmarkPresence(b *testing.B) {
	for _, others := range []int{1, 1000, 10_000} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			n := join(b, storememory.New())
			ctx := context.Background()
			s := store.SubscribeRequest{Channel: "presence.c", Presence: true, MemberSize: 60, MaxMembersSize: 1 << 20, Counted: true, KnowsMembers: true}
			for i := range others {
				s.Connection = fmt.Sprint("connection ", i)
				s.UID = fmt.Sprint("user ", i)
				if _, err := n.Subscribe(ctx, s); err != nil {
					b.Fatal(err)
				}
			}
			s.Connection, s.UID = "mine", "me"
			b.ReportAllocs()
			for b.Loop() {
				_, _ = n.Subscribe(ctx, s)
				_, _ = n.Unsubscribe(ctx, store.UnsubscribeRequest{Channel: s.Channel, Connection: s.Connection})
			}
		})
	}
}

func BenchmarkSchedule(b *testing.B) {
	s := storememory.New()
	ctx := context.Background()
	far := time.Now().Add(time.Hour)
	p := &store.PublishRequest{Channel: "c", Event: "chat"}
	b.ReportAllocs()
	for b.Loop() {
		sch := store.Schedule{ID: ulid.Make(), Due: far, Publish: p}
		if _, err := s.Scheduler().Add(ctx, sch); err != nil {
			b.Fatal(err)
		}
	}
}
